package sync_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/events"
)

// TestOldDaysAreListedOnceADay: in between, only the newest days are, and what came into
// an old one meanwhile is found by the next whole listing.
func TestOldDaysAreListedOnceADay(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	today := time.Now().UTC().Truncate(24 * time.Hour)
	users := 0
	put := func(daysAgo int) {
		users++
		day := today.AddDate(0, 0, -daysAgo)
		folder := filepath.Join(w.dir, "events", "segment-logs", "abc", fmt.Sprint(day.UnixMilli()))
		require.NoError(t, os.MkdirAll(folder, 0o700))
		line := fmt.Sprintf(`{"type":"identify","messageId":"m%d","userId":"u%[1]d","traits":{"vip":true},"context":{"personas":{"computation_class":"audience","computation_key":"vip"}},"timestamp":%q}`,
			users, day.Format(time.RFC3339))
		require.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprint(users, ".json")), []byte(line+"\n"), 0o600))
	}
	now := time.Now()
	place := "here"
	var failing bool
	run := func(db *state.DB) int64 {
		w.change = func(c *impactsync.Config) {
			f := &c.Feeds[0]
			src := f.Source.(*events.Source)
			f.Place, f.Since = place, src.Since
			if failing {
				f.Source = unlistable{src}
			}
		}
		e := w.engine(db)
		e.SetNow(func() time.Time { return now })
		r, _ := e.Run(t.Context(), impactsync.Options{})
		return r.Counts["delivered"]
	}
	db := w.open()
	defer func() { require.NoError(t, db.Close()) }()
	put(400)
	put(5)
	put(0)
	require.EqualValues(t, 3, run(db), "the first listing is whole")
	put(400)
	put(1)
	now = now.Add(time.Hour)
	require.EqualValues(t, 1, run(db), "the old day is not looked at")
	place = "there"
	require.EqualValues(t, 1, run(db), "another place is listed whole")
	put(400)
	now = now.Add(23 * time.Hour)
	require.Zero(t, run(db))
	now = now.Add(time.Hour)
	failing = true
	require.Zero(t, run(db), "it could not be listed")
	failing = false
	require.EqualValues(t, 1, run(db), "a day after the last whole listing")
	now = now.Add(100 * 24 * time.Hour)
	require.Zero(t, run(db), "what was read is not forgotten, nor read again")
}

// unlistable cannot be listed.
type unlistable struct{ source.Source }

func (unlistable) Inputs(context.Context, func(source.Object, int64, string)) iter.Seq2[source.Input, error] {
	return func(yield func(source.Input, error) bool) { yield(source.Input{}, errors.New("down")) }
}

func TestDamagedObjectsAreNamedAndTheOthersRead(t *testing.T) {
	t.Parallel()
	const objects = 300
	w := setup(t, sandbox.Config{})
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for i := range objects {
		folder := filepath.Join(w.dir, "events", "segment-logs", "abc", fmt.Sprint(today.AddDate(0, 0, -i%30).UnixMilli()))
		require.NoError(t, os.MkdirAll(folder, 0o700))
		text := fmt.Sprintf(`{"type":"identify","messageId":"m%d","userId":"u%[1]d","traits":{"vip":true},"context":{"personas":{"computation_class":"audience","computation_key":"vip"}},"timestamp":%q}`+"\n",
			i, today.Format(time.RFC3339))
		if i%100 == 7 {
			text = "\x1f\x8b\x08 this is no gzip"
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%05d.json", i)), []byte(text), 0o600))
	}
	w.change = func(c *impactsync.Config) { c.Feeds[0].Since = c.Feeds[0].Source.(*events.Source).Since }
	r, err := w.run(impactsync.Options{})
	require.NoError(t, err)
	require.EqualValues(t, objects-3, r.Counts["delivered"])
	require.EqualValues(t, 3, r.Counts["rejected"])
	require.Equal(t, impactsync.ExitRefused, r.ExitCode)
	db := w.open()
	defer func() { require.NoError(t, db.Close()) }()
	whole, _, err := db.WholeListing(t.Context(), "web", "")
	require.NoError(t, err)
	require.True(t, today.Equal(whole.Day), "objects that cannot be read are read again only once they change")
	rows, err := db.Rejected(t.Context(), state.Filter{})
	require.NoError(t, err)
	require.Len(t, rows.Rows, 3)
}
