package state_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// flood is what messages with ten thousand keys leave.
func (b *bench) flood(column string) {
	b.t.Helper()
	b.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
		INSERT INTO traits (key, name, class, ` + column + `, created_at) SELECT 'k' || i, '', 'audience', 'web', 0 FROM n`)
}

// runWith begins a run of a process whose source web takes some keys only.
func (b *bench) runWith(keys ...string) {
	b.t.Helper()
	require.NoError(b.t, b.db.Close())
	var err error
	b.db, err = state.Open(context.Background(), options(b.path))
	require.NoError(b.t, err)
	b.run, err = b.db.BeginRun(context.Background(), state.RunInfo{Kind: "run", Fingerprint: "f", Guards: b.limits(), Feeds: func(source, key string) bool {
		for _, k := range keys {
			if k == key || k == "*" {
				return true
			}
		}
		return source != "web"
	}})
	require.NoError(b.t, err)
}

func TestTraitFlood(t *testing.T) {
	t.Parallel()
	rejected := func(b *bench) int64 {
		c, err := b.db.RunCounts(context.Background(), b.run)
		require.NoError(t, err)
		return c["rejected"]
	}

	t.Run("a key more is a rejected line; lists and events go on", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.flood("changes_source")
		b.runWith("*")
		b.change(user("u1"), "more", "true", b.now)
		b.view("u2")
		b.list("vip", state.Guard{}, "u3")
		require.EqualValues(t, 1, rejected(b))
		require.ElementsMatch(t, []string{"page", "u3 vip=true"}, b.send())
		b.change(user("u1"), "k7", "true", b.now)
		require.Equal(t, []string{"u1 k7=true"}, b.send(), "the known ones go on")
		b.sound()
	})

	t.Run("keys that nothing feeds any more do not count", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.flood("changes_source")
		b.runWith("more", "k1", "k2")
		b.change(user("u1"), "more", "true", b.now)
		require.Zero(t, rejected(b))
		require.Equal(t, []string{"u1 more=true"}, b.send())
	})

	t.Run("nor those of a source that is gone", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.flood("list_source")
		b.runWith()
		b.list("vip", state.Guard{}, "u3")
		require.Equal(t, []string{"u3 vip=true"}, b.send())
	})

	t.Run("a list more than ten thousand is an error of its own", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.flood("list_source")
		b.runWith("*")
		_, err := b.db.NewList(context.Background(), state.ListInfo{Trait: audience("vip"), Source: "exports", ListedAt: b.now})
		require.ErrorIs(t, err, state.ErrTooManyTraits)
		b.change(user("u1"), "more", "true", b.now)
		require.Equal(t, []string{"u1 more=true"}, b.send(), "messages go on")
	})
}
