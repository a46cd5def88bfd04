package segment

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfiguredPlaceholders(t *testing.T) {
	t.Parallel()
	p := NewPlaceholders([]string{" Web_User", "0815", "noreply@shop.example"}, []string{"test", "0"})
	for _, id := range []string{"web_user", "WEB_USER ", "0815", "undefined", "TEST", "00", "Noreply@Shop.example"} {
		require.False(t, p.Usable(id), id)
		require.True(t, p.Identity(id, id, id).IsZero(), id)
	}
	for _, id := range []string{"web_user2", "test", "0", "08150"} {
		require.True(t, p.Usable(id), id)
	}
	hash, _ := HashEmail("noreply@shop.example")
	require.True(t, p.Identity("", "", hash).IsZero())
	require.False(t, p.Identity("", "", "somebody@shop.example").IsZero())

	require.Nil(t, NewPlaceholders(nil, nil))
	seen := map[string]bool{}
	for _, p := range []*Placeholders{nil, p, NewPlaceholders([]string{"a", "b"}, nil), NewPlaceholders([]string{"a"}, []string{"b"}), NewPlaceholders(nil, []string{"a", "b"})} {
		require.False(t, seen[p.Fingerprint()])
		seen[p.Fingerprint()] = true
	}
	require.Equal(t, NewPlaceholders([]string{"a", "b"}, nil).Fingerprint(), NewPlaceholders([]string{"B", "a "}, nil).Fingerprint())
}

func TestADecoderKnowsTheConfiguredPlaceholders(t *testing.T) {
	t.Parallel()
	d := Decoder{Placeholders: NewPlaceholders([]string{"web_user", "noreply@shop.example"}, []string{"guest"})}
	for line, want := range map[string]Identity{
		`{"type":"track","userId":"Web_User","anonymousId":"a"}`:                                             {AnonymousID: "a"},
		`{"type":"track","userId":"u","anonymousId":"web_user"}`:                                             {UserID: "u"},
		`{"type":"track","userId":"guest","anonymousId":"guest "}`:                                           {UserID: "guest"},
		`{"type":"track","userId":"noreply@shop.example","traits":{"email":"noreply@shop.example"}}`:         {},
		`{"type":"track","traits":{"email":"noreply@shop.example"},"properties":{"email":"a@shop.example"}}`: {EmailSHA1: "2a1b0f5e"},
	} {
		m, err := d.Decode([]byte(line))
		require.NoError(t, err)
		if want.EmailSHA1 != "" {
			want.EmailSHA1, _ = HashEmail("a@shop.example")
		}
		require.Equal(t, want, m.Identity(), line)
		require.Equal(t, want.UserID, m.UserID)
		m.Release()
	}
}
