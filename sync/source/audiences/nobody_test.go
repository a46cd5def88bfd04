package audiences

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
)

func TestIDsOfNobodyInLists(t *testing.T) {
	t.Parallel()
	const list = "user_id,anonymous_id,email,external_ids\n" +
		"u1,,a@x.example,\n" +
		"\\N,,b@x.example,\n" +
		"NULL,anon-2,nan,\n" +
		"None,None,None,\n" +
		"web_user,anon-3,\\N,\n" +
		`null,null,null,"{""user_id"":[""undefined"",""u2""],""anonymous_id"":[""nil"",""anon-4""]}"` + "\n" +
		"guest,,,\n"
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "vip.csv"), []byte(list), 0o600))
	s, err := New(context.Background(), Config{Name: "lists", URL: "file://" + dir, Placeholders: segment.NewPlaceholders([]string{"web_user"}, nil)})
	require.NoError(t, err)
	defer s.Close()
	var people []segment.Identity
	var rejected []int64
	for in, err := range s.Inputs(context.Background(), nil) {
		require.NoError(t, err)
		require.NoError(t, s.Read(context.Background(), in, source.Position{}, func(b source.Batch) error {
			for _, m := range b.Members {
				people = append(people, m.Identity)
			}
			for _, r := range b.Records {
				rejected = append(rejected, r.Line)
			}
			return nil
		}))
	}
	a, _ := segment.HashEmail("a@x.example")
	b, _ := segment.HashEmail("b@x.example")
	require.Equal(t, []segment.Identity{
		{UserID: "u1", EmailSHA1: a}, {EmailSHA1: b}, {AnonymousID: "anon-2"}, {AnonymousID: "anon-3"}, {UserID: "u2", AnonymousID: "anon-4"},
	}, people)
	require.Equal(t, []int64{5, 8}, rejected)
}
