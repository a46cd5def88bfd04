package catalogue

import (
	"context"
	"fmt"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segment"
)

// Suppressions reads whom Segment suppresses. If it cannot be asked, whom it suppressed
// last counts, as far as they are known here.
type Suppressions struct {
	*Catalogue
	State *state.DB
	// Unread is why Segment could not be asked, and Stale what follows from it, after Each.
	Unread error
	Stale  string
}

// Each calls fn with each suppressed person.
func (s *Suppressions) Each(ctx context.Context, fn func(segment.Identity) error) error {
	ids := state.SuppressedIDs{}
	var all []segment.Identity
	s.Unread = s.API.Suppressed(ctx, func(userID string) error {
		id := segment.NewIdentity(userID, "", "")
		if !id.IsZero() {
			ids.Add(id.UserID + id.EmailSHA1)
			all = append(all, id)
		}
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case s.Unread != nil && s.Required:
		return s.Unread
	case s.Unread != nil:
		return s.last(ctx, fn)
	}
	if err := s.State.StoreSuppressed(ctx, ids); err != nil {
		return fmt.Errorf("keep whom Segment suppresses: %w", err)
	}
	for _, id := range all {
		if err := fn(id); err != nil {
			return err
		}
	}
	return nil
}

// last calls fn with those whom Segment suppressed by its last answer.
func (s *Suppressions) last(ctx context.Context, fn func(segment.Identity) error) error {
	if err := s.State.NoteCatalogue(ctx, state.ReadSuppressions, s.Unread.Error()); err != nil {
		return err
	}
	at := s.reads[state.ReadSuppressions].At
	if at.IsZero() || s.Keep > 0 && s.now.Sub(at) > s.Keep {
		last := "never"
		if !at.IsZero() {
			last = at.UTC().Format(time.RFC3339)
		}
		s.Stale = fmt.Sprintf("Segment's suppressions were last read %s: whoever was suppressed since is not known", last)
	}
	people, err := s.State.Suppressed(ctx)
	for _, p := range people {
		if err == nil {
			err = fn(segment.Identity(p))
		}
	}
	return err
}
