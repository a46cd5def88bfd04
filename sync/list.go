package sync

import (
	"context"
	"errors"
	"fmt"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
)

// readList reads a full list to its end and applies it. A list that cannot be
// read to its end changes nothing.
func (p *pass) readList(ctx context.Context, f Feed, in source.Input) error {
	same, err := p.sameParts(ctx, f, in)
	if err != nil || same {
		return stored(err)
	}
	if err := p.lost(ctx, f, in); err != nil {
		return err
	}
	if err := p.keep(ctx, f, in); err != nil {
		return err
	}
	list, err := p.State.NewList(ctx, p.listInfo(f, in))
	if errors.Is(err, state.ErrStaleList) {
		p.stale(f.Name(), fmt.Sprintf("%s is not newer than the last list of %s", objectNames(in), in.Key))
	}
	if errors.Is(err, state.ErrIgnoredList) {
		p.Log.Warn("a list is ignored", "source", f.Name(), "trait", in.Key, "objects", objectNames(in), "why", err)
		return nil
	}
	if errors.Is(err, state.ErrTooManyTraits) { // the others go on
		p.Log.Error("a list cannot be used", "source", f.Name(), "trait", in.Key, "objects", objectNames(in), "why", err)
		return stored(p.State.Reject(ctx, []state.Rejected{{Source: f.Name(), Object: objectNames(in), Reason: "list not used: " + err.Error()}}))
	}
	if err != nil {
		return stored(err)
	}
	defer list.Close()
	r := &reader{pass: p, feed: f, input: in}
	p.estimate(ctx, f, in)
	p.Progress.start("read", in.Key, size(in), "bytes")
	err = p.fill(ctx, f, in, list, r)
	if err == nil {
		err = stored(list.Flush(ctx))
	}
	if err != nil {
		return p.badList(ctx, f, in, err)
	}
	if list.Len() == 0 && r.rejected > 0 && !r.others {
		return p.badList(ctx, f, in, &source.DamagedError{Object: objectNames(in), Err: errors.New("no row of it can be used")})
	}
	p.Progress.start("diff", in.Key, list.Len(), "people")
	list.Unreadable(r.unreadable)
	if !r.sameIDs {
		if err := p.firstForm(ctx, r.forms, f.Name(), in.Key, objectNames(in)); err != nil {
			return stored(err)
		}
		list.Suspect(r.forms.verdict())
	}
	v, err := list.Apply(ctx)
	p.Progress.done()
	if err != nil {
		return stored(fmt.Errorf("apply the list of %s: %w", in.Key, err))
	}
	p.logVerdict(in, v)
	return nil
}

// lost returns an error if a list lacks a part that it had when it was last applied.
func (p *pass) lost(ctx context.Context, f Feed, in source.Input) error {
	src, ok := f.Source.(interface {
		Lost(in source.Input, before []string) error
	})
	if !ok {
		return nil
	}
	before, err := p.State.ListObjects(ctx, in.Key)
	if err != nil {
		return stored(err)
	}
	return src.Lost(in, before)
}

func (p *pass) listInfo(f Feed, in source.Input) state.ListInfo {
	info := state.ListInfo{
		Trait:  state.TraitInfo{Key: in.Key, Name: segment.Redact(in.Name), Class: traitClass(in.Class), Authority: p.rules.Of(in.Key).Authority},
		Source: f.Name(), ListedAt: in.ListedAt, Progress: p.Progress.add,
	}
	for _, o := range in.Objects {
		info.Objects = append(info.Objects, position(f.Name(), o, source.Position{Done: true}))
	}
	return info
}

// sameParts reports whether no part has changed since it was last read for this trait.
func (p *pass) sameParts(ctx context.Context, f Feed, in source.Input) (bool, error) {
	var names []string
	unusable := false
	for _, o := range in.Objects {
		names = append(names, o.Name)
		known, found, err := p.State.ObjectState(ctx, f.Name(), o.Name)
		if err != nil {
			return false, err
		}
		if !found || !unchanged(known, o) {
			return false, nil
		}
		if unusable = unusable || known.Problem != ""; known.Problem != "" {
			p.stale(f.Name(), fmt.Sprintf("the list of %s still cannot be used: %s", in.Key, known.Problem))
			p.Log.Warn("a list still cannot be used", "source", f.Name(), "trait", in.Key, "why", known.Problem)
		}
	}
	if len(names) == 0 || unusable {
		return len(names) > 0, nil
	}
	return p.State.ListRead(ctx, in.Key, names)
}

func (r *reader) members(ctx context.Context, list *state.List, b source.Batch) error {
	r.Progress.add(b.Taken)
	r.out = state.Batch{Counts: map[string]int64{}}
	for i := range b.Members {
		m := &b.Members[i]
		r.forms.add(m.Identity)
		if err := list.Add(state.Person(m.Identity), m.Value, m.Cleared); err != nil {
			return stored(err)
		}
	}
	for i := range b.Records {
		rec := &b.Records[i]
		if rec.Rejected == "" {
			continue
		}
		r.rejected++
		if rec.Unreadable {
			r.unreadable++
		}
		r.reject(rec, rec.Rejected)
	}
	return stored(r.State.Reject(ctx, r.out.Rejected))
}

// badList stores why a list was not applied. A list that changed while it was read is
// read again by the next run, a damaged one once it changes.
func (p *pass) badList(ctx context.Context, f Feed, in source.Input, err error) error {
	var mine *storeError
	var damaged *source.DamagedError
	switch {
	case errors.As(err, &mine), ctx.Err() != nil:
		return err
	case errors.Is(err, source.ErrGone), errors.Is(err, source.ErrChanged):
		p.count(ctx, "unsteady_object")
		p.Log.Warn("a list changed while it was read; nothing of it was used", "source", f.Name(), "trait", in.Key, "error", err)
		return nil
	case errors.As(err, &damaged):
		p.Log.Error("a list cannot be read to its end; nothing of it was used", "source", f.Name(), "trait", in.Key, "error", err)
		for _, o := range in.Objects {
			at := position(f.Name(), o, source.Position{})
			at.Problem = damaged.Error()
			if err := p.State.Store(ctx, state.Batch{Object: at}); err != nil {
				return stored(err)
			}
		}
		return stored(p.State.Reject(ctx, []state.Rejected{{Source: f.Name(), Object: damaged.Object, Line: damaged.Line + 1, Reason: "list not used: " + damaged.Err.Error()}}))
	}
	return err
}

// vanished treats configured lists without a file as empty ones, if the configuration
// says so.
func (p *pass) vanished(ctx context.Context, f Feed, gone []source.Input) error {
	for _, in := range gone {
		p.report.Missing = append(p.report.Missing, in.Key)
		p.Log.Warn("a configured list has no file", "source", f.Name(), "trait", in.Key, "onMissing", in.OnMissing)
		if in.OnMissing != "exit" {
			continue
		}
		known, err := p.State.ListVanished(ctx, in.Key)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		in.ListedAt = p.now()
		if err := p.applyVanished(ctx, f, in); err != nil {
			return err
		}
	}
	return nil
}

func (p *pass) applyVanished(ctx context.Context, f Feed, in source.Input) error {
	if err := p.keep(ctx, f, in); err != nil {
		return err
	}
	if f.Told != nil {
		if err := p.elsewhere.BringAll(ctx, in.Key, f.Told.Name, true); err != nil {
			return err
		}
	}
	list, err := p.State.NewList(ctx, p.listInfo(f, in))
	if errors.Is(err, state.ErrIgnoredList) {
		return nil
	}
	if err != nil {
		return err
	}
	defer list.Close()
	v, err := list.Apply(ctx)
	if err != nil {
		return fmt.Errorf("apply the vanished list of %s: %w", in.Key, err)
	}
	p.logVerdict(in, v)
	return nil
}

func (p *pass) logVerdict(in source.Input, v state.Verdict) {
	what := "list applied"
	switch {
	case p.rehearsal:
		what = "list compared, nothing changed"
	case v.Held:
		what = "list read; what it changes is held, as far as the guard says so"
	}
	p.Log.Info(what, "trait", in.Key, "members", v.Members, "joins", v.Joins, "exits", v.Exits, "unchanged", v.Unchanged)
	if v.Renamed != "" {
		p.Log.Warn("this list is new, and another with much the same people has no file any more: if it was renamed, set key for it under audiences, or everybody is sent again under the new key", "trait", in.Key, "like", v.Renamed)
	}
	if v.Held {
		p.Log.Warn("the guard holds changes of a list back; look at it, then: impactsync status says how to approve them", "trait", in.Key, "why", v.Reason)
	}
}
