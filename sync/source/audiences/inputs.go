package audiences

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	conciter "github.com/sourcegraph/conc/iter"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
)

const (
	sniffBytes   = 64 << 10
	sniffWorkers = 8
)

var errEmptyFile = errors.New("empty file: a list with nobody in it has a header line")

// found is an object with what its configuration and its start say about it.
type found struct {
	source.Object
	pattern   string
	audience  Audience
	layout    layout
	name, key string
	unusable  error
}

// Inputs lists the files and reads the start of each, several at a time. If
// several files are the full list of one key, the newest is the input; with Parts
// it is all of them, or none if one of them cannot be used. Every file of changes
// is an input. A configured list without a file is an input without objects, at
// the end; of a pattern with *, only the name or key tells which list it is.
//
// Two names for one key are a [KeyClashError], a bucket without any object is
// [source.ErrEmpty], and more than [MostFiles] files are a [source.ErrConfig].
func (s *Source) Inputs(ctx context.Context, reject func(obj source.Object, line int64, reason string)) iter.Seq2[source.Input, error] {
	return func(yield func(source.Input, error) bool) {
		inputs, err := s.inputs(ctx, reject)
		for _, in := range inputs {
			if !yield(in, nil) {
				return
			}
		}
		if err != nil {
			yield(source.Input{}, err)
		}
	}
}

// MostFiles is how many files a source of lists may have. Each run looks into all
// of them and needs about 1 kB of memory a file.
const MostFiles = 100_000

func (s *Source) inputs(ctx context.Context, reject func(obj source.Object, line int64, reason string)) ([]source.Input, error) {
	var all []found
	var manifests []manifest
	versions := map[string]int{}
	for o, err := range s.Bucket.List(ctx) {
		if err != nil {
			return nil, fmt.Errorf("source %q: %w", s.cfg.Name, err)
		}
		if len(all) == s.most {
			return nil, fmt.Errorf("source %q: %w: %s holds more than %d files, and every run looks into each: move old ones out of this folder",
				s.cfg.Name, source.ErrConfig, s.Bucket.URL(), s.most)
		}
		if folder, version := deltaFolder(o.Name); version {
			versions[folder]++
		}
		if bucket.IsManifest(o.Name) {
			manifests = append(manifests, manifest{Object: o})
		}
		if bucket.IsMarker(o.Name) {
			continue
		}
		pattern, a := s.lookup(o.Name)
		all = append(all, found{Object: o, pattern: pattern, audience: a})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("source %q: %s: %w", s.cfg.Name, s.Bucket.URL(), source.ErrEmpty)
	}
	sniffer := conciter.Mapper[found, error]{MaxGoroutines: sniffWorkers}
	if err := errors.Join(sniffer.Map(all, func(f *found) error { return s.sniff(ctx, f) })...); err != nil {
		return nil, fmt.Errorf("source %q: %w", s.cfg.Name, err)
	}
	if err := s.checkShards(all); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(all, func(f found) bool { return f.audience.Parts }) {
		for i, m := range manifests {
			manifests[i] = s.readManifest(ctx, m.Object)
		}
	}
	inputs, err := s.group(all, func(list []*found) error {
		return cmp.Or(olderVersions(list, versions), incomplete(list, manifests))
	})
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		if f.unusable != nil {
			reject(f.Object, 0, f.unusable.Error())
		}
	}
	return append(inputs, s.notFound(all)...), nil
}

// notFound returns the configured lists without an object. A list that is there but
// cannot be used is not missing.
func (s *Source) notFound(all []found) []source.Input {
	present := map[string]bool{}
	for _, f := range all {
		present[f.pattern] = true
		_, key := f.audience.named(f.Name)
		present["key "+key] = true
	}
	var missing []source.Input
	for _, pattern := range s.patterns {
		a := s.cfg.Audiences[pattern]
		name, key := a.named(pattern)
		if key == "" || a.List == "changes" || present[pattern] || present["key "+key] {
			continue
		}
		class := segment.ClassAudience
		if a.Value == "computed" {
			class = segment.ClassComputed
		}
		missing = append(missing, source.Input{
			Source: s.cfg.Name, Shape: source.ShapeList, Key: key, Name: name, Class: class, OnMissing: cmp.Or(a.OnMissing, "keep"), Rule: a.Rule,
		})
	}
	return missing
}

// sniff reads an object's start. If something is wrong with the object itself, it
// sets unusable; the error is one of the bucket.
func (s *Source) sniff(ctx context.Context, f *found) error {
	if f.Unusable != "" {
		f.unusable = errors.New(f.Unusable)
		return nil
	}
	if f.Size == 0 {
		f.unusable = errEmptyFile
		return nil
	}
	r, err := s.Bucket.OpenStart(ctx, f.Object, sniffBytes)
	if err == nil {
		defer r.Close()
		f.layout, _, err = s.look(r, f.Object, f.audience)
	}
	var damaged *source.DamagedError
	switch {
	case errors.As(err, &damaged):
		f.unusable = damaged.Err
	case errors.Is(err, bucket.ErrDamaged), errors.Is(err, bucket.ErrUnsupported), errors.Is(err, source.ErrGone), errors.Is(err, source.ErrChanged):
		f.unusable = err
	case err != nil:
		return err
	default:
		f.name, f.key = f.audience.named(f.Name)
		if f.key == "" && f.needsKey() {
			f.unusable = fmt.Errorf("no trait key can be made of the name %q: set key under audiences", f.name)
		}
	}
	return nil
}

// needsKey reports whether the rows do not say which trait they belong to.
func (f *found) needsKey() bool { return !f.layout.named }

// group makes inputs of the usable objects, oldest first. check says why parts are
// not a complete list.
func (s *Source) group(all []found, check func(parts []*found) error) ([]source.Input, error) {
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(a.ModTime.Compare(b.ModTime), strings.Compare(a.Name, b.Name))
	})
	keys := claims{}
	lists := map[string][]*found{}
	var inputs []source.Input
	for i := range all {
		f := &all[i]
		if f.unusable == nil && f.needsKey() {
			if err := keys.claim(s.cfg.Name, f.key, f.name, f.Name); err != nil {
				return nil, err
			}
		}
		switch {
		case f.audience.Parts && f.layout.shape != source.ShapeChanges:
			lists["parts "+f.pattern] = append(lists["parts "+f.pattern], f)
		case f.unusable != nil:
		case f.layout.shape == source.ShapeChanges:
			inputs = append(inputs, s.input(f))
		default:
			lists[f.key] = append(lists[f.key], f)
		}
	}
	for _, list := range lists {
		if in, ok := s.listInput(list, check); ok {
			inputs = append(inputs, in)
		}
	}
	slices.SortStableFunc(inputs, func(a, b source.Input) int {
		return cmp.Or(a.ListedAt.Compare(b.ListedAt), strings.Compare(a.Objects[0].Name, b.Objects[0].Name))
	})
	return inputs, nil
}

// listInput makes one input of a list's files, oldest first.
func (s *Source) listInput(list []*found, check func(parts []*found) error) (source.Input, bool) {
	newest := list[len(list)-1]
	if !newest.audience.Parts {
		return s.input(newest), true
	}
	list, all := filled(list), list
	newest = list[len(list)-1]
	in := s.input(newest)
	if i := slices.IndexFunc(list, func(f *found) bool { return f.unusable != nil }); i >= 0 {
		list[i].unusable = fmt.Errorf("%w (the whole list is left out, because this is a part of it)", list[i].unusable)
		return in, false
	}
	if err := check(all); err != nil {
		newest.unusable = fmt.Errorf("the list %q is left out, because its parts are incomplete: %w", in.Key, err)
		return in, false
	}
	in.Objects = nil
	for _, f := range list {
		if f.layout.class != newest.layout.class {
			f.unusable = fmt.Errorf("a part of a list, but of a different kind than %q: the whole list is left out", newest.Name)
			return in, false
		}
		in.Objects = append(in.Objects, f.Object)
	}
	slices.SortFunc(in.Objects, func(a, b source.Object) int { return strings.Compare(a.Name, b.Name) })
	return in, true
}

// filled leaves out empty parts, which many programs write. If all parts are empty,
// they stay, because an empty file is not a list.
func filled(list []*found) []*found {
	empty := func(f *found) bool { return errors.Is(f.unusable, errEmptyFile) }
	some := slices.DeleteFunc(slices.Clone(list), empty)
	if len(some) == 0 {
		return list
	}
	for _, f := range list {
		if empty(f) {
			f.unusable = nil
		}
	}
	return some
}

func (s *Source) input(f *found) source.Input {
	in := source.Input{
		Source: s.cfg.Name, Shape: f.layout.shape, Class: f.layout.class,
		Objects: []source.Object{f.Object}, ListedAt: f.ModTime,
		OnMissing: cmp.Or(f.audience.OnMissing, "keep"), Rule: f.audience.Rule,
	}
	if f.needsKey() {
		in.Key, in.Name = f.key, f.name
	}
	return in
}
