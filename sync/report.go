package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/impactsync/impactsync/state"
)

// StaleSource is a source whose input is not what it should be.
type StaleSource struct {
	Source string `json:"source"`
	Why    string `json:"why"`
}

// Report is what one run did.
type Report struct {
	Run         int64            `json:"run"`
	Started     time.Time        `json:"started_at"`
	Seconds     float64          `json:"seconds"`
	ExitCode    int              `json:"exit_code"`
	Note        string           `json:"note,omitempty"`
	Counts      map[string]int64 `json:"counts"`
	Traits      state.Counts     `json:"traits"`
	PageLoads   state.Counts     `json:"page_loads"`
	Conversions state.Counts     `json:"conversions"`
	Adopted     int64            `json:"adopted,omitempty"`
	// HeldSuppressions are people whose suppression the guard holds.
	HeldSuppressions int64         `json:"held_suppressions,omitempty"`
	Stale            []StaleSource `json:"stale_sources,omitempty"`
	Missing          []string      `json:"missing_lists,omitempty"`
	// RefusedAudiences were not applied because of what Segment says of them.
	RefusedAudiences []RefusedAudience `json:"refused_audiences,omitempty"`
	// Reconciled is set if impact.com's actions were read.
	Reconciled *Reconciled `json:"reconciled,omitempty"`
	// Refunds are the orders that were taken back, whenever.
	Refunds []state.RefundCount `json:"refunds,omitempty"`
}

// Open returns how much could still be sent.
func (r *Report) Open() int64 {
	return r.Traits.Open() + r.PageLoads.Open() + r.Conversions.Open() + r.refunds("pending", "in flight", "waiting retry")
}

// refunds returns how many orders that were taken back have one of some statuses, alone
// or with its class.
func (r *Report) refunds(statuses ...string) (n int64) {
	for _, c := range r.Refunds {
		if slices.Contains(statuses, c.Status) || slices.Contains(statuses, c.Status+" "+c.Class) {
			n += c.Orders
		}
	}
	return n
}

// Held returns how much the guard, or a policy for unknown deliveries, holds back.
func (r *Report) Held() int64 {
	return r.Traits.Held + r.PageLoads.Held + r.Conversions.Held + r.refunds("held")
}

// staleSources counts the sources that are stale, some for more than one reason.
func (r *Report) staleSources() int {
	names := map[string]bool{}
	for _, s := range r.Stale {
		names[s.Source] = true
	}
	return len(names)
}

// staleNote says how many sources are stale, and the first of the reasons: the note
// is all that status shows of a run.
func (r *Report) staleNote() string {
	note := english.Plural(r.staleSources(), "stale source", "")
	if len(r.Stale) == 0 {
		return note
	}
	const most = 200
	why := []rune(r.Stale[0].Why)
	if len(why) > most {
		why = append(why[:most:most], []rune("...")...)
	}
	note += fmt.Sprintf(": %s: %s", r.Stale[0].Source, string(why))
	if more := len(r.Stale) - 1; more > 0 {
		note += fmt.Sprintf(" (and %d more)", more)
	}
	return note
}

// finish counts, chooses the exit code and ends the run in the history.
func (p *pass) finish(ctx context.Context, err error) (Report, error) {
	err = Cause(ctx, err)
	ctx = context.WithoutCancel(ctx)
	r := &p.report
	r.Seconds = p.now().Sub(r.Started).Seconds()
	var due, counts, refunded, roads error
	r.Traits, r.PageLoads, r.Conversions, due = p.State.Due(ctx)
	r.Counts, counts = p.State.RunCounts(ctx, r.Run)
	p.roads, roads = p.State.Roads(ctx)
	if errors.Is(err, ErrCredentials) && r.Open() > 0 { // which stops both hosts
		err = fmt.Errorf("%w; %d still due at both hosts, for the next run", err, r.Open())
	}
	if n := r.Counts["people_forgotten"]; n > 0 && !p.State.KeepsOut() {
		p.Log.Warn("delete messages removed people, and nothing keeps them out: later messages and lists bring them back; set privacy.hashKey", "people", n)
	}
	if p.Refunds != nil {
		r.Refunds, refunded = p.State.RefundCounts(ctx)
	}
	err = errors.Join(err, due, counts, refunded, roads)
	r.ExitCode, r.Note = p.exit(err)
	if n := r.Counts["dropped"]; n > 0 {
		r.Note = strings.TrimPrefix(fmt.Sprintf("%s; %d given up", r.Note, n), "; ")
	}
	if noted := p.noteTrouble(ctx); noted != nil {
		err = errors.Join(err, fmt.Errorf("note how the sources are: %w", noted))
		r.ExitCode = ExitCode(err)
	}
	if end := p.State.EndRun(ctx, r.ExitCode, r.Note); end != nil {
		err = errors.Join(err, fmt.Errorf("end the run: %w", end))
		r.ExitCode = ExitCode(err)
	}
	return *r, err
}

// noteTrouble records what was the matter with the sources.
func (p *pass) noteTrouble(ctx context.Context) error {
	all := make([]state.SourceTrouble, len(p.looked))
	for i, name := range p.looked {
		all[i] = state.SourceTrouble{Name: name, Error: p.failed[name]}
		for _, s := range p.report.Stale {
			if s.Source == name {
				all[i].Stale = append(all[i].Stale, s.Why)
			}
		}
	}
	return p.State.NoteTrouble(ctx, all)
}

// exit chooses the exit code, in the order of [ExitStatuses], and says why, on one line:
// the note stands in tables.
func (p *pass) exit(err error) (code int, note string) {
	r := &p.report
	switch {
	case p.interrupted:
		return ExitInterrupted, p.unfinished
	case err != nil:
		return ExitCode(err), strings.ReplaceAll(err.Error(), "\n", "; ")
	case p.options.Adopt != "":
		return ExitOK, fmt.Sprintf("adopted %s of %s", english.Plural(int(r.Adopted), "value", ""), p.options.Adopt)
	case p.kind == reconcileKind && r.Reconciled != nil && r.Reconciled.Person > 0:
		return ExitRefused, r.Reconciled.note()
	case p.kind == reconcileKind:
		return ExitOK, "" // what is due is not its business
	case r.Open() > 0:
		return ExitUnfinished, fmt.Sprintf("%d still due: %s", r.Open(), p.whyDue())
	case r.HeldSuppressions > 0:
		return ExitHeld, fmt.Sprintf("the suppression of %s held back, and %s", english.Plural(int(r.HeldSuppressions), "person", "people"), english.Plural(int(r.Held()), "change", ""))
	case r.Held() > 0:
		note := fmt.Sprintf("%d held back", r.Held())
		if len(r.RefusedAudiences) > 0 {
			note += "; " + r.refusedNote()
		}
		return ExitHeld, note
	case len(r.RefusedAudiences) > 0:
		return ExitRefused, r.refusedNote()
	case r.Counts["refused"] > 0 || r.Counts["rejected"] > 0 || len(r.Stale) > 0:
		return ExitRefused, fmt.Sprintf("%d refused, %d rejected, %s", r.Counts["refused"], r.Counts["rejected"], r.staleNote())
	case r.Reconciled != nil && r.Reconciled.Person > 0:
		return ExitRefused, r.Reconciled.note()
	}
	return ExitOK, ""
}

// whyDue says why a run that did not fail leaves something due.
func (p *pass) whyDue() string {
	var why []string
	waiting, taken := p.report.Conversions.Open(), p.report.refunds("pending", "in flight")
	switch {
	case p.unfinished != "":
		why = append(why, p.unfinished)
	case p.report.Open() == p.roads.InFiles+p.roads.Unknown+taken:
	case p.narrowed() || !p.eventsGap || p.report.Open() > waiting+taken:
		why = append(why, "narrowed to some people, traits or sources")
	}
	if taken > 0 {
		why = append(why, fmt.Sprintf("%s taken back by the next run (refunds.perRun, or the API host takes no more requests now)", english.Plural(int(taken), "order is", "orders are")))
	}
	if n := p.roads.InFiles; n > 0 {
		why = append(why, fmt.Sprintf("conversions (%d) are in files that impact.com has not completed", n))
	}
	if n := p.roads.Unknown; n > 0 {
		why = append(why, fmt.Sprintf("conversions (%d) are in files that impact.com never completed: impactsync file list --status unknown", n))
	}
	if p.eventsGap && waiting > 0 {
		why = append(why, fmt.Sprintf("conversions (%d) wait for a run that reads all sources of messages", waiting))
	}
	return strings.Join(why, "; ")
}
