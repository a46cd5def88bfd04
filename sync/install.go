package sync

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/segment"
)

// asking is the question, before the conversion of an app install, which click
// it came from. It goes to the tracking host and counts there. Whatever becomes
// of it, the conversion goes out.
type asking struct {
	off      atomic.Bool
	failures atomic.Int64 // in a row
	first    sync.Once    // of the failures
}

const (
	patience     = 10 * time.Second // for room at the tracking host
	mostFailures = 20               // in a row: the conversions must not wait for a dead host
)

// question returns what to ask for a conversion that our rules let through; false
// where nothing is: it is no install, the click is known, or the install cannot be a page load.
// A click of the person's from before the install is not the install's own.
func (e *Engine) question(ctx context.Context, m *segment.Message, c state.Claim, conversion mapping.Request) (mapping.Request, bool) {
	if !e.AppInstall || conversion.Kind != mapping.Install {
		return mapping.Request{}, false
	}
	if click, has := conversion.Params.Get("ClickId"); has && (c.NewClick || click != c.ClickID) {
		return mapping.Request{}, false
	}
	req, err := e.Mapper.AppInstall(m, mapping.Person{Now: e.now(), Traits: e.traitsOf(ctx, c.Profile)})
	return req, err == nil
}

// withClick asks which click an install came from, and returns its conversion
// with the answer.
func (d *dispatch) withClick(run, ctx context.Context, m *segment.Message, o *state.Outcome, req mapping.Request) mapping.Request {
	question, ok := d.question(ctx, m, o.Claim, req)
	if !ok {
		return req
	}
	click := d.ask(run, ctx, question.PageLoad(), o)
	if click == "" {
		return req
	}
	c := o.Claim
	c.ClickID = click
	again, err := d.request(ctx, m, c)
	if err != nil {
		return req
	}
	o.ClickID, o.Person = click, state.Person(m.Identity())
	o.Notes = append(o.Notes, "install_click")
	return again
}

// ask returns the click that the tracking host answers with, or "".
func (d *dispatch) ask(run, ctx context.Context, install impactapi.PageLoad, o *state.Outcome) string {
	host := d.limits.tracking
	if d.asking.off.Load() || !host.Turn(run, patience) {
		o.Notes = append(o.Notes, "install_not_asked")
		return ""
	}
	d.Point("before an install is asked for")
	res, err := d.Client.SendAppInstall(ctx, install)
	if err != nil {
		var api *impactapi.Error
		if errors.As(err, &api) {
			o.Asked = api.Attempts
			host.Failed(api)
		}
		host.Settle(o.Asked)
		o.Notes = append(o.Notes, "install_not_asked")
		d.unanswered(ctx, api, err)
		return ""
	}
	o.Asked = res.Attempts
	host.Settle(o.Asked)
	host.Answered(res.Rate)
	d.asking.failures.Store(0)
	o.Notes = append(o.Notes, "install_asked")
	return d.Mapper.InstallClick(res)
}

// unanswered notes a question without an answer. It ends the asking for this run
// where every other question would go the same way.
func (d *dispatch) unanswered(ctx context.Context, api *impactapi.Error, err error) {
	switch {
	case ctx.Err() != nil:
	case api != nil && (odd(api) || credentials(api)):
		d.stopAsking("the tracking host does not take /AppInstall", err)
	case d.asking.failures.Add(1) >= mostFailures:
		d.stopAsking("the tracking host does not answer /AppInstall", err)
	default:
		d.asking.first.Do(func() {
			d.Log.Warn("an app install could not be asked for its click id; its conversion goes out without one", "error", err)
		})
	}
}

func (d *dispatch) stopAsking(why string, err error) {
	if d.asking.off.CompareAndSwap(false, true) {
		d.Log.Warn(why+": in this run the conversions of app installs go out without asking for their click ids; destination.appInstall: false never asks", "error", err)
	}
}
