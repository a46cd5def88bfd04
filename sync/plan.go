package sync

import (
	"cmp"
	"context"
	"fmt"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
)

// PlanReport says what a run would send.
type PlanReport struct {
	state.Plan
	Seconds       Seconds              `json:"seconds"` // at the known rates
	TrackingCalls int64                `json:"tracking_calls"`
	InstallCalls  int64                `json:"install_calls"` // of them: questions which click an app install came from
	APICalls      int64                `json:"api_calls"`
	FileOrders    int64                `json:"file_orders,omitempty"`         // conversions that go in files, or are in one: no calls
	Refusals      map[string]int64     `json:"refusals"`                      // what our own rules would refuse, by reason: not among the calls
	Waiting       int64                `json:"conversions_waiting,omitempty"` // for a run that reads all sources of messages: not among the calls
	NewlySent     []state.NewRoute     `json:"newly_sent,omitempty"`          // what this configuration sends and the last run did not
	Refunds       []state.RefundCount  `json:"refunds,omitempty"`             // orders that were taken back
	RefundSamples []state.RefundSample `json:"refund_sample,omitempty"`
	Counts        map[string]int64     `json:"counts"`
	Sample        state.Table          `json:"sample"`
	Diff          []state.Difference   `json:"diff,omitempty"`  // with [Options].Diff
	Reads         []ListRead           `json:"reads,omitempty"` // of databases that tell
	Missing       []string             `json:"missing_lists,omitempty"`
	Stale         []StaleSource        `json:"stale_sources,omitempty"`
	// RefusedAudiences would not be applied because of what Segment says of them.
	RefusedAudiences []RefusedAudience `json:"refused_audiences,omitempty"`
}

// ListRead is what reading a list of a database takes, in its own words.
type ListRead struct {
	Source string `json:"source"`
	Trait  string `json:"trait"`
	Takes  string `json:"takes"`
}

// estimate notes what reading a list takes, if its database tells. It is told for
// information: an error will show when the list is read.
func (p *pass) estimate(ctx context.Context, f Feed, in source.Input) {
	db, ok := f.Source.(source.Database)
	if !p.rehearsal || !ok {
		return
	}
	if takes, err := p.takes(ctx, f, db, in); err == nil && takes != "" {
		p.reads = append(p.reads, ListRead{f.Name(), in.Key, takes})
	}
}

// takes returns what reading a list takes, or comparing it in its warehouse.
func (p *pass) takes(ctx context.Context, f Feed, db source.Database, in source.Input) (string, error) {
	src, ok := f.Source.(comparable)
	if f.Told == nil || !ok || p.elsewhere.absent[f.Told.Name] {
		return db.Estimate(ctx, in)
	}
	w, err := src.Wanted(ctx, in)
	if err != nil {
		return "", err
	}
	return f.Told.Table.Estimate(ctx, in.Key, w)
}

// sampleSize is how many deliveries of each kind a plan shows by default.
const sampleSize = 5

// sample reads some of what would be sent.
func (p *pass) sample(ctx context.Context, of state.Part, r *PlanReport) (err error) {
	n := cmp.Or(p.options.Sample, sampleSize)
	if r.Sample, err = p.State.SampleDue(ctx, of, max(n, 0)); err == nil && p.options.Diff {
		r.Diff, err = p.State.Diff(ctx, of, max(n, 0))
	}
	return err
}

func (p *pass) plan(ctx context.Context) (r PlanReport, err error) {
	of, err := p.part(ctx)
	if err != nil {
		return r, fmt.Errorf("choose the people: %w", err)
	}
	if p.eventsGap {
		_, _, conversions, err := p.State.Due(ctx)
		if err != nil {
			return r, err
		}
		r.Waiting = conversions.Open()
	}
	if r.Plan, err = p.State.Plan(ctx, of); err != nil {
		return r, fmt.Errorf("count what is due: %w", err)
	}
	if err := p.sample(ctx, of, &r); err != nil {
		return r, fmt.Errorf("sample what is due: %w", err)
	}
	if r.Counts, err = p.State.RunCounts(ctx, p.report.Run); err != nil {
		return r, err
	}
	r.Reads, r.Missing, r.Stale, r.NewlySent = p.reads, p.report.Missing, p.report.Stale, p.fresh
	r.RefusedAudiences = p.report.RefusedAudiences
	if err := p.planRefunds(ctx, &r); err != nil {
		return r, fmt.Errorf("count what is taken back: %w", err)
	}
	if err := p.refusals(ctx, of, &r); err != nil {
		return r, fmt.Errorf("map what is due: %w", err)
	}
	roads, err := p.State.Roads(ctx)
	if err != nil {
		return r, fmt.Errorf("count the conversions in files: %w", err)
	}
	r.FileOrders = min(InFiles(roads, p.writesFiles() && p.Files.Route == ByFile), r.Conversions)
	r.TrackingCalls, r.APICalls = p.updates(r.Plan)+r.PageLoads+r.InstallCalls, r.Conversions-r.FileOrders
	hosts, err := p.State.Hosts(ctx)
	if err != nil {
		return r, fmt.Errorf("read the rates: %w", err)
	}
	r.Seconds = p.Rates.Take(hosts, r.TrackingCalls, r.APICalls, p.now())
	return r, nil
}

// planRefunds reads what a run would have impact.com take back. Which of these orders
// have an action is only known when a run looks.
func (p *pass) planRefunds(ctx context.Context, r *PlanReport) (err error) {
	if p.Refunds == nil {
		return nil
	}
	if r.Refunds, err = p.State.RefundCounts(ctx); err != nil {
		return err
	}
	r.RefundSamples, err = p.State.RefundSamples(ctx, max(cmp.Or(p.options.Sample, sampleSize), 0))
	return err
}

// part returns what a run with the same options may send.
func (p *pass) part(ctx context.Context) (of state.Part, err error) {
	of = state.Part{Trait: p.options.Trait, NoConversions: p.eventsGap}
	if p.options.People > 0 {
		of.People, err = p.firstPeople(ctx)
	}
	return of, err
}

// firstPeople returns the people whom a run would choose: it claims as much at a
// time as a run does first, until there are enough people, and releases it all.
func (p *pass) firstPeople(ctx context.Context) ([]int64, error) {
	want := p.want(p.Workers, p.Workers)
	sender := p.State.NewSender()
	people := []int64{}
	var unsent []state.Outcome
	for {
		claims, err := sender.Turn(ctx, nil, want)
		if err != nil {
			return nil, err
		}
		for _, c := range claims {
			people = append(people, c.Profile)
			unsent = append(unsent, state.Outcome{Claim: c, Result: state.Unsent})
		}
		if len(claims) == 0 {
			_, err := sender.Turn(ctx, unsent, state.Want{})
			return people, err
		}
	}
}

// updates returns how many calls the due trait values take.
func (e *Engine) updates(p state.Plan) int64 {
	if e.Coalesce {
		return p.TraitUpdates
	}
	return p.TraitValues
}

// refusals takes what our own rules refuse off the calls. Of most events the state
// knows that; the others are mapped as a run would map them.
func (p *pass) refusals(ctx context.Context, of state.Part, r *PlanReport) error {
	r.Refusals = map[string]int64{}
	known, err := p.State.OwnRefusals(ctx, of)
	if err != nil {
		return err
	}
	for _, k := range known {
		if k.TooOld {
			k.Reason = errTooOld.Error()
		}
		r.refusedEvents(k.Kind, k.Reason, k.Count)
	}
	dec := segment.Decoder{Placeholders: p.Mapper.Placeholders()}
	err = p.State.EachUnsure(ctx, of, func(e state.DueEvent) error {
		why, asks, err := p.try(ctx, &dec, claimOf(e))
		if asks {
			r.InstallCalls++
		}
		if err == nil && why != "" {
			r.refusedEvents(e.Kind, why, 1)
		}
		return err
	})
	if err != nil {
		return err
	}
	something := []state.ClaimedValue{{Key: "trait", At: p.now()}} // the person matters here, not the value
	return p.State.EachOddlyNamed(ctx, of, func(who state.DuePerson) error {
		why, _, err := p.try(ctx, nil, &state.Claim{Kind: state.TraitUpdate, Person: who.Person, Values: something})
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

func (r *PlanReport) refusedEvents(kind state.Kind, why string, n int64) {
	if kind == state.Conversion {
		r.Conversions -= n
	} else {
		r.PageLoads -= n
	}
	r.refused(why, n)
}

// mostReasons bounds the reasons that a plan tells apart: some name a value, so
// each order may have its own.
const mostReasons = 20

func (r *PlanReport) refused(why string, n int64) {
	if _, known := r.Refusals[why]; !known && len(r.Refusals) >= mostReasons {
		why = "other reasons; after a run, refused list shows each"
	}
	r.Refusals[why] += n
}
