package suppressions

import (
	"cmp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/table"
)

// FuzzRead holds the reader to its laws: no panic, no blank id, and the same
// ids when it reads one a line what it gave.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"u1\nu2\n", "user_id\nu1\n", "a,user_id\n1,\"u,\n1\"\n", `{"userId":"u1"}`, `{"subjectType":"USER_ID","subjectIds":["u1"]}`, `{"subjectIds":["", "u1"]}`, "\ufeff\n\n x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ids, err := all(text)
		if err != nil || len(ids) == 0 {
			return
		}
		for _, id := range ids {
			require.NotEmpty(t, id)
			// What would be a form of its own, or more lines than one.
			if strings.ContainsFunc(id, notInID) || strings.ContainsAny(id, "{[-|\ufeff") || table.KindOf(id) != table.None || isWord(id) {
				return
			}
		}
		again, err := all(strings.Join(ids, "\n"))
		require.NoError(t, err)
		require.Equal(t, ids, again)
	})
}

func all(text string) (ids []string, err error) {
	err = read(strings.NewReader(text), func(who segment.Identity) error {
		if id := cmp.Or(who.UserID, who.AnonymousID); id != "" {
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}
