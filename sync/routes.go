package sync

import (
	"context"
	"fmt"
	"strings"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/segment"
)

// routes returns what the configuration sends, as the state keeps it.
func (e *Engine) routes() []state.Route {
	all := []state.Route{}
	for _, r := range e.Mapper.Routed() {
		all = append(all, state.Route{Type: r.Type, Name: r.Name, Becomes: r.Kind.String()})
	}
	return all
}

// refreshRefusals lets the mapping judge again what waits, if another
// configuration judged it last.
func (e *Engine) refreshRefusals(ctx context.Context) error {
	dec := segment.Decoder{Placeholders: e.Mapper.Placeholders()}
	return e.State.RefreshRefusals(ctx, e.Mapper.Fingerprint(), func(w state.Waiting) state.OwnRefusal {
		m, err := dec.Decode(w.Payload)
		if err != nil {
			return state.OwnRefusal{Reason: unreadable(err).Reason}
		}
		defer m.Release()
		m.FoundIn(w.At, e.now())
		return e.ownRefusal(e.Mapper.Prepare(m))
	})
}

// ownRefusal returns what the state keeps of a mapping's verdict. Whether the
// tracking host is asked for the click of an app install also depends on the
// person's click.
func (e *Engine) ownRefusal(p mapping.Prepared) state.OwnRefusal {
	r := state.OwnRefusal{Unsure: p.Unsure || p.Kind == mapping.Install}
	switch {
	case p.Kind == mapping.None: // by the present configuration
		r.Reason = mapping.NotSent(p.Route).Reason
	case p.Refusal != nil:
		r.Reason = p.Refusal.Reason
	}
	return r
}

// DescribeRoutes describes new routes in one line.
func DescribeRoutes(fresh []state.NewRoute) string {
	parts := make([]string, len(fresh))
	for i, n := range fresh {
		what := n.Name
		if n.Name == "" {
			what = n.Type + " calls"
		}
		says := strings.ReplaceAll(n.Becomes, "_", " ")
		if n.Was != "" {
			says += ", was " + strings.ReplaceAll(n.Was, "_", " ")
		}
		if n.PassedOver > 0 {
			says += fmt.Sprintf(", passed over so far: %d", n.PassedOver)
		}
		parts[i] = what + " (" + says + ")"
	}
	return strings.Join(parts, "; ")
}
