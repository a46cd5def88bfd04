package state

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// A range of few rows reads few people, however long the values are.
func TestKeysOfFew(t *testing.T) {
	t.Parallel()
	const people, members = 5_000, 50
	ctx := context.Background()
	d, err := Open(ctx, Options{Path: filepath.Join(t.TempDir(), "state.db"), Create: true})
	require.NoError(t, err)
	defer d.Close()
	of := &trait{id: 1, key: "tier", class: Computed}
	require.NoError(t, d.file.Update(nil, func(tx sqlite.Tx) error {
		for i := range int64(people) {
			require.NoError(t, tx.Put(`INSERT INTO profiles (id, user_id) VALUES (?1, 'u' || ?1)`, i))
			if i%(people/members) == 0 {
				require.NoError(t, tx.Put(`INSERT INTO trait_values (trait_id, profile_id, wanted) VALUES (1, ?, ?)`, i, strings.Repeat("long", 500)))
			}
		}
		return nil
	}))
	conns, release, err := d.file.Readers(ctx, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, release()) }()
	reader, err := newRowsReader(ctx, conns[0], of, time.Now().Unix())
	require.NoError(t, err)
	defer reader.close()
	rows, err := reader.between(0, people)
	require.NoError(t, err)
	require.Less(t, len(rows.people.left), members*len("i........t....u1234nn"))
	found := 0
	for rows.next() {
		found++
	}
	require.NoError(t, rows.err())
	require.Equal(t, members, found)
}
