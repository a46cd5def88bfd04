package state

import (
	"context"
	"math"
	"time"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// tx is one write transaction. Its time is fixed when it begins, so that all
// of its rows share a clock. Counters move with it or not at all.
type tx struct {
	sqlite.Tx
	d     *DB
	now   int64
	moved map[counter]int64
	ran   map[string]int64 // counters of the run

	members map[int64]moves // by trait; nil: none

	defers   bool    // putProfile writes a profile when the next one comes, as it may change again
	deferred profile // by putProfile; without a number: none

	absorbed map[int64]int64 // visitors who were absorbed in this transaction, and the first users who have them
	joined   map[int64]bool  // users that visitors were absorbed into
	crowds   map[int64]bool  // profiles whose merging is held; nil until they are read
}

// update applies what logs have left, and runs fn, in one transaction. The context's end does not tear it: what
// was begun is committed or rolled back whole.
func (d *DB) update(ctx context.Context, fn func(*tx) error) error {
	return d.appending(ctx, func(t *tx) error {
		if err := t.applyLogs(); err != nil {
			return err
		}
		return fn(t)
	})
}

// appending runs fn in one transaction, as update does, but does not apply anything
// before.
func (d *DB) appending(ctx context.Context, fn func(*tx) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	t := &tx{d: d, now: d.now().UnixNano(), moved: map[counter]int64{}, ran: map[string]int64{}, absorbed: map[int64]int64{}, joined: map[int64]bool{}}
	err := d.file.Update(d.point, func(s sqlite.Tx) error {
		t.Tx = s
		for _, step := range []func() error{t.refreshed, t.loadTraits, func() error { return fn(t) }, t.judgeJoined, t.flushCounters, t.heartbeat, t.number} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.forgetCaches()
	}
	return err
}

// clock is the time, but never one that an earlier run was past.
func (d *DB) clock() time.Time {
	if now := d.now(); now.UnixNano() > d.latest {
		return now
	}
	return time.Unix(0, d.latest)
}

// tooOld is the time before which events are too old to be sent.
func (d *DB) tooOld(now int64) int64 {
	if d.maxEventAge <= 0 {
		return math.MinInt64
	}
	return now - int64(d.maxEventAge)
}

// view reads one snapshot.
type view struct{ *sqlite.View }

func (d *DB) view(ctx context.Context, fn func(*view) error) error {
	return d.file.View(ctx, func(v *sqlite.View) error { return fn(&view{v}) })
}

// heartbeatEvery is how often a run shows that it is alive.
const heartbeatEvery = 5 * time.Second

// heartbeat rides on the transactions that there are anyway.
func (t *tx) heartbeat() error {
	if since := t.now - t.d.beat; t.d.run == 0 || since >= 0 && since < int64(heartbeatEvery) { // less than 0: the clock was set back
		return nil
	}
	t.d.beat = t.now
	_, err := t.Exec(`UPDATE runs SET heartbeat_at = ? WHERE run = ?`, t.now, t.d.run)
	return err
}

// Each transaction is counted, for [sqlite.DB.CheckLog].
const (
	countCommit   = `UPDATE store SET commits = commits + 1`
	selectCommits = `SELECT commits FROM store`
)

func (t *tx) number() error {
	_, err := t.Exec(countCommit)
	return err
}

// nanos is a time as tables hold it; the zero time is NULL.
func nanos(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UnixNano()
}

// null makes an empty text NULL.
func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}
