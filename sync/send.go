package sync

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/segment"
)

// work sends claims until there are no more. Once the run is stopped, claims that
// have not begun are released unsent.
func (d *dispatch) work(ctx, sending context.Context) {
	dec := segment.Decoder{Placeholders: d.Mapper.Placeholders()}
	for c := range d.jobs {
		if d.stopped(ctx) != "" || d.limits.of(c.Kind.Host()).Quiet(c.Probe) {
			d.outcomes <- state.Outcome{Claim: c, Result: state.Unsent}
			continue
		}
		o := d.send(ctx, sending, &dec, c)
		d.Point("after an answer")
		d.outcomes <- o
	}
}

// send makes the request of a claim, sends it and returns its outcome.
func (d *dispatch) send(run, ctx context.Context, dec *segment.Decoder, c *state.Claim) state.Outcome {
	o := state.Outcome{Claim: c, Fingerprint: d.Mapper.Fingerprint()}
	m, err := d.message(dec, c)
	if err != nil {
		return unmade(o, err)
	}
	if m != nil {
		defer m.Release()
	}
	req, err := d.request(ctx, m, c)
	if err != nil {
		return unmade(o, err)
	}
	req = d.withClick(run, ctx, m, &o, req)
	if d.stopped(run) != "" { // asking took its time: the next run goes on
		o.Result = state.Unsent
		return o
	}
	for _, n := range req.Notes {
		o.Notes = append(o.Notes, "note_"+n.Word)
	}
	d.Point("before a request")
	if req.Kind == mapping.PageLoad {
		res, err := d.Client.SendPageLoad(ctx, req.PageLoad)
		if err != nil {
			return d.failed(o, err)
		}
		d.limits.tracking.Answered(res.Rate)
		return delivered(o, res.Attempts, res.Warnings)
	}
	res, err := d.Client.SendConversion(ctx, req.Conversion)
	if err != nil {
		return d.failed(o, err)
	}
	d.limits.api.Answered(res.Rate)
	o.QueuedURI = res.QueuedURI
	return delivered(o, res.Attempts, res.Warnings)
}

// errNotNow says that a request cannot be made before the warehouse answers.
var errNotNow = errors.New("a person's traits cannot be read from the warehouse")

// errTooOld says that an event aged past maxEventAge in the outbox.
var errTooOld = errors.New("older than maxEventAge")

// unmade returns the outcome of a claim from which no request could be made.
func unmade(o state.Outcome, err error) state.Outcome {
	var refusal *mapping.Refusal
	switch {
	case errors.Is(err, errTooOld):
		o.Result = state.TooOld
	case errors.Is(err, errNotNow):
		o.Result, o.Error = state.RetryLater, err.Error()
	case errors.As(err, &refusal):
		o.Result, o.Class, o.Error = state.Refused, refusal.Class, refusal.Reason
	default:
		o.Result, o.Error = state.Unsent, err.Error()
	}
	return o
}

// message decodes what was kept of a claim's event. A trait update has none.
func (e *Engine) message(dec *segment.Decoder, c *state.Claim) (*segment.Message, error) {
	if c.Kind == state.TraitUpdate {
		return nil, nil
	}
	if e.MaxEventAge > 0 && e.now().Sub(c.At) > e.MaxEventAge {
		return nil, errTooOld
	}
	m, err := dec.Decode(c.Payload)
	if err != nil {
		return nil, unreadable(err)
	}
	m.FoundIn(c.At, e.now())
	return m, nil
}

func unreadable(err error) *mapping.Refusal {
	return &mapping.Refusal{Class: "parameter", Reason: "the stored message cannot be read: " + err.Error()}
}

// request maps a claim, and its message if it has one. It does so now, not when
// the message was read, so that a corrected mapping applies to what was refused.
func (e *Engine) request(ctx context.Context, m *segment.Message, c *state.Claim) (mapping.Request, error) {
	if m != nil {
		var notNow error
		req, err := e.Mapper.Event(m, mapping.Person{ClickID: c.ClickID, ClickSure: c.Sure, Left: c.Left, Now: e.now(), Traits: e.traitsOf(ctx, m, c.Profile, &notNow)})
		if notNow != nil {
			err = notNow
		}
		return req, err
	}
	u := mapping.TraitUpdate{Identity: segment.Identity(c.Person), Now: e.now()}
	for _, v := range c.Values {
		u.Values = append(u.Values, mapping.TraitValue{Key: v.Key, Value: v.Value})
		if v.At.After(u.At) {
			u.At = v.At
		}
	}
	return e.Mapper.Trait(u)
}

// try maps a claim as if it were to be sent. It returns why our own rules refuse
// it, or "", and whether the tracking host would be asked for its click.
func (e *Engine) try(ctx context.Context, dec *segment.Decoder, c *state.Claim) (refusal string, asks bool, err error) {
	m, err := e.message(dec, c)
	if m != nil {
		defer m.Release()
	}
	if err == nil {
		var req mapping.Request
		if req, err = e.request(ctx, m, c); err == nil {
			_, asks = e.question(ctx, m, c, req)
			return "", asks, nil
		}
	}
	switch o := unmade(state.Outcome{}, err); o.Result {
	case state.Refused:
		return o.Error, false, nil
	case state.TooOld:
		return err.Error(), false, nil
	case state.RetryLater:
		return "", false, nil
	}
	return "", false, err
}

// claimOf returns an event as if it were claimed.
func claimOf(ev state.DueEvent) *state.Claim {
	return &state.Claim{Kind: ev.Kind, Event: ev.Event, At: ev.At, Payload: ev.Payload, ClickID: ev.ClickID, NewClick: ev.NewClick, Sure: ev.Sure, Profile: ev.Profile}
}

// traitsOf returns a function that reads the traits of a message's person when a mapping
// first asks for one, and from the warehouse when it asks for one that may only be there.
// If the warehouse does not answer, notNow becomes an [errNotNow].
func (e *Engine) traitsOf(ctx context.Context, m *segment.Message, profile int64, notNow *error) func(string) (string, bool) {
	var here, elsewhere map[string]string
	return func(key string) (string, bool) {
		var err error
		if here == nil {
			if here, err = e.State.TraitsOf(ctx, profile); err != nil {
				e.Log.Warn("a person's traits cannot be read", "error", err)
			}
		}
		v, ok := here[key]
		if ok || !e.elsewhere.keeps(key) {
			return v, v != ""
		}
		if elsewhere == nil && *notNow == nil {
			if elsewhere, err = e.elsewhere.valuesOf(ctx, profile, state.Person(m.Identity())); err != nil {
				*notNow = fmt.Errorf("%w: %w", errNotNow, err)
			}
		}
		v, ok = elsewhere[key]
		return v, ok
	}
}

func delivered(o state.Outcome, attempts int, warnings []impactapi.FieldError) state.Outcome {
	o.Result, o.Requests = state.Delivered, attempts
	for _, w := range warnings {
		o.Warnings = append(o.Warnings, state.Warning{Field: w.Field, Level: w.Level, Message: w.Message})
	}
	faults := slices.DeleteFunc(slices.Clone(warnings), func(w impactapi.FieldError) bool { return !strings.EqualFold(w.Level, "ERROR") })
	if keys := refusedKeys(o.Claim, faults); len(keys) > 0 {
		// Taken as a page load, but without this trait: sending it again would not help.
		o.RefusedKeys, o.Class = keys, "parameter"
		o.Error = fieldText(warnings)
	}
	return o
}

func fieldText(fields []impactapi.FieldError) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = f.Field + ": " + f.Message
	}
	return strings.Join(parts, "; ")
}

// failed turns a client's error into an outcome.
func (d *dispatch) failed(o state.Outcome, err error) state.Outcome {
	o.Error = err.Error()
	var api *impactapi.Error
	if !errors.As(err, &api) {
		o.Result, o.Next = state.Unknown, d.backoff(o.Claim.Attempts)
		return o
	}
	o.Requests, o.Doubt = api.Attempts, impactapi.Doubtful(err)
	quietUntil := d.limits.of(o.Claim.Kind.Host()).Failed(api)
	keys := refusedKeys(o.Claim, api.Fields)
	refused := impactapi.Unclear(err) && len(keys) > 0 // it names our traits
	switch {
	case credentials(api):
		o.Result = state.Unsent // not this delivery's fault: nothing is marked refused
		d.stop(api, o.Claim.Kind)
	case odd(api) && !refused: // until it is known whether the host takes others
		o.Result, o.Odd = oddResult(api), true
	case impactapi.Retryable(err) && !refused:
		o.Result = state.RetryLater
		if o.Doubt {
			o.Result = state.Unknown
		}
		o.Next = d.backoff(o.Claim.Attempts)
		if o.Throttled = api.Status == http.StatusTooManyRequests; o.Throttled {
			o.Next = quietUntil
		} else if at := d.now().Add(api.RetryAfter); at.After(o.Next) {
			o.Next = at
		}
	default:
		o.Result, o.Class, o.RefusedKeys = state.Refused, refusalClass(api), keys
	}
	return o
}

// credentials reports whether an answer is about the account, and so about every
// other request too.
func credentials(api *impactapi.Error) bool {
	return api.Status == http.StatusUnauthorized || api.Status == http.StatusForbidden
}

// stop ends the run, since every other request would get the same answer. The
// first reason counts.
func (d *dispatch) stop(api *impactapi.Error, kind state.Kind) {
	err := credentialsError(api)
	if kind.Host() == state.HostTracking {
		err = fmt.Errorf("%w: %w; page loads need no credentials: something in between refuses, a firewall or a proxy, or trackingURL is wrong", ErrCredentials, api)
	}
	d.fatal.CompareAndSwap(nil, &err)
}

// credentialsError says what a 401 or 403 of the API host means. impact.com does
// not publish the names of its scopes.
func credentialsError(api *impactapi.Error) error {
	what := "accountSid and apiKey do not belong together, or the token is gone"
	if api.Status == http.StatusForbidden {
		what = "the token may not do this: its scopes must include creating conversions (Settings, Technical, API), which a read-only token presumably lacks"
	}
	return fmt.Errorf("%w: %w; %s", ErrCredentials, api, what)
}

// RefusalClasses are the classes of refusals: three of the mapping's, then
// those of impact.com's answers. Credentials and scopes are not among them: they
// stop the run and refuse nothing.
var RefusalClasses = []string{"identifier", "order", "time", "parameter", "program", "other"}

// refusalClass returns the class of an answer that a retry does not cure.
// impact.com's errors have no stable codes, only fields and texts.
func refusalClass(api *impactapi.Error) string {
	for _, f := range api.Fields {
		if strings.EqualFold(f.Field, "CampaignId") {
			return "program"
		}
	}
	if api.Status == http.StatusBadRequest {
		return "parameter"
	}
	return "other"
}

// refusedKeys returns the traits of a claim that an answer's fields are about; none
// if it is about the whole call.
func refusedKeys(c *state.Claim, fields []impactapi.FieldError) []string {
	var keys []string
	for _, v := range c.Values {
		for _, f := range fields {
			if f.Field == v.Key {
				keys = append(keys, v.Key)
			}
		}
	}
	return keys
}

// backoff returns when to try again, by the second clock of retries, which outlives
// the process: three times as long each time, an hour at most, with a fifth of jitter.
func (d *dispatch) backoff(attempts int) time.Time {
	wait := d.FirstRetry
	for range min(attempts, 10) {
		wait = min(3*wait, time.Hour)
	}
	jitter := 0.8 + 0.4*rand.Float64()
	return d.now().Add(time.Duration(float64(wait) * jitter))
}
