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

// asking is the state of the questions which click an app install came from. They
// are asked before its conversion, and count towards the tracking host's limits.
// Whatever comes of them, the conversion goes out.
type asking struct {
	off      atomic.Bool
	failures atomic.Int64 // in a row
	first    sync.Once    // for the first failure
}

const (
	patience     = 10 * time.Second // for room at the tracking host
	mostFailures = 20               // in a row: conversions must not wait for a dead host
)

// question returns the request that asks for the click of a conversion; false if
// there is nothing to ask: it is no install, the click is known, or the install
// cannot be a page load. A click that the person had before the install is not the
// install's own.
func (e *Engine) question(ctx context.Context, m *segment.Message, c *state.Claim, conversion mapping.Request) (mapping.Request, bool) {
	if !e.AppInstall || conversion.Kind != mapping.Install {
		return mapping.Request{}, false
	}
	if click, has := conversion.Params.Get("ClickId"); has && (c.NewClick || click != c.ClickID) {
		return mapping.Request{}, false
	}
	var notNow error
	req, err := e.Mapper.AppInstall(m, mapping.Person{Now: e.now(), Traits: e.traitsOf(ctx, m, c.Profile, &notNow)})
	return req, err == nil && notNow == nil
}

// withClick asks which click an install came from, and returns its conversion
// with the answer.
func (d *dispatch) withClick(run, ctx context.Context, m *segment.Message, o *state.Outcome, req mapping.Request) mapping.Request {
	question, ok := d.question(ctx, m, o.Claim, req)
	if !ok {
		return req
	}
	click := d.ask(run, ctx, question.PageLoad, o)
	if click == "" {
		return req
	}
	c := *o.Claim
	c.ClickID = click
	again, err := d.request(ctx, m, &c)
	if err != nil {
		return req
	}
	o.ClickID, o.Person = click, state.Person(m.Identity())
	o.Notes = append(o.Notes, "install_click")
	return again
}

// ask returns the click in the tracking host's answer, or "".
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

// unanswered notes a question without an answer. It stops asking for this run if
// every other question would have the same fate.
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
