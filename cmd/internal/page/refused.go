package page

import (
	"time"

	"github.com/impactsync/impactsync/state"
)

// Refusal is a reason why deliveries were refused.
type Refusal struct {
	Kind, Class, Reason string
	Count               int64
	First, Last         time.Time
}

func (p *Page) readRefused(s *state.Snapshot) (err error) {
	p.Refused, err = state.Select(s, refusedSQL.SQL, func(r *Refusal) []any {
		return []any{&r.Kind, &r.Class, &r.Reason, &r.Count, moment{&r.First}, moment{&r.Last}}
	})
	return err
}
