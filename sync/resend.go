package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/source"
)

// Errors of [Engine.Resend]: nothing was changed.
var (
	// ErrWouldDouble: impact.com has an action of the order that counts, or may still make one.
	ErrWouldDouble = errors.New("sending it again could count it twice")
	// ErrNoMessage: the message of the order is not where it was read.
	ErrNoMessage = errors.New("the order's message is not there any more")
	// ErrNotSent: there is nothing to send again.
	ErrNotSent = errors.New("there is nothing to send again")
)

// Resend makes the conversions of an order due again: the next run sends them. Where the
// message is not kept any more, it is read again from where it came from. An order of
// which impact.com may have an action is not sent again, unless the caller takes the risk
// for one that waits.
func (e *Engine) Resend(ctx context.Context, orderID string, risk bool) (n int, err error) {
	all, err := e.State.SentOrders(ctx, orderID)
	if err != nil {
		return 0, err
	}
	if len(all) == 0 {
		return 0, fmt.Errorf("%w: no order %q", state.ErrNotFound, orderID)
	}
	var why []error
	for _, one := range all {
		if err := e.resendOne(ctx, orderID, one, risk); err != nil {
			why = append(why, fmt.Errorf("order %s of event type %s: %w", orderID, one.EventType, err))
			continue
		}
		n++
	}
	return n, errors.Join(why...)
}

func (e *Engine) resendOne(ctx context.Context, orderID string, o state.SentOrder, risk bool) error {
	if err := e.mayResend(o, risk); err != nil {
		return err
	}
	if o.Status == "refused" {
		return e.State.RetryOrder(ctx, o.Delivery)
	}
	payload, err := e.payloadOf(ctx, orderID, o)
	if err != nil {
		return err
	}
	return e.State.Resend(ctx, o.Delivery, payload)
}

// mayResend returns why an order must not be sent again.
func (e *Engine) mayResend(o state.SentOrder, risk bool) error {
	switch {
	case o.Live > 0:
		return fmt.Errorf("%w: impact.com has %d action(s) of it that are not reversed", ErrWouldDouble, o.Live)
	case o.Status == "refused":
		return nil
	case o.File != "" && o.Status != "settled":
		return fmt.Errorf("%w: it is in the file %s, which impact.com has not completed (impactsync file show %s)", ErrNotSent, o.File, o.File)
	case o.Status != "settled":
		return fmt.Errorf("%w: it is %s; the next run sends it, or impactsync status says why not", ErrNotSent, o.Status)
	case o.Outcome == "refunded":
		return fmt.Errorf("%w: it was taken back before it was sent", ErrNotSent)
	case e.MaxEventAge > 0 && e.now().Sub(o.EventAt) > e.MaxEventAge:
		return fmt.Errorf("%w: it is of %s, which is older than maxEventAge", ErrNotSent, o.EventAt.Format(time.DateOnly))
	case o.Verdict != "no_action" && o.Verdict != "refused" && o.Outcome != "dropped" && !risk:
		return fmt.Errorf("%w: whether impact.com made an action of it is not known (verdict %s)", ErrWouldDouble, orUnknown(o.Verdict))
	}
	return nil
}

func orUnknown(verdict string) string {
	if verdict == "" {
		return "none so far: impactsync reconcile"
	}
	return verdict
}

var errFound = errors.New("found")

// payloadOf reads the message of an order again.
func (e *Engine) payloadOf(ctx context.Context, orderID string, o state.SentOrder) (payload []byte, err error) {
	for _, f := range e.Feeds {
		if f.Name() != o.Source {
			continue
		}
		for in, err := range f.Inputs(ctx, func(source.Object, int64, string) {}) {
			if err != nil {
				return nil, fmt.Errorf("list source %q: %w", o.Source, err)
			}
			if in.Shape == source.ShapeLog && len(in.Objects) == 1 && in.Objects[0].Name == o.Object {
				return e.payloadIn(ctx, f, in, orderID, o)
			}
		}
		return nil, fmt.Errorf("%w: %s is gone from source %q", ErrNoMessage, o.Object, o.Source)
	}
	return nil, fmt.Errorf("%w: the configuration has no source %q", ErrNoMessage, o.Source)
}

func (e *Engine) payloadIn(ctx context.Context, f Feed, in source.Input, orderID string, o state.SentOrder) (payload []byte, err error) {
	err = f.Read(ctx, in, source.Position{}, func(b source.Batch) error {
		for i := range b.Records {
			m := b.Records[i].Message
			if m == nil || b.Records[i].Change != nil {
				continue
			}
			if p := e.Mapper.Prepare(m); p.OrderID == orderID && p.EventType == o.EventType {
				payload = append([]byte(nil), p.Payload...)
				return errFound
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, errFound):
		return payload, nil
	case err != nil:
		return nil, fmt.Errorf("read %s of source %q: %w", o.Object, o.Source, err)
	}
	return nil, fmt.Errorf("%w: %s of source %q has no such order (any more, or by today's configuration)", ErrNoMessage, o.Object, o.Source)
}
