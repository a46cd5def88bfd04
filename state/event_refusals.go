package state

import (
	"context"
	"fmt"
	"time"
)

// Waiting is an event that was not sent yet.
type Waiting struct {
	Event   string
	At      time.Time
	Payload []byte

	id int64
}

// refusalStep is how many events RefreshRefusals looks at in one transaction.
const refusalStep = 1000

// RefreshRefusals asks again, for each event that waits, whether our own rules would
// refuse it, unless the answers are of the same mapping. It calls refusal while no
// transaction is open. If the process dies meanwhile, the next run starts over.
func (d *DB) RefreshRefusals(ctx context.Context, mapping string, refusal func(Waiting) OwnRefusal) error {
	var have string
	err := d.view(ctx, func(v *view) error { return v.Scan(`SELECT refusals_of FROM store`, nil, &have) })
	if err != nil || have == mapping {
		return err
	}
	for last := int64(0); ; {
		step, err := d.waitingAfter(ctx, last)
		if err != nil {
			return fmt.Errorf("read waiting events: %w", err)
		}
		if len(step) == 0 {
			break
		}
		last = step[len(step)-1].id
		answers := make([]OwnRefusal, len(step))
		for i, w := range step {
			answers[i] = refusal(w)
		}
		err = d.update(ctx, func(t *tx) error {
			for i, w := range step {
				if err := t.setOwnRefusal(w.id, answers[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return d.update(ctx, func(t *tx) error {
		_, err := t.Exec(`UPDATE store SET refusals_of = ?`, mapping)
		return err
	})
}

func (d *DB) waitingAfter(ctx context.Context, id int64) ([]Waiting, error) {
	return read(ctx, d, func(v *view) ([]Waiting, error) {
		return collect(v, `SELECT id, event, event_at, payload FROM deliveries WHERE id > ? AND status > 0 AND payload IS NOT NULL ORDER BY id LIMIT ?`, []any{id, refusalStep},
			func(w *Waiting) []any { return []any{&w.id, &w.Event, moment{&w.At}, &w.Payload} })
	})
}
