// Package daemon runs a function on a schedule: robfig/cron around a
// func(ctx) error. A tick that comes while the function still runs is skipped, a
// panic is logged and the schedule continues, and the end of the context stops
// everything in good order.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/robfig/cron/v3"
)

// Config says what to run and when. Schedule, Run and Log are required.
type Config struct {
	// Schedule is five cron fields or a descriptor such as @hourly or @every 2h.
	Schedule string
	// Location is the schedule's time zone; nil means UTC. A time that a change
	// of clocks leaves out is skipped that day
	// (https://pkg.go.dev/github.com/robfig/cron/v3#hdr-Time_zones).
	Location *time.Location
	// Run is called once per tick. Its context ends with that of [Daemon.Run], with
	// the same cause. Its error is logged, at the level that Level says.
	Run func(context.Context) error
	// Level returns how bad an error of Run is; nil: each is an error.
	Level func(error) slog.Level
	Log   *slog.Logger
}

// Daemon is a function with its schedule.
type Daemon struct {
	Config
	schedule cron.Schedule
	now      func() time.Time // the wall clock
}

// New checks the schedule.
func New(c Config) (*Daemon, error) {
	if c.Run == nil || c.Log == nil {
		return nil, errors.New("daemon: Run and Log are required")
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	schedule, err := ParseSchedule(c.Schedule)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w", c.Schedule, err)
	}
	if c.Level == nil {
		c.Level = func(error) slog.Level { return slog.LevelError }
	}
	return &Daemon{Config: c, schedule: schedule, now: time.Now}, nil
}

// Next returns the first tick after a time.
func (d *Daemon) Next(after time.Time) time.Time { return d.schedule.Next(after.In(d.Location)) }

// Run follows the schedule until the context ends, and then waits for a call that is
// under way. It is called once.
func (d *Daemon) Run(ctx context.Context) {
	log := logger{d.Log}
	// Recover comes inside: SkipIfStillRunning frees its slot only when the job
	// returns, so a panic through it would end the schedule for good.
	job := cron.NewChain(cron.SkipIfStillRunning(log), cron.Recover(log)).Then(cron.FuncJob(func() { d.tick(ctx) }))
	c := cron.New(cron.WithLocation(d.Location), cron.WithLogger(log))
	id := c.Schedule(d.schedule, job)
	d.Log.Info("waiting for the schedule", "schedule", d.Schedule, "zone", d.Location.String(), "next", d.Next(d.now()))
	c.Start()
	d.watchClock(ctx, func() {
		c.Remove(id)
		id = c.Schedule(d.schedule, job)
	})
	d.Log.Info("stopping", "why", context.Cause(ctx).Error())
	<-c.Stop().Done()
}

// How often the clock is checked, and the smallest step that counts: clocks are also
// slewed.
const (
	clockEvery = 30 * time.Second
	leastStep  = 30 * time.Second
)

// watchClock calls planAgain when the clock was set, until the context ends. Cron
// computes the next tick once: after the clock was set back by a day, it would sleep
// for more than a day.
func (d *Daemon) watchClock(ctx context.Context, planAgain func()) {
	ticker := time.NewTicker(clockEvery)
	defer ticker.Stop()
	began := time.Now()
	// offset is how far the wall clock has moved from the monotonic clock since then.
	offset := func() time.Duration { return d.now().Round(0).Sub(began) - time.Since(began) }
	last := offset()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := offset()
		step := now - last
		if last = now; step.Abs() < leastStep {
			continue
		}
		planAgain()
		d.Log.Warn("the clock was set", "by", step.Round(time.Second).String(), "next", d.Next(d.now()))
	}
}

func (d *Daemon) tick(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	if err := d.Config.Run(ctx); err != nil {
		d.Log.Log(ctx, d.Level(err), "the run ended before everything was in order", "error", err)
	}
	d.Log.Info("waiting for the schedule", "next", d.Next(d.now()))
}

// logger passes cron's log on to slog, without its notes on waking up.
type logger struct{ log *slog.Logger }

// Info implements [cron.Logger].
func (l logger) Info(msg string, keysAndValues ...any) {
	if msg == "skip" {
		l.log.Warn("a tick is skipped: the previous run is still in progress")
		return
	}
	l.log.Debug(msg, keysAndValues...)
}

// Error implements [cron.Logger].
func (l logger) Error(err error, msg string, keysAndValues ...any) {
	l.log.Error(msg, append([]any{"error", err}, keysAndValues...)...)
}
