package sync

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/reconcile"
)

// Reconcile says how what impact.com made of orders is looked up.
type Reconcile struct {
	Campaign      string
	Every         time.Duration     // at the end of a run, if the last time is longer ago; 0: only by [Engine.Reconcile]
	Window        time.Duration     // how far back impact.com's actions are read
	After         time.Duration     // an order has no action sooner than this after it was sent
	Share         float64           // of ConversionsPerHour, for the requests
	Types         map[string]string // ActionTrackerId by our event type, where neither number, code nor name says it
	Reattribution []string          // dispositions of actions that were given to another partner, beside those that say so
}

// NeedsPerson are the verdicts that a person has to look at.
var NeedsPerson = []string{"double", "refund_owed", "differs", "refused"}

// Reconciled is what a look at impact.com's actions found.
type Reconciled struct {
	Since    time.Time        `json:"since"`
	Requests int64            `json:"requests"`
	Actions  int64            `json:"actions_read"`
	Missed   int64            `json:"actions_missed,omitempty"` // they moved between pages
	Nameless int64            `json:"actions_without_order_id,omitempty"`
	Orders   map[string]int64 `json:"orders"` // of the window, by verdict
	Person   int64            `json:"need_a_person"`
}

// Reconcile reads impact.com's actions that were updated since a time, and gives each
// order its verdict. It is a run of its own kind in the history, which sends nothing.
func (e *Engine) Reconcile(ctx context.Context, since time.Time, deadline time.Time) (Report, error) {
	p, err := e.begin(ctx, reconcileKind, Options{Deadline: deadline})
	if err = Cause(ctx, err); err != nil {
		return Report{ExitCode: ExitCode(err)}, fmt.Errorf("begin to reconcile: %w", err)
	}
	if p.limits, err = p.newLimits(ctx); err == nil {
		err = p.reconcile(ctx, since)
	}
	return p.finish(ctx, err)
}

const reconcileKind = "reconcile"

// reconcileIfDue reconciles at the end of a run, if that is due. Its failure fails the
// run only if the credentials are at fault: what is sent does not depend on it.
func (p *pass) reconcileIfDue(ctx context.Context) error {
	r := p.Orders
	if r.Every <= 0 || p.narrowed() || p.interrupted || ended(ctx) {
		return nil
	}
	last, err := p.State.LastReading(ctx)
	if err != nil {
		return fmt.Errorf("when the orders were reconciled last: %w", err)
	}
	if p.now().Sub(last) < r.Every-time.Minute { // runs do not begin to the second
		return nil
	}
	err = p.reconcile(ctx, p.now().Add(-r.Window))
	if err != nil && !errors.Is(err, state.ErrUnusable) && !errors.Is(err, state.ErrFull) && !errors.Is(err, state.ErrDisk) && !isUnauthorized(err) {
		p.Log.Warn("what impact.com made of the orders could not be read to its end; deliveries are not affected, and the next run goes on", "error", err)
		err = nil
	}
	return err
}

func ended(ctx context.Context) bool { return ctx.Err() != nil }

func isUnauthorized(err error) bool {
	var api *impactapi.Error
	return errors.As(err, &api) && api.Status == http.StatusUnauthorized
}

// reconcile reads actions and judges orders.
func (p *pass) reconcile(ctx context.Context, since time.Time) error {
	if end := p.options.Deadline; !end.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	r := p.Orders
	p.Progress.start("read", "impact.com", -1, "actions")
	defer p.Progress.done()
	var shown int64
	reader := reconcile.New(reconcile.Config{
		State: p.State, Client: p.Client, Limit: p.limits.api, Log: p.Log, Campaign: r.Campaign, Now: p.now, Types: r.Types,
		PerHour: r.perHour(p.ConversionsPerHour), Judging: state.Judging{After: r.After, Reattribution: r.Reattribution},
		Watch: func(rows, _ int64) {
			p.Progress.add(rows - shown)
			shown = rows
		},
	})
	reading, err := reader.Run(ctx, since)
	if err != nil {
		return p.readingTrouble(err)
	}
	return p.noteReconciled(ctx, since, reading)
}

// perHour returns how many requests an hour reading actions may take.
func (r Reconcile) perHour(all int) int {
	if all <= 0 || r.Share <= 0 || r.Share >= 1 {
		return 0
	}
	return max(int(r.Share*float64(all)), 1)
}

// readingTrouble says what the failure of a reading means.
func (p *pass) readingTrouble(err error) error {
	var api *impactapi.Error
	switch {
	case isUnauthorized(err) && errors.As(err, &api):
		return credentialsError(api)
	case errors.Is(err, reconcile.ErrScope):
		return fmt.Errorf("%w: %w", ErrCredentials, err)
	}
	return err
}

func (p *pass) noteReconciled(ctx context.Context, since time.Time, reading state.Reading) error {
	totals, err := p.State.Totals(ctx, since, false, false)
	if err != nil {
		return fmt.Errorf("sum up the orders: %w", err)
	}
	found := Reconciled{Since: since, Requests: reading.Requests, Actions: reading.Actions, Missed: reading.Missed, Orders: map[string]int64{}}
	if found.Nameless, err = p.State.NamelessActions(ctx, since); err != nil {
		return fmt.Errorf("count actions without an order: %w", err)
	}
	for _, t := range totals {
		found.Orders[t.Verdict] += t.Orders
	}
	for _, verdict := range NeedsPerson {
		found.Person += found.Orders[verdict]
	}
	p.report.Reconciled = &found
	return nil
}

// note says how many orders need a person, by verdict.
func (r *Reconciled) note() string {
	var all []string
	for _, verdict := range NeedsPerson {
		if n := r.Orders[verdict]; n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, verdict))
		}
	}
	return fmt.Sprintf("%s a person: %s", english.Plural(int(r.Person), "order needs", "orders need"), strings.Join(all, ", "))
}
