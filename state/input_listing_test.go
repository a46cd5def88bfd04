package state_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func listedOf(t *testing.T, l *state.Listing, source string) (all []state.Listed) {
	t.Helper()
	for o, err := range l.Objects(context.Background(), source) {
		require.NoError(t, err)
		all = append(all, o)
	}
	return all
}

func TestListing(t *testing.T) {
	t.Parallel()
	ctx, day := context.Background(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	object := func(source, name string, days int) state.Object {
		return state.Object{Source: source, Name: name, ETag: "e", Size: 10, ModTime: day.AddDate(0, 0, days)}
	}
	list := func(t *testing.T, db *state.DB, objects ...state.Object) *state.Listing {
		l := db.NewListing(0)
		t.Cleanup(func() { require.NoError(t, l.Close()) })
		for _, o := range objects {
			require.NoError(t, l.Add(context.Background(), state.Listed{Object: o, Key: "key of " + o.Name}))
		}
		return l
	}

	t.Run("comes oldest first, then by name, each source for itself", func(t *testing.T) {
		t.Parallel()
		l := list(t, setup(t).db, object("web", "b", 2), object("web", "c", 1), object("app", "x", 0), object("web", "a", 2))
		var names []string
		for _, o := range listedOf(t, l, "web") {
			names = append(names, o.Name)
			require.Equal(t, "key of "+o.Name, o.Key)
		}
		require.Equal(t, []string{"c", "a", "b"}, names)
		require.Equal(t, state.Left{Objects: 1, Bytes: 10}, l.Left("app"))
		require.Empty(t, listedOf(t, l, "other"))
	})

	t.Run("leaves out what was read and has not changed", func(t *testing.T) {
		t.Parallel()
		db := setup(t).db
		done, bad, half := object("web", "done", 1), object("web", "bad", 2), object("web", "half", 3)
		done.Done, bad.Problem = true, "damaged"
		half.Offset, half.Line, half.Hash = 7, 1, []byte{1}
		other := done
		other.Source = "app"
		for _, o := range []state.Object{done, bad, half} {
			require.NoError(t, db.Store(ctx, state.Batch{Object: o}))
		}
		all := listedOf(t, list(t, db, done, bad, half, other), "web")
		require.Len(t, all, 1)
		require.EqualValues(t, 7, all[0].Offset)
		require.EqualValues(t, 1, all[0].Line)
		require.Equal(t, []byte{1}, all[0].Hash)
		require.True(t, half.ModTime.Equal(all[0].ModTime))

		grown, touched, swapped := done, bad, done
		grown.Size, touched.ModTime, swapped.ETag = 11, day, "f"
		for _, o := range []state.Object{grown, touched, swapped} {
			require.Len(t, listedOf(t, list(t, db, o), "web"), 1)
		}
		require.Len(t, listedOf(t, list(t, db, done, other), "app"), 1)
	})
}

func TestVanishedObjectsAreForgotten(t *testing.T) {
	t.Parallel()
	ctx, b := context.Background(), setup(t)
	object := func(name string) state.Object {
		return state.Object{Source: "web", Name: name, ETag: "e", Done: true, ModTime: b.now}
	}
	event := func(key string, kind state.Kind) []state.Item {
		return []state.Item{{Person: state.Person{UserID: "u1"}, SeenAt: b.now, Event: &state.Event{Key: key, MessageID: key, Kind: kind, Name: "page", At: b.now, Payload: []byte("{}")}}}
	}
	for _, name := range []string{"gone", "waits", "there", "other"} {
		batch := state.Batch{Object: object(name)}
		switch name {
		case "waits":
			batch.Items = event("m1", state.PageLoad)
		case "other":
			batch.Object.Source = "app"
		}
		require.NoError(t, b.db.Store(ctx, batch))
	}
	known := func() (names []string) {
		for _, name := range []string{"gone", "waits", "there", "last"} {
			if _, found, err := b.db.ObjectState(ctx, "web", name); found {
				require.NoError(t, err)
				names = append(names, name)
			}
		}
		return names
	}
	list := func(after time.Duration, names ...string) {
		b.now = b.now.Add(after)
		l := b.db.NewListing(24 * time.Hour)
		for _, name := range names {
			require.NoError(t, l.Add(context.Background(), state.Listed{Object: object(name)}))
		}
		require.NoError(t, l.Forget(context.Background(), "web"))
		require.NoError(t, l.Close())
	}
	list(23*time.Hour, "there")
	require.Equal(t, []string{"gone", "waits", "there"}, known(), "not yet")
	require.NoError(t, b.db.Store(ctx, state.Batch{Object: object("last")}))
	list(2*time.Hour, "there", "new")
	require.Equal(t, []string{"waits", "there", "last"}, known(), "what waits still says where it came from")
	_, found, err := b.db.ObjectState(ctx, "app", "other")
	require.NoError(t, err)
	require.True(t, found, "of another source")
	problems, err := b.db.Check(ctx)
	require.NoError(t, err)
	require.Empty(t, problems)
	b.reopen()
}

// The listing is on disk: what an object costs in memory is nothing.
func TestListingMemory(t *testing.T) {
	const n = 50_000
	db := setup(t).db
	l := db.NewListing(0)
	defer func() { require.NoError(t, l.Close()) }()
	inUse := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := inUse()
	for i := range n {
		require.NoError(t, l.Add(context.Background(), state.Listed{Object: state.Object{
			Source: "web", Name: fmt.Sprintf("segment-logs/abc/1794960000000/1794960000000-%08d.gz", i), Size: 10, ModTime: time.Unix(int64(n-i), 0),
		}}))
	}
	require.EqualValues(t, n, l.Left("web").Objects)
	last, count := time.Time{}, 0
	for o, err := range l.Objects(context.Background(), "web") {
		require.NoError(t, err)
		require.True(t, o.ModTime.After(last))
		last = o.ModTime
		if count++; count == n/2 {
			require.Less(t, (inUse()-before)/n, int64(10), "bytes an object")
		}
	}
	require.Equal(t, n, count)
}
