package state

import (
	"context"
	"time"
)

// Notice says that a webhook was told of a condition, and not yet that it is over.
type Notice struct {
	Webhook   string
	Condition string
	Since     time.Time
}

// Notices returns what webhooks were told.
func (d *DB) Notices(ctx context.Context) ([]Notice, error) {
	return read(ctx, d, func(v *view) ([]Notice, error) {
		return collect(v, `SELECT webhook, condition, since FROM notices ORDER BY 1, 2`, nil, func(n *Notice) []any {
			return []any{&n.Webhook, &n.Condition, moment{&n.Since}}
		})
	})
}

// Told records what webhooks were told: that conditions began, and that others are
// over. It needs no lock.
func (d *DB) Told(ctx context.Context, began, over []Notice) error {
	return d.appending(ctx, func(t *tx) error {
		for _, n := range began {
			if _, err := t.Exec(`INSERT OR REPLACE INTO notices (webhook, condition, since, told_at) VALUES (?, ?, ?, ?)`,
				n.Webhook, n.Condition, n.Since.UnixNano(), t.now); err != nil {
				return err
			}
		}
		for _, n := range over {
			if _, err := t.Exec(`DELETE FROM notices WHERE webhook = ? AND condition = ?`, n.Webhook, n.Condition); err != nil {
				return err
			}
		}
		return nil
	})
}
