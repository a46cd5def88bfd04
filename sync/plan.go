package sync

import (
	"context"
	"fmt"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segment"
)

// PlanReport says what a run would send.
type PlanReport struct {
	state.Plan
	Seconds       Seconds          `json:"seconds"` // at the known rates
	TrackingCalls int64            `json:"tracking_calls"`
	APICalls      int64            `json:"api_calls"`
	Refusals      map[string]int64 `json:"refusals"` // what our own rules would refuse, by reason: not among the calls
	Counts        map[string]int64 `json:"counts"`
	Sample        state.Table      `json:"sample"`
	Missing       []string         `json:"missing_lists,omitempty"`
	Stale         []StaleSource    `json:"stale_sources,omitempty"`
}

// sampleSize is how many deliveries of each kind a plan shows.
const sampleSize = 5

func (p *pass) plan(ctx context.Context) (r PlanReport, err error) {
	if r.Plan, err = p.State.Plan(ctx); err != nil {
		return r, fmt.Errorf("count what is due: %w", err)
	}
	if r.Sample, err = p.State.SampleDue(ctx, sampleSize); err != nil {
		return r, fmt.Errorf("sample what is due: %w", err)
	}
	if r.Counts, err = p.State.RunCounts(ctx, p.report.Run); err != nil {
		return r, err
	}
	delete(r.Counts, "recovered") // of a run that may well be alive: this is a copy of its state
	r.Missing, r.Stale = p.report.Missing, p.report.Stale
	if err := p.refusals(ctx, &r); err != nil {
		return r, fmt.Errorf("map what is due: %w", err)
	}
	r.TrackingCalls, r.APICalls = p.updates(r.Plan)+r.PageLoads, r.Conversions
	hosts, err := p.State.Hosts(ctx)
	if err != nil {
		return r, fmt.Errorf("read the rates: %w", err)
	}
	rates := Rates{PageLoadsPerSecond: p.PageLoadsPerSecond, ConversionsPerHour: p.ConversionsPerHour, Hosts: hosts}
	r.Seconds = rates.Take(r.TrackingCalls, r.APICalls, p.now())
	return r, nil
}

// updates is how many calls the due trait values take.
func (e *Engine) updates(p state.Plan) int64 {
	if e.Coalesce {
		return p.TraitUpdates
	}
	return p.TraitValues
}

// refusals maps what is due, as a run would, and takes what our own rules refuse
// off the calls. It costs some microseconds an event.
func (p *pass) refusals(ctx context.Context, r *PlanReport) error {
	r.Refusals = map[string]int64{}
	var dec segment.Decoder
	err := p.State.EachDue(ctx, func(e state.DueEvent) error {
		why, err := p.refusal(ctx, &dec, e)
		if err != nil || why == "" {
			return err
		}
		r.Refusals[why]++
		if e.Kind == state.Conversion {
			r.Conversions--
		} else {
			r.PageLoads--
		}
		return nil
	})
	if err != nil {
		return err
	}
	something := []state.ClaimedValue{{Key: "trait", At: p.now()}} // here the person matters, not what is said of them
	return p.State.EachOddlyNamed(ctx, func(who state.DuePerson) error {
		why, err := reason(p.request(ctx, nil, state.Claim{Kind: state.TraitUpdate, Person: who.Person, Values: something}))
		if err != nil || why == "" {
			return err
		}
		r.TraitUpdates--
		r.TraitValues -= who.Values
		if p.Coalesce {
			who.Values = 1
		}
		r.Refusals[why] += who.Values
		return nil
	})
}
