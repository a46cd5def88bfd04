package sync

import (
	"context"
	"fmt"
	"slices"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segment"
)

// PlanReport says what a run would send.
type PlanReport struct {
	state.Plan
	Seconds       Seconds          `json:"seconds"` // at the known rates
	TrackingCalls int64            `json:"tracking_calls"`
	InstallCalls  int64            `json:"install_calls"` // of them: questions which click an app install came from
	APICalls      int64            `json:"api_calls"`
	Refusals      map[string]int64 `json:"refusals"`                      // what our own rules would refuse, by reason: not among the calls
	Waiting       int64            `json:"conversions_waiting,omitempty"` // for a run that reads all sources of messages: not among the calls
	NewlySent     []state.NewRoute `json:"newly_sent,omitempty"`          // what this configuration sends and the last run did not
	Counts        map[string]int64 `json:"counts"`
	Sample        state.Table      `json:"sample"`
	Missing       []string         `json:"missing_lists,omitempty"`
	Stale         []StaleSource    `json:"stale_sources,omitempty"`
}

// sampleSize is how many deliveries of each kind a plan shows.
const sampleSize = 5

func (p *pass) plan(ctx context.Context) (r PlanReport, err error) {
	if r.Waiting, err = p.narrow(ctx); err != nil {
		return r, fmt.Errorf("narrow what is due: %w", err)
	}
	if r.Plan, err = p.State.Plan(ctx); err != nil {
		return r, fmt.Errorf("count what is due: %w", err)
	}
	if key := p.options.Trait; key != "" {
		r.Traits = slices.DeleteFunc(r.Traits, func(t state.PlanTrait) bool { return t.Key != key })
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
	r.TrackingCalls, r.APICalls = p.updates(r.Plan)+r.PageLoads+r.InstallCalls, r.Conversions
	hosts, err := p.State.Hosts(ctx)
	if err != nil {
		return r, fmt.Errorf("read the rates: %w", err)
	}
	rates := Rates{PageLoadsPerSecond: p.PageLoadsPerSecond, ConversionsPerHour: p.ConversionsPerHour, Hosts: hosts}
	r.Seconds = rates.Take(r.TrackingCalls, r.APICalls, p.now())
	return r, nil
}

// narrow leaves due, in the plan's copy of the state, what a run with the same
// options may send. It gives how many conversions wait for their page loads.
func (p *pass) narrow(ctx context.Context) (waiting int64, err error) {
	if !p.narrowed() && !p.eventsGap {
		return 0, nil
	}
	if _, _, conversions, err := p.State.Due(ctx); err != nil {
		return 0, err
	} else if p.eventsGap {
		waiting = conversions.Open()
	}
	n := state.Narrowed{Trait: p.options.Trait, NoConversions: p.eventsGap}
	if p.options.People > 0 {
		if n.People, err = p.firstPeople(ctx); err != nil {
			return 0, err
		}
	}
	return waiting, p.State.Narrow(ctx, n)
}

// firstPeople are those whom a run would choose: it claims as much at once as a
// run does first, until there are enough people, and gives it all back.
func (p *pass) firstPeople(ctx context.Context) ([]int64, error) {
	want := state.Want{
		PageLoads: p.Workers, Conversions: p.Workers, Trait: p.options.Trait, People: p.options.People, Coalesce: p.Coalesce, AttributionWait: p.AttributionWait,
	}
	if p.eventsGap {
		want.Conversions = 0
	}
	people := []int64{}
	var unsent []state.Outcome
	for {
		claims, err := p.State.Turn(ctx, nil, want)
		if err != nil {
			return nil, err
		}
		for _, c := range claims {
			people = append(people, c.Profile)
			unsent = append(unsent, state.Outcome{Claim: c, Result: state.Unsent})
		}
		if len(claims) == 0 {
			_, err := p.State.Turn(ctx, unsent, state.Want{})
			return people, err
		}
	}
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
	dec := segment.Decoder{Placeholders: p.Mapper.Placeholders()}
	err := p.State.EachDue(ctx, func(e state.DueEvent) error {
		why, asks, err := p.try(ctx, &dec, claimOf(e))
		if asks {
			r.InstallCalls++
		}
		if err != nil || why == "" {
			return err
		}
		r.refused(why, 1)
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
		why, _, err := p.try(ctx, nil, state.Claim{Kind: state.TraitUpdate, Person: who.Person, Values: something})
		if err != nil || why == "" {
			return err
		}
		r.TraitUpdates--
		r.TraitValues -= who.Values
		if p.Coalesce {
			who.Values = 1
		}
		r.refused(why, who.Values)
		return nil
	})
}

// mostReasons bounds the reasons that a plan tells apart: some name a value, so
// that each order may have its own.
const mostReasons = 20

func (r *PlanReport) refused(why string, n int64) {
	if _, known := r.Refusals[why]; !known && len(r.Refusals) >= mostReasons {
		why = "other reasons; after a run, refused list shows each"
	}
	r.Refusals[why] += n
}
