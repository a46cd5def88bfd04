package sync

import (
	"context"
	"fmt"
	"slices"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segment"
)

// Suppressions is a list of people whose data must not be used any more.
type Suppressions interface {
	// Each calls fn with each person, who has one id: a user id, an anonymous id or an
	// address. After an error nothing may be sent, since the list is not known.
	Each(ctx context.Context, fn func(segment.Identity) error) error
}

const (
	suppressChunk = 500    // people are suppressed in one transaction
	addressChunk  = 10_000 // addresses are looked up at once, since that reads all profiles
)

// suppress removes everybody who is on a list of suppressed people, as far as the
// guard lets them through. It runs after reading, which may have stored them, and
// before sending. Without the list nothing is sent.
func (p *pass) suppress(ctx context.Context) error {
	out := suppressing{pass: p}
	lists := p.Suppressions
	asked := p.suppressedBySegment()
	if asked != nil {
		lists = append(slices.Clip(lists), asked)
	}
	defer p.reportSuppressions(asked)
	for _, s := range lists {
		check := newFormCheck(state.Known{})
		err := s.Each(ctx, func(id segment.Identity) error {
			id = p.Mapper.Placeholders().Identity(id.UserID, id.AnonymousID, id.EmailSHA1)
			if id.IsZero() {
				return nil // nobody is stored under such an id
			}
			out.listed++
			check.add(id)
			return out.add(ctx, state.Person(id))
		})
		if err == nil {
			err = p.suppressedForm(ctx, check)
		}
		if err != nil {
			return fmt.Errorf("nothing was sent, for it is not known who is suppressed: %w", err)
		}
	}
	if err := out.flush(ctx); err != nil {
		return fmt.Errorf("take suppressed people out: %w", err)
	}
	return p.judgeSuppressed(ctx, &out)
}

// suppressedForm returns an error if the ids of a list of suppressed people were
// obviously changed, so that it would suppress nobody.
func (p *pass) suppressedForm(ctx context.Context, c *formCheck) error {
	mangled := false
	for id := range segment.IDForms {
		mangled = mangled || id.Mangled() && c.listed.count(form{0, id}) > 0
	}
	if !mangled {
		return nil // so there is no need to look up who is known
	}
	users, err := p.State.UsersKnown(ctx, knownSample)
	if err != nil || users.All == 0 {
		return err
	}
	if f, why := c.hashed(users); f.Mangled() {
		return fmt.Errorf("suppression list: %s", why)
	}
	return nil
}

// suppressing removes people in groups.
type suppressing struct {
	*pass
	people          []state.Person
	addresses       []string // of people whom the list names by nothing else
	listed, waiting int64
}

func (s *suppressing) add(ctx context.Context, who state.Person) error {
	if who.UserID == "" && who.AnonymousID == "" {
		if s.addresses = append(s.addresses, who.EmailSHA1); len(s.addresses) == addressChunk {
			if err := s.known(ctx); err != nil {
				return err
			}
		}
	}
	most := suppressChunk
	if len(s.elsewhere.open) > 0 {
		most = toldBatch // of whom the tables are asked at once
	}
	if s.people = append(s.people, who); len(s.people) < most {
		return nil
	}
	return s.take(ctx)
}

// known adds the people who are known by the addresses.
func (s *suppressing) known(ctx context.Context) error {
	if err := s.elsewhere.BringRiding(ctx, byAddress(s.addresses)); err != nil {
		return err
	}
	people, err := s.State.KnownBy(ctx, s.addresses)
	s.addresses = s.addresses[:0]
	s.people = append(s.people, people...)
	return err
}

func byAddress(hashes []string) []state.Person {
	people := make([]state.Person, len(hashes))
	for i, h := range hashes {
		people[i].EmailSHA1 = h
	}
	return people
}

func (s *suppressing) take(ctx context.Context) error {
	visitors := slices.DeleteFunc(slices.Clone(s.people), func(p state.Person) bool { return p.UserID != "" || p.AnonymousID == "" })
	if err := s.elsewhere.BringRiding(ctx, visitors); err != nil {
		return err
	}
	if err := s.State.Follow(ctx, s.people); err != nil { // visitors who are users by now
		return err
	}
	if err := s.elsewhere.Bring(ctx, s.people); err != nil {
		return err
	}
	for some := range slices.Chunk(s.people, suppressChunk) {
		n, err := s.State.Suppress(ctx, some, s.SuppressedFalse)
		if err != nil {
			return err
		}
		s.waiting += n
	}
	s.people = s.people[:0]
	return nil
}

func (s *suppressing) flush(ctx context.Context) error {
	if err := s.known(ctx); err != nil {
		return err
	}
	return s.take(ctx)
}

// judgeSuppressed has the guard judge all of them.
func (p *pass) judgeSuppressed(ctx context.Context, out *suppressing) error {
	judged, err := p.State.JudgeSuppressions(ctx, p.SuppressedFalse)
	if err != nil {
		return fmt.Errorf("take suppressed people out: %w", err)
	}
	p.report.HeldSuppressions = judged.Held
	if out.listed > 0 {
		p.Log.Info("suppressed people taken out", "listed", out.listed, "to_be_told_false", out.waiting+judged.Waiting)
	}
	if judged.Held > 0 {
		p.Log.Warn("the guard holds suppressions: nothing is sent about these people meanwhile", "people", judged.Held, "reason", judged.Reason,
			"hint", "impactsync status shows some of them, and the command that lets them through")
	}
	return nil
}
