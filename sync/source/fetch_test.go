package source_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/events"
)

// TestFetchedObjects: what was fetched before its turn is read as if it had not been, and
// from a server that is far away in a fraction of the time.
func TestFetchedObjects(t *testing.T) {
	const objects, lines = 60, 50
	s := servers[0]
	query, _ := s.start(t)
	far, query := newSlow(t, query)
	p := s.folder(t, "logs", query)
	put(t, p, objects, func(i int) string { return fmt.Sprintf("%03d.gz", i) })
	src, err := events.New(t.Context(), events.Config{Name: "web", URL: p.url})
	require.NoError(t, err)
	defer src.Close()
	var all []source.Input
	for in, err := range src.Inputs(t.Context(), nil) {
		require.NoError(t, err)
		all = append(all, in)
	}
	require.Len(t, all, objects)
	read := func(in source.Input) (ids []string, err error) {
		return ids, src.Read(t.Context(), in, source.Position{}, func(b source.Batch) error {
			for _, r := range b.Records {
				ids = append(ids, strings.Clone(r.Message.MessageID))
			}
			return nil
		})
	}
	far.latency.Store(int64(30 * time.Millisecond))
	pass := func(ahead int) (ids []string, took time.Duration) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		began, fetched := time.Now(), 0
		for i, in := range all {
			for ; ahead > 0 && fetched < min(i+ahead, objects); fetched++ {
				src.Fetch(ctx, all[fetched].Objects[0])
			}
			more, err := read(in)
			require.NoError(t, err)
			ids = append(ids, more...)
		}
		return ids, time.Since(began)
	}
	one, alone := pass(0)
	several, ahead := pass(16)
	require.Len(t, one, objects)
	require.Equal(t, one, several, "in order")
	t.Logf("%d objects, 30 ms a request: %s one by one, %s fetched ahead", objects, alone.Round(time.Millisecond), ahead.Round(time.Millisecond))
	require.Less(t, ahead, alone*3/4)

	t.Run("one that changes after it was listed is noticed", func(t *testing.T) {
		p.put(t, "000.gz", zip(t, "{}\n"+strings.Repeat(`{"type":"page","userId":"u1"}`+"\n", lines)))
		src.Fetch(t.Context(), all[0].Objects[0])
		_, err := read(all[0])
		require.ErrorIs(t, err, source.ErrChanged)
	})
	t.Run("one that vanishes is", func(t *testing.T) {
		require.NoError(t, p.b.Delete(t.Context(), "001.gz"))
		src.Fetch(t.Context(), all[1].Objects[0])
		_, err := read(all[1])
		require.ErrorIs(t, err, source.ErrGone)
	})
	t.Run("what is not read is let go", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		src.Fetch(ctx, all[2].Objects[0])
		cancel()
		ids, err := read(all[2])
		require.NoError(t, err)
		require.Len(t, ids, 1)
	})
}
