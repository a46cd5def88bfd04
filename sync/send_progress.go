package sync

import (
	"context"
	"fmt"

	"github.com/impactsync/impactsync/state"
)

// calls are those that a host is sent in this run.
type calls struct{ done, of int64 }

// countCalls counts what is due for each host, as far as it can go in this run and
// our own rules do not refuse it. Who is chosen by --limit is not known beforehand.
func (p *pass) countCalls(ctx context.Context) (map[string]*calls, error) {
	part := state.Part{Trait: p.options.Trait, NoConversions: p.eventsGap}
	plan, err := p.State.Plan(ctx, part)
	if err != nil {
		return nil, fmt.Errorf("count what is due: %w", err)
	}
	refused, err := p.State.OwnRefusals(ctx, part)
	if err != nil {
		return nil, fmt.Errorf("count what is due: %w", err)
	}
	elsewhere, err := p.byFile(ctx)
	if err != nil {
		return nil, fmt.Errorf("count what is due: %w", err)
	}
	all := map[string]*calls{state.HostTracking: {of: p.updates(plan) + plan.PageLoads}, state.HostAPI: {of: max(plan.Conversions-elsewhere.open, 0)}}
	for _, r := range refused {
		all[r.Kind.Host()].of -= r.Count
	}
	return all, nil
}

// progressOf reports what was settled: a turn without outcomes is no sign of life,
// since requests may hang.
func (d *dispatch) progressOf(settled []state.Outcome) {
	if len(settled) == 0 {
		return
	}
	n := int64(0)
	for i := range settled {
		o := &settled[i]
		if o.Result == state.Unsent {
			continue
		}
		n++
		if o.Result != state.RetryLater && o.Requests > 0 { // it does not go again
			d.calls[o.Claim.Kind.Host()].done++
		}
	}
	d.Progress.add(n)
	d.hostProgress()
}

// hostProgress reports how far each host is that has something to do.
func (d *dispatch) hostProgress() {
	if d.Progress.Host == nil || d.options.People > 0 {
		return
	}
	for _, host := range []string{state.HostTracking, state.HostAPI} {
		if c := d.calls[host]; c.of > 0 {
			c.of = max(c.of, c.done)
			d.Progress.Host(host, c.done, c.of, d.limits.of(host).Takes(c.of-c.done))
		}
	}
}
