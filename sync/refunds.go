package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/refund"
	"github.com/impactsync/impactsync/sync/segment"
)

// Refunds say what is done about orders that are taken back.
type Refunds struct {
	state.RefundRules
	CampaignID string
	Code       string // impact.com's reason for reversals, one of [impactapi.ReversalCodes]
	PerRun     int    // changes that a run sends at most; 0 means none
}

// judgeRefunds computes what impact.com is to know of orders that were taken back,
// before conversions are sent: those that were not sent yet need no reversal.
func (p *pass) judgeRefunds(ctx context.Context) error {
	if p.Refunds == nil {
		return nil
	}
	if err := p.rereadRefunds(ctx); err != nil {
		return fmt.Errorf("read what refunds mean again: %w", err)
	}
	if err := p.State.JudgeRefunds(ctx, p.Refunds.RefundRules); err != nil {
		return fmt.Errorf("compute what refunds leave of orders: %w", err)
	}
	return nil
}

// rereadRefunds reads the messages again that were read with other settings.
func (p *pass) rereadRefunds(ctx context.Context) error {
	dec := segment.Decoder{Placeholders: p.Mapper.Placeholders()}
	return p.State.RereadRefunds(ctx, p.Mapper.RefundFingerprint(), func(source string, payload []byte, at time.Time) (refund.Message, bool) {
		m, err := dec.Decode(payload)
		if err != nil {
			return refund.Message{}, false
		}
		defer m.Release()
		r, ok := p.Mapper.Refund(source, m)
		return r.Message, ok
	})
}

// refund has impact.com take back what is to be taken back. It comes after the
// deliveries, with what they leave of the quota.
func (p *pass) refund(ctx context.Context) error {
	if p.Refunds == nil || p.Refunds.Mode == state.RefundReport || p.narrowed() || p.interrupted || ctx.Err() != nil {
		return nil
	}
	if end := p.options.Deadline; !end.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	r := &reversing{pass: p, tried: map[int64]bool{}}
	if err := r.trouble(r.look(ctx)); err != nil {
		return err
	}
	held, err := p.State.JudgeReversals(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("judge what is taken back: %w", err)
	}
	if held != "" {
		p.Log.Warn("the guard holds reversals back; impactsync status says how to approve them", "why", held)
	}
	return errors.Join(r.trouble(r.send(ctx)), p.limits.api.Sync(context.WithoutCancel(ctx), 0))
}
