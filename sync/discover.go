package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/state/rules"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
)

// inputs is what one source holds, the oldest first. Its logs are in the pass's
// listing.
type inputs struct {
	feed    Feed
	how     listed
	logs    bool // there are some
	changes []source.Input
	lists   []source.Input
	gone    []source.Input // configured lists without a file
}

// discover lists every source before anything is changed, so that
// contradictions stop the run while nothing has happened.
func (p *pass) discover(ctx context.Context) ([]inputs, error) {
	var found []inputs
	lists, files := map[string][]string{}, map[string][]string{} // their keys and their files, by source
	for _, f := range p.Feeds {
		if len(p.options.Sources) > 0 && !slices.Contains(p.options.Sources, f.Name()) {
			p.eventsGap = p.eventsGap || !f.Lists
			continue
		}
		p.looked = append(p.looked, f.Name())
		in, err := p.list(ctx, f)
		var mine *storeError
		if errors.As(err, &mine) {
			return nil, mine.err
		}
		// Without any input there is nothing to adopt.
		if errors.Is(err, source.ErrEmpty) && p.options.Adopt == "" {
			p.stale(f.Name(), err.Error())
			p.Log.Warn("a source holds nothing", "source", f.Name(), "why", err)
			continue
		}
		if err != nil {
			if errors.Is(err, ErrConfig) || ctx.Err() != nil {
				return nil, err
			}
			p.cannotRead(f, err)
			continue
		}
		found = append(found, in)
		lists[f.Name()], files[f.Name()] = keysOf(in.lists), filesOf(in.lists)
	}
	if err := p.lostLists(ctx, lists, files); err != nil {
		return nil, err
	}
	p.rules = p.Guards.Traits.With(listedRules(found))
	p.State.SetRules(p.rules)
	return found, checkLists(found)
}

// lostLists warns of traits whose list has no file any more, and takes back the joins
// that are held of a list which is another trait's by now.
func (p *pass) lostLists(ctx context.Context, found, files map[string][]string) error {
	gone, err := p.State.NoteLists(ctx, found)
	if err != nil {
		return fmt.Errorf("note which lists are gone: %w", err)
	}
	for _, key := range gone {
		p.Log.Warn("no file of this trait's list is there any more; its members stay as they are", "trait", key)
	}
	taken, err := p.State.TakeBackMoved(ctx, files)
	if err != nil {
		return fmt.Errorf("take back joins of lists that are other traits' now: %w", err)
	}
	for key, n := range taken {
		p.Log.Warn("the file of this trait's list is another trait's now; joins that were held, and of which impact.com was not told, are taken back", "trait", key, "joins", n)
	}
	return nil
}

// keysOf returns the trait keys of inputs.
func keysOf(all []source.Input) []string {
	keys := make([]string, len(all))
	for i := range all {
		keys[i] = all[i].Key
	}
	return keys
}

// filesOf returns the names of inputs' objects.
func filesOf(all []source.Input) (names []string) {
	for i := range all {
		for _, o := range all[i].Objects {
			names = append(names, o.Name)
		}
	}
	return names
}

// listedRules returns the rules that the configuration sets by the names of files.
func listedRules(found []inputs) map[string]rules.Rule {
	byKey := map[string]rules.Rule{}
	for _, in := range found {
		for _, one := range slices.Concat(in.gone, in.changes, in.lists) {
			if one.Key != "" && one.Rule != nil {
				byKey[one.Key] = *one.Rule
			}
		}
	}
	return byKey
}

// cannotRead notes a source that could not be read; the others continue.
func (p *pass) cannotRead(f Feed, err error) {
	p.unread = append(p.unread, err)
	p.failed[f.Name()] = segment.Redact(err.Error())
	p.eventsGap = p.eventsGap || !f.Lists
	p.Log.Error("a source cannot be read; the others continue", "source", f.Name(), "error", err)
}

func (p *pass) list(ctx context.Context, f Feed) (inputs, error) {
	in := inputs{feed: f}
	var rejected []state.Rejected
	var notNoted error
	reject := func(obj source.Object, line int64, reason string) {
		again, err := p.unusable(ctx, f.Name(), obj, reason)
		if notNoted = errors.Join(notNoted, err); err == nil && !again {
			rejected = append(rejected, state.Rejected{Source: f.Name(), Object: obj.Name, Line: line, Reason: reason})
		}
	}
	how, all, err := p.inputsOf(ctx, f, reject)
	if err != nil {
		return inputs{}, err
	}
	in.how = how
	for one, err := range all {
		if errors.Is(err, source.ErrConfig) {
			err = fmt.Errorf("%w: %w", ErrConfig, err)
		}
		if err != nil {
			return inputs{}, err
		}
		in.how.note(one)
		switch {
		case len(one.Objects) == 0:
			in.gone = append(in.gone, one)
		case one.Shape == source.ShapeList:
			in.lists = append(in.lists, one)
		case one.Shape == source.ShapeChanges:
			in.changes = append(in.changes, one)
		default:
			in.logs = true
			o := one.Objects[0]
			if err := p.listing.Add(ctx, state.Listed{Object: position(f.Name(), o, source.Position{}), Key: o.Key}); err != nil {
				return inputs{}, stored(err)
			}
		}
	}
	if err := errors.Join(notNoted, p.State.Reject(ctx, rejected)); err != nil {
		return inputs{}, stored(err)
	}
	if in.logs && !in.how.part { // not every object of a list is an input
		if err := p.listing.Forget(ctx, f.Name()); err != nil {
			return inputs{}, stored(fmt.Errorf("forget objects that vanished: %w", err))
		}
	}
	return in, stored(p.noteAge(ctx, in, in.how.newest))
}

// stale notes a source whose input is not what it should be, and why.
func (p *pass) stale(name, why string) {
	s := StaleSource{Source: name, Why: segment.Redact(why)} // names of objects may hold addresses
	if !slices.Contains(p.report.Stale, s) {
		p.report.Stale = append(p.report.Stale, s)
	}
}

// unusable notes an object that cannot be used. It reports whether that was noted
// before: then the rows in rejected_input are not repeated. The source is stale as
// long as the object is there.
func (p *pass) unusable(ctx context.Context, name string, obj source.Object, reason string) (again bool, err error) {
	p.stale(name, fmt.Sprintf("%s cannot be used: %s", segment.Redact(obj.Name), reason))
	p.Log.Warn("an object cannot be used", "source", name, "object", segment.Redact(obj.Name), "why", reason)
	known, found, err := p.State.ObjectState(ctx, name, obj.Name)
	if err != nil || found && unchanged(known, obj) {
		return true, err
	}
	o := position(name, obj, source.Position{})
	o.Problem = reason
	return false, p.State.Store(ctx, state.Batch{Object: o})
}

func (p *pass) noteAge(ctx context.Context, in inputs, newest time.Time) error {
	f := in.feed
	gone := keysOf(in.gone)
	if f.MaxAge > 0 && p.now().Sub(newest) > f.MaxAge {
		p.stale(f.Name(), fmt.Sprintf("its newest input is older than maxAge, %s", f.MaxAge))
		p.Log.Warn("the source's newest input is too old", "source", f.Name(), "newest", newest, "maxAge", f.MaxAge.String())
	}
	return p.State.NoteSource(ctx, state.SourceNote{Name: f.Name(), Newest: newest, MaxAge: f.MaxAge, Missing: gone})
}

// checkLists refuses two full lists of one trait, and keys that impact.com would
// take for its own parameters.
func checkLists(found []inputs) error {
	var problems []error
	owner := map[string]string{}
	for _, in := range found {
		for _, one := range in.lists {
			where := fmt.Sprintf("%s of source %q", objectNames(one), in.feed.Name())
			if other, taken := owner[one.Key]; taken {
				problems = append(problems, fmt.Errorf("two full lists of %q: %s and %s; give one of them another name under audiences", one.Key, other, where))
			}
			owner[one.Key] = where
			if err := mapping.CheckTraitKey(one.Key); err != nil {
				problems = append(problems, fmt.Errorf("%s: %w; set another key under audiences", where, err))
			}
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("%w: %w", ErrConfig, errors.Join(problems...))
	}
	return nil
}

func objectNames(in source.Input) string {
	names := make([]string, len(in.Objects))
	for i, o := range in.Objects {
		names[i] = o.Name
	}
	return strings.Join(names, ", ")
}

func traitClass(c segment.Class) state.Class {
	if c == segment.ClassComputed {
		return state.Computed
	}
	return state.Audience
}

// unchanged reports whether an object is as it was when it was last read.
func unchanged(known state.Object, o source.Object) bool {
	return known.ETag == o.ETag && known.Size == o.Size && known.ModTime.UnixNano() == o.ModTime.UnixNano()
}

func position(name string, o source.Object, at source.Position) state.Object {
	return state.Object{
		Source: name, Name: o.Name, ETag: o.ETag, Size: o.Size, ModTime: o.ModTime,
		Offset: at.Offset, Line: at.Line, Hash: at.Hash, Done: at.Done,
	}
}
