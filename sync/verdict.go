package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/sourcegraph/conc/iter"
)

// The meanings of impact.com's verdict on a conversion that it had queued, from
// harmless to worst. impact.com lists its codes without saying which of them are
// faults: which are not is our inference from their names.
const (
	VerdictWaiting   = "waiting"    // not decided yet
	VerdictCounted   = "counted"    // complete, without an error
	VerdictNoPartner = "no_partner" // no partner drove this sale: the normal end of most orders
	VerdictNoCredit  = "no_credit"  // a partner may have, but the program's own rules give no credit
	VerdictDuplicate = "duplicate"  // somebody sent this OrderId before
	VerdictFault     = "fault"      // what was sent, or the account's set-up, is wrong; includes unknown codes
	VerdictNotFound  = "not_found"  // impact.com does not know the submission, or no longer does
)

// readings are the meanings of the reason codes. Any other code is a fault.
//
// https://integrations.impact.com/brand-api-reference/reference/submissions/api-submissions
var readings = map[string]string{
	"ACTION_REF_NOT_FOUND": VerdictNoPartner,
	"CONTRACT_NOT_FOUND":   VerdictNoPartner,
	"NO_VALID_ACTION_REF":  VerdictNoPartner,
	"UNCLAIMED":            VerdictNoPartner,

	"ACTIONTERMS_NOT_FOUND":      VerdictNoCredit,
	"BLOCKED_BY_PROMOCODE":       VerdictNoCredit,
	"CREDITING_RULE_MISMATCH":    VerdictNoCredit,
	"MAX_RECURRENCES_REACHED":    VerdictNoCredit,
	"OTHER_REF_PRIORITIZED":      VerdictNoCredit,
	"OUTSIDE_ASSOCIATION_WINDOW": VerdictNoCredit,
	"PARTNER_NOT_ACTIVE":         VerdictNoCredit,
	"REFTYPE_NOT_ACCEPTED":       VerdictNoCredit,
	"RESTRICTED_PROMOCODE":       VerdictNoCredit,

	"CONV_DUPLICATE": VerdictDuplicate,
}

var severity = map[string]int{VerdictNoPartner: 1, VerdictNoCredit: 2, VerdictDuplicate: 3, VerdictFault: 4}

// reading returns the worst meaning of a submission's reasons.
func reading(s *impactapi.Submission) string {
	if !s.Complete() {
		return VerdictWaiting
	}
	worst := VerdictCounted
	if len(s.Reasons) == 0 && s.ErrorType != "" {
		worst = VerdictFault // an error without a code
	}
	for _, code := range s.Reasons {
		r, known := readings[strings.ToUpper(code)]
		if !known {
			r = VerdictFault
		}
		if severity[r] > severity[worst] {
			worst = r
		}
	}
	return worst
}

// defaultQuota is impact.com's default, in requests an hour.
const defaultQuota = 1000

// lookupBatch is how many look-ups are settled in one commit.
const lookupBatch = 50

// verify looks up what became of conversions, with at most a share of what the
// conversions that are due leave of the API host's quota. It comes last, so that it
// delays nothing; an error is logged and ends the look-ups, but fails the run only
// if the credentials are at fault.
func (p *pass) verify(ctx context.Context) error {
	if p.Verify <= 0 || p.options.People > 0 || p.options.Trait != "" || p.interrupted {
		return nil
	}
	if end := p.options.Deadline; !end.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	reading := context.WithoutCancel(ctx)
	for ctx.Err() == nil {
		n, err := p.lookupRoom(reading)
		if err != nil || n == 0 {
			return err
		}
		due, err := p.State.Lookups(reading, n)
		if err != nil {
			return fmt.Errorf("choose conversions to look up: %w", err)
		}
		if len(due) == 0 {
			return nil
		}
		if more, err := p.lookUp(ctx, due); err != nil || !more {
			return err
		}
	}
	return nil // the look-ups can wait
}

// lookupRoom returns how many look-ups may be made now. Conversions that come within
// the hour must not wait because look-ups used the quota: it leaves room for as many
// as in the last hour, and for at least a tenth of the quota.
func (p *pass) lookupRoom(ctx context.Context) (int, error) {
	due, err := p.dueAt(ctx)
	if err != nil {
		return 0, err
	}
	waiting := due[state.HostAPI].open
	lookups, errLookups := p.State.LookupsSent(ctx)
	api, errSent := p.State.HostStatus(ctx, state.HostAPI)
	if err := errors.Join(errLookups, errSent); err != nil {
		return 0, fmt.Errorf("count the look-ups of the last hour: %w", err)
	}
	hourly := cmp.Or(p.ConversionsPerHour, defaultQuota)
	reserve := max(int(api.SentLastHour-lookups), hourly/10)
	room, question := p.limits.api.Room()
	n := min(lookupBatch, room-int(waiting)-reserve)
	if n < 1 && question && waiting == 0 {
		n = 1 // a single request tells how much room there is
	}
	if p.Verify < 1 {
		n = min(n, int(p.Verify*float64(hourly))-int(lookups))
	}
	return max(n, 0), nil
}

// lookUp makes some look-ups at a time and stores what they found. It reports
// whether others may follow.
func (p *pass) lookUp(ctx context.Context, due []state.Lookup) (more bool, err error) {
	p.limits.api.Claim(len(due))
	workers := iter.Mapper[state.Lookup, lookupResult]{MaxGoroutines: p.Workers}
	results := workers.Map(due, func(l *state.Lookup) lookupResult { return p.lookUpOne(ctx, *l) })
	p.Progress.add(0)
	found := make([]state.Finding, len(results))
	more = true
	for i, r := range results {
		found[i] = r.Finding
		p.limits.api.Settle(r.Requests)
		if r.err != nil && more {
			more, err = false, p.lookupTrouble(r.err)
		}
	}
	if noted := p.State.NoteVerdicts(ctx, found); noted != nil {
		return false, errors.Join(err, fmt.Errorf("keep impact.com's verdicts: %w", noted))
	}
	return more, errors.Join(err, p.limits.api.Sync(ctx, 0))
}

type lookupResult struct {
	state.Finding
	err error
}

func (p *pass) lookUpOne(ctx context.Context, l state.Lookup) (r lookupResult) {
	r.Lookup = l
	if ctx.Err() != nil || p.limits.api.Quiet(true) {
		return r
	}
	s, err := p.Client.Submission(ctx, l.QueuedURI)
	var api *impactapi.Error
	switch {
	case err == nil:
		p.limits.api.Answered(s.Rate)
		r.Requests, r.Status, r.CompletedAt, r.ErrorType, r.Reasons = s.Attempts, s.Status, s.CompletedAt, s.ErrorType, s.Reasons
		r.Verdict = reading(s)
		r.Final = r.Verdict != VerdictWaiting
		if r.Status == "" {
			r.err = fmt.Errorf("the submission of order %q has no status", l.OrderID)
		}
	case !errors.As(err, &api):
		r.Status, r.Verdict, r.Final = "unusable QueuedUri", VerdictNotFound, true // it names another account or host
	case api.Status == http.StatusNotFound:
		p.limits.api.Answered(api.Rate)
		r.Requests, r.Status, r.Verdict, r.Final = api.Attempts, "404 Not Found", VerdictNotFound, true
	default:
		r.Requests, r.err = api.Attempts, err
		p.limits.api.Failed(api)
	}
	return r
}

// lookupTrouble ends the look-ups of this run.
func (p *pass) lookupTrouble(err error) error {
	var api *impactapi.Error
	if errors.As(err, &api) && api.Status == http.StatusUnauthorized {
		return credentialsError(api)
	}
	hint := "the next run continues"
	if api != nil && api.Status == http.StatusForbidden {
		hint = "the token's scopes lack reading API submissions (Settings, Technical, API): allow it, or set conversions.verify: off"
	}
	p.Log.Warn("impact.com's verdicts on conversions cannot be looked up; deliveries are not affected", "error", err, "hint", hint)
	return nil
}
