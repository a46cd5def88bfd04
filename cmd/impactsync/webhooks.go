package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/notify"
	"github.com/impactsync/impactsync/state"
)

// told is what one webhook was told in this run.
type told struct{ began, over []state.Notice }

// notify tells each webhook what it has not been told yet. Without a state nothing is
// known of earlier runs, and it is told again.
func (a *app) notify(ctx context.Context, e *ending) {
	hooks := e.config.Notify.Webhooks
	if len(hooks) == 0 && len(e.notices) == 0 {
		return
	}
	all := e.conditions()
	results := make([]told, len(hooks))
	var sending sync.WaitGroup
	for i, w := range hooks {
		sending.Go(func() { results[i] = a.tellWebhook(ctx, e, w, all) })
	}
	sending.Wait()
	changed := told{over: removed(e.notices, hooks)}
	for _, r := range results {
		changed.began, changed.over = append(changed.began, r.began...), append(changed.over, r.over...)
	}
	a.remember(ctx, e, changed)
}

// tellWebhook tells one webhook of the conditions that began or are over.
func (a *app) tellWebhook(ctx context.Context, e *ending, w config.Webhook, all []condition) (done told) {
	if w.URL == "" {
		return done // its file could not be read, which the run's error says
	}
	for _, c := range all {
		since, known := e.toldOf(w.Name, c.name)
		began := c.holds && !known && slices.Contains(w.On, c.name)
		over := !c.holds && known
		if !began && !over {
			continue
		}
		event := notify.Recovered
		if began {
			event, since = c.name, e.at
		}
		if began || slices.Contains(w.On, notify.Recovered) {
			n := e.notice(c, notify.New(event, c.name, destination(e.config), since, e.at))
			if err := sender().Send(ctx, webhook(w), n); err != nil {
				a.unsent(w.Name, err)
				continue // the next run tries again
			}
			a.log.Info("notified", "webhook", w.Name, "event", event, "condition", c.name)
		}
		change := state.Notice{Webhook: w.Name, Condition: c.name, Since: since}
		if began {
			done.began = append(done.began, change)
		} else {
			done.over = append(done.over, change)
		}
	}
	return done
}

// toldOf returns since when a webhook knows of a condition.
func (e *ending) toldOf(webhook, condition string) (since time.Time, known bool) {
	for _, n := range e.notices {
		if n.Webhook == webhook && n.Condition == condition {
			return n.Since, true
		}
	}
	return time.Time{}, false
}

// removed returns what webhooks were told that the configuration has no more.
func removed(notices []state.Notice, hooks []config.Webhook) (all []state.Notice) {
	for _, n := range notices {
		if !slices.ContainsFunc(hooks, func(w config.Webhook) bool { return w.Name == n.Webhook }) {
			all = append(all, n)
		}
	}
	return all
}

// remember keeps in the state what webhooks were told.
func (a *app) remember(ctx context.Context, e *ending, t told) {
	if !e.known || len(t.began)+len(t.over) == 0 {
		return
	}
	err := a.opened(ctx, e.config, state.Options{Binding: binding(e.config)}, func(db *state.DB) error { return db.Told(ctx, t.began, t.over) })
	if err != nil && !errors.Is(err, state.ErrMissing) {
		a.log.Warn("what webhooks were told could not be kept: the next run tells them again", "error", err)
	}
}

// newUUID returns a random UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
