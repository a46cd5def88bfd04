// Package reconcile reads what impact.com made of our orders, and keeps it in the
// state. It only reads: nothing is sent, changed or reversed.
//
// impact.com cannot be asked for one order. Its actions are read by when they were
// updated, in windows of at most 45 days and page by page, and matched by event type
// and order id in the state. An interrupted reading is resumed at the page where it
// stopped.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/limit"
)

// Config is what a reader works with. State, Client, Limit, Log and Campaign are
// required.
type Config struct {
	State    *state.DB
	Client   *impactapi.Client
	Limit    *limit.Host // of the API host
	Log      *slog.Logger
	Campaign string
	Now      func() time.Time

	PerHour int                        // requests an hour for this; 0: as many as the host takes
	Types   map[string]string          // our event types whose ActionTrackerId is configured
	Judging state.Judging              // how orders are judged
	Wait    time.Duration              // the longest wait for room; 0 means a minute
	Watch   func(rows int64, of int64) // rows read so far, of those known to be; may be nil
}

// Reader reads actions.
type Reader struct {
	Config
	read, total int64 // rows, for Watch
}

// New returns a reader.
func New(c Config) *Reader {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Wait <= 0 {
		c.Wait = time.Minute
	}
	return &Reader{Config: c}
}

// ErrScope says that the token may not read actions. Nothing that was read is lost.
var ErrScope = errors.New("the token's scopes do not allow reading actions (impact.com, Settings, Technical, API)")

// Run reads what was updated since a time, then gives each order its verdict.
func (r *Reader) Run(ctx context.Context, since time.Time) (state.Reading, error) {
	r.State.GiveTypes(r.Types)
	reading, err := r.begin(ctx, since)
	if err != nil {
		return reading, fmt.Errorf("begin to read impact.com's actions: %w", err)
	}
	if err := r.windows(ctx, reading); err != nil {
		return reading, err
	}
	if err := r.tail(ctx, reading); err != nil {
		return reading, err
	}
	if err := r.changes(ctx, reading); err != nil {
		return reading, err
	}
	if reading, err = r.State.EndReading(ctx, reading); err != nil {
		return reading, err
	}
	if reading.Missed > 0 {
		r.Log.Warn("impact.com's actions changed faster than their pages were read; orders without an action keep waiting for the next reading", "missed", reading.Missed)
	}
	return reading, r.Judge(ctx)
}

// Judge gives each order its verdict by what was read so far.
func (r *Reader) Judge(ctx context.Context) error {
	if err := r.State.ResolveTypes(ctx); err != nil {
		return fmt.Errorf("match event types: %w", err)
	}
	if err := r.State.JudgeOrders(ctx, r.Judging); err != nil {
		return fmt.Errorf("judge orders: %w", err)
	}
	return nil
}

// begin begins a reading, or goes on with one.
func (r *Reader) begin(ctx context.Context, since time.Time) (state.Reading, error) {
	reading, err := r.State.BeginReading(ctx, since)
	if err != nil || reading.Resumed {
		return reading, err
	}
	return reading, r.State.AddWindows(ctx, windows(reading, state.ActionRows, since, reading.Started)...)
}

// windows returns the windows of a reading between two times.
func windows(reading state.Reading, kind string, from, to time.Time) []state.ReadWindow {
	all := Cut(kind, from, to)
	for i := range all {
		all[i].Reading = reading.ID
	}
	return all
}

// windows reads all windows that there are.
func (r *Reader) windows(ctx context.Context, of state.Reading) error {
	return Walk{r.Limit, r.Log, r.Wait}.Over(ctx, reading{r, of})
}

// tail reads what changed while the windows were read: it has left them.
func (r *Reader) tail(ctx context.Context, reading state.Reading) error {
	end, err := r.State.WindowsEnd(ctx, reading, state.ActionRows)
	if err != nil || r.Now().Sub(end) < time.Second {
		return err
	}
	if err := r.State.AddWindows(ctx, windows(reading, state.ActionRows, end, r.Now())...); err != nil {
		return err
	}
	return r.windows(ctx, reading)
}

// changes reads why actions were reversed or modified, if one was. Without it, orders
// get their verdicts all the same.
func (r *Reader) changes(ctx context.Context, reading state.Reading) error {
	needed, err := r.State.Unexplained(ctx)
	if err != nil || !needed {
		return err
	}
	end, err := r.State.WindowsEnd(ctx, reading, state.ChangeRows)
	if err != nil {
		return err
	}
	if end.IsZero() {
		if err := r.State.AddWindows(ctx, windows(reading, state.ChangeRows, reading.Since, r.Now())...); err != nil {
			return err
		}
	}
	err = r.windows(ctx, reading)
	if errors.Is(err, ErrScope) {
		r.Log.Warn("why actions were reversed cannot be read: the token's scopes do not allow reading ActionUpdates; such orders are reported as reversed_elsewhere or reattributed without a reason", "error", err)
		return nil
	}
	return err
}
