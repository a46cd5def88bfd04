package sync

import (
	"net/http"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/limit"
)

// note tells the host's limiter what an outcome says about the host.
func (d *dispatch) note(o *state.Outcome) {
	if o.Result != state.Unsent || o.Odd {
		d.lastSend = d.now()
	}
	h := d.limits.of(o.Claim.Kind.Host())
	h.Settle(o.Requests)
	h.Note(deliveryKey(o.Claim), resultOf(o), o.Error, o.Claim.Probe)
}

// resultOf returns what an outcome says about its host.
func resultOf(o *state.Outcome) limit.Result {
	switch {
	case o.Throttled:
		return limit.Throttled
	case o.Odd:
		return limit.Odd
	case o.Result == state.RetryLater, o.Result == state.Unknown:
		return limit.Failed
	case o.Requests > 0 && (o.Result == state.Delivered || o.Result == state.Refused): // and not by our own rules
		return limit.Taken
	}
	return limit.Nothing
}

// deliveryKey returns a number that identifies a delivery.
func deliveryKey(c *state.Claim) int64 {
	if c.Kind == state.TraitUpdate {
		return -c.Profile
	}
	return c.Delivery
}

// oddTries is how many odd answers refuse a delivery while the host takes others.
const oddTries = 3

// decided returns the odd outcomes whose meaning is known by now, and keeps the
// others. If the host takes other deliveries, an odd answer is about its delivery
// alone, which is tried again later and refused in the end. If the host is stopped,
// the answer is about the host, and the delivery counts as not tried. At the end of
// a run all of them are returned, to be tried later.
func (d *dispatch) decided(end bool) (group []state.Outcome) {
	rest := d.odd[:0]
	for _, o := range d.odd {
		trust := d.limits.of(o.Claim.Kind.Host()).Trust()
		switch {
		case (trust == limit.Unknown || trust == limit.Suspect) && !end:
			rest = append(rest, o)
			continue
		case trust == limit.Stopped:
			o.Result = state.Unsent
		case o.Result != state.Unsent: // see oddResult
			o.Next = d.backoff(o.Claim.Attempts)
		case trust == limit.Good && o.Claim.Attempts+1 >= oddTries:
			o.Result, o.Class = state.Refused, "other"
		default:
			o.Result, o.Next = state.RetryLater, d.backoff(o.Claim.Attempts)
		}
		group = append(group, o)
	}
	d.odd = rest
	return group
}

// exhausted returns what can be decided when no answer is awaited and nothing can be
// claimed.
func (d *dispatch) exhausted(end bool) []state.Outcome {
	if d.asked.PageLoads > 0 {
		d.limits.tracking.Exhausted()
	}
	if d.asked.Conversions > 0 {
		d.limits.api.Exhausted()
	}
	return d.decided(end)
}

// odd reports whether an answer may be about this delivery or about every delivery:
// it may come from a server that is not impact.com's, or from something in between.
// If impact.com says what is wrong with which parameter, it is a refusal.
func odd(api *impactapi.Error) bool {
	switch s := api.Status; {
	case s == 0, api.Sent == impactapi.SentUnknown: // none came, or it broke off
		return false
	case s < http.StatusMultipleChoices:
		return true
	case len(api.Fields) > 0:
		return false
	case s < http.StatusBadRequest:
		return true
	case s >= http.StatusInternalServerError:
		return false
	default:
		switch s {
		case http.StatusBadRequest, http.StatusPaymentRequired, http.StatusConflict, http.StatusUnprocessableEntity, // about the request itself
			http.StatusRequestTimeout, http.StatusTooManyRequests: // temporary
			return false
		}
		return true
	}
}

// oddResult returns what becomes of a delivery whose odd answer turns out to be
// about this delivery alone: Unsent if the answer is a clear no, which
// [dispatch.decided] retries and finally refuses; RetryLater if a 2xx reports an
// error; Unknown if a 2xx says nothing, so that delivery.unknown decides.
func oddResult(api *impactapi.Error) state.Result {
	switch {
	case !impactapi.Unclear(api):
		return state.Unsent
	case api.Complaint:
		return state.RetryLater
	}
	return state.Unknown
}
