package sync

import (
	"context"
	"fmt"

	"github.com/impactsync/impactsync/state"
)

// Suppressions is a list of people whose data must not be used any more.
type Suppressions interface {
	// Each calls fn with each user id. An error means that the list is not
	// known; then nothing may be sent.
	Each(ctx context.Context, fn func(userID string) error) error
}

// suppressChunk is how many people go into one transaction.
const suppressChunk = 500

// suppress takes everybody out again who is on a list of suppressed people, as
// far as the guard lets them through. It comes after the reading, which may have
// brought them in, and before the sending; without the list nothing is sent.
func (p *pass) suppress(ctx context.Context) error {
	var wait []state.Person
	var listed, waiting int64
	flush := func() error {
		n, err := p.State.Suppress(ctx, wait, p.SuppressedFalse)
		wait = wait[:0]
		waiting += n
		return err
	}
	for _, s := range p.Suppressions {
		err := s.Each(ctx, func(id string) error {
			who := state.Person(p.Mapper.Placeholders().Identity(id, "", ""))
			if who.IsZero() {
				return nil // nobody can be stored under it
			}
			listed++
			if wait = append(wait, who); len(wait) < suppressChunk {
				return nil
			}
			return flush()
		})
		if err != nil {
			return fmt.Errorf("nothing was sent, for it is not known who is suppressed: %w", err)
		}
	}
	if err := flush(); err != nil {
		return fmt.Errorf("take suppressed people out: %w", err)
	}
	judged, err := p.State.JudgeSuppressions(ctx, p.SuppressedFalse)
	if err != nil {
		return fmt.Errorf("take suppressed people out: %w", err)
	}
	p.report.HeldSuppressions = judged.Held
	if listed > 0 {
		p.Log.Info("suppressed people taken out", "listed", listed, "to_be_told_false", waiting+judged.Waiting)
	}
	if judged.Held > 0 {
		p.Log.Warn("the guard holds suppressions: nothing is sent about these people meanwhile", "people", judged.Held, "reason", judged.Reason,
			"hint", "impactsync status shows some of them, and the command that lets them through")
	}
	return nil
}
