package segment

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHashEmail(t *testing.T) {
	t.Parallel()
	const want = "63a710569261a24b3766275b7000ce8d7b32e2f7" // sha1sum of "user@example.com"
	for _, s := range []string{"user@example.com", " User@Example.COM\n", want, "63A710569261A24B3766275B7000CE8D7B32E2F7"} {
		hash, ok := HashEmail(s)
		require.True(t, ok, s)
		require.Equal(t, want, hash)
	}
	for _, s := range []string{"", "user", "user@", "@example.com", "a@b", "two words@x.example", want + want[:24]} {
		_, ok := HashEmail(s)
		require.False(t, ok, s)
	}
}

func TestRedactURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://x.example/?a=1&im_ref=Q%3A1":                      "https://x.example/?a=1&im_ref=Q%3A1",
		"https://x.example/?email=a@b.example&c=2":                 "https://x.example/?email=&c=2",
		"https://x.example/?email=a%40b.example#f":                 "https://x.example/?email=#f",
		"https://x.example/?u=https%253A%252F%252Fa%2540b.example": "https://x.example/?u=",
		"https://x.example/u/a@b.example/orders":                   "https://x.example/u//orders",
		"https://a@b.example:s@x.example/p":                        "https://x.example/p",
		"https://a%40b.example/p":                                  "https:///p",
		"mailto:a@b.example?subject=x":                             "mailto:?subject=x",
		"?e=a%40b%2Eexample%zz":                                    "?e=",
		"app://view?sharedid=abcd":                                 "app://view?sharedid=abcd",
		"https://x.example/40%25/@handle":                          "https://x.example/40%25/@handle",
	} {
		require.Equal(t, want, RedactURL(in))
	}
	require.Equal(t, "write to  now", Redact("write to a@b.example now"))
}

// Addresses in other clothes are addresses; what only looks a little like one is not.
func TestUnusualAddresses(t *testing.T) {
	t.Parallel()
	const want = "63a710569261a24b3766275b7000ce8d7b32e2f7" // sha1sum of "user@example.com"
	for _, s := range []string{"user\uff20example.com", "user\ufe6bexample\uff0ecom", "User@example\u3002com", "user&#64;example.com", "user&#x40;example.com", "user&commat;example.com", "user&amp;#64;example.com", "user%EF%BC%A0example.com"} {
		hash, ok := HashEmail(s)
		require.True(t, ok, s)
		require.Equal(t, want, hash, s)
		require.Equal(t, want, Redact(s), s)
		require.Equal(t, Identity{EmailSHA1: want}, NewIdentity(s, "", ""), s)
		require.NotContains(t, Redact("write to "+s+" now"), "example", s)
		require.NotContains(t, RedactURL("https://x.example/?to="+s+"&a=1"), "user", s)
	}
	for _, s := range []string{"x@localhost", "x@[192.0.2.1]", "x@[IPv6:2001:db8::1]", `"a b"@example.com`, "mailto:x@example.com", "x%40example.com", "x%2540localhost", "x%25%34%30example.com", "x%26%2364%3Bexample.com", "x%25EF%25BC%25A0example.com", "x%40example%E3%80%82com"} {
		require.True(t, HoldsEmail(s), s)
		require.False(t, HoldsEmail(Redact(s)), s)
		require.NotContains(t, Redact(s), "@", s)
		id := NewIdentity(s, "", "")
		require.Empty(t, id.UserID, s)
		require.Len(t, id.EmailSHA1, 40, s)
	}
	// Nor does an address hide between parts of a URL, or appear when something is cut out.
	for _, s := range []string{`"a:b"@example.com`, `https://x.example/"a/b"@example.com`, `https://x.example/?a=%22a%26b%22%40example.com`, "x://y@://z@a@b.example", "x?a=1@b@[IPv6:2001:db8::1]"} {
		for _, redacted := range []string{Redact(s), RedactURL(s)} {
			require.False(t, HoldsEmail(redacted), s)
			require.NotContains(t, redacted, "@", s)
		}
	}
	require.Empty(t, Redact(strings.Repeat("x@[1", 100)), "each step leaves another address")
	for _, s := range []string{"@handle", "a@b", "a & b", "fish&chips", "x@[not an address]", "me@home", "50\uff05", "\u3002", "rock&#39;n&#39;roll", "x@localhosts"} {
		require.False(t, HoldsEmail(s), s)
		require.Equal(t, s, Redact(s), s)
		require.Equal(t, s, NewIdentity(s, "", "").UserID, s)
	}
	one, other := NewIdentity("auth0|ann@example.com", "", ""), NewIdentity("google|ann@example.com", "", "")
	require.NotEqual(t, one, other, "two ids are two people")
}
