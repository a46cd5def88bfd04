package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/reading"
)

// Config says where the messages are and which of them count.
type Config struct {
	Name string // of the source, for people
	URL  string // see [bucket.Open]

	// Trait changes count if a pattern of Include matches their key and none of
	// Exclude does; without Include, none counts. A pattern may hold * and ?, as in
	// [path.Match].
	Include []string
	Exclude []string

	// Audiences reports whether the messages about an audience count that no pattern names,
	// by its key and by when the message was received. nil: none does. Exclude wins.
	Audiences func(key string, received time.Time) bool

	HonourIntegrations bool      // pass over messages that are not meant for impact.com, see [segment.Message.Allowed]
	StartAt            time.Time // pass over messages from before; zero: none
	ListFrom           time.Time // pass over folders of days that were over before; zero: none
	Placeholders       *segment.Placeholders
	MaxLine            int  // longest message in bytes; 0: [bucket.DefaultMaxLine]
	FollowLinks        bool // also out of the folder, see [bucket.Options]
}

// The words of [source.Record.Skipped].
const (
	SkipBeforeStart  = "before_start"
	SkipIntegrations = "integrations"
	SkipTrait        = "trait_not_included"
)

// Source reads messages. A last line that is cut off is rejected, and the position
// stays before it. It is safe for concurrent use.
type Source struct {
	reader
	cfg     Config
	decoder segment.Decoder
}

type reader = reading.Reader

var _ source.Source = (*Source)(nil)

// New opens the bucket. Its error lists everything that is wrong with the patterns.
func New(ctx context.Context, cfg Config) (*Source, error) {
	if err := checkPatterns(cfg); err != nil {
		return nil, fmt.Errorf("source %q: %w", cfg.Name, err)
	}
	cfg.MaxLine = cmp.Or(cfg.MaxLine, bucket.DefaultMaxLine)
	b, err := bucket.Open(ctx, cfg.URL, bucket.Options{FollowLinks: cfg.FollowLinks})
	if err != nil {
		return nil, fmt.Errorf("source %q: %w", cfg.Name, err)
	}
	s := &Source{cfg: cfg, decoder: segment.Decoder{Placeholders: cfg.Placeholders}}
	s.reader = reader{Source: cfg.Name, Bucket: b, Parser: s.parser, Records: batchRecords, Junk: errJunk, Log: true}
	return s, nil
}

func checkPatterns(cfg Config) error {
	var errs []error
	for _, pattern := range slices.Concat(cfg.Include, cfg.Exclude) {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			errs = append(errs, fmt.Errorf("traits: %q is not a pattern: use letters, * and ?", pattern))
		}
	}
	return errors.Join(errs...)
}

// Inputs lists the objects, each an input, in any order and in memory that does not
// grow with them. It opens none. Folders of days (see [source.DayOf]) are not listed if
// nothing in them can count. A bucket without any object is [source.ErrEmpty].
func (s *Source) Inputs(ctx context.Context, reject func(source.Object, int64, string)) iter.Seq2[source.Input, error] {
	return s.Since(ctx, time.Time{}, reject)
}

// Since is Inputs without the folders of days that were over before a time.
func (s *Source) Since(ctx context.Context, since time.Time, reject func(source.Object, int64, string)) iter.Seq2[source.Input, error] {
	for _, first := range []time.Time{s.cfg.StartAt, s.cfg.ListFrom} {
		if first.After(since) {
			since = first
		}
	}
	return func(yield func(source.Input, error) bool) {
		empty := true
		for o, err := range s.Bucket.ObjectsIn(ctx, folders(since, &empty)) {
			if err != nil {
				yield(source.Input{}, fmt.Errorf("source %q: %w", s.cfg.Name, err))
				return
			}
			empty = false
			if o.Unusable != "" {
				reject(o, 0, o.Unusable)
				continue
			}
			if !yield(source.Input{Source: s.cfg.Name, Shape: source.ShapeLog, Objects: []source.Object{o}}, nil) {
				return
			}
		}
		if empty {
			yield(source.Input{}, fmt.Errorf("source %q: %s: %w", s.cfg.Name, s.Bucket.URL(), source.ErrEmpty))
		}
	}
}

// URL returns the bucket's address without credentials and parameters.
func (s *Source) URL() string { return s.Bucket.URL() }

// Fetch begins to fetch an object that is going to be read, see [bucket.Bucket.Fetch].
func (s *Source) Fetch(ctx context.Context, o source.Object) { s.Bucket.Fetch(ctx, o) }

// mostDepth is how deep folders of days are looked for, below that of the URL.
const mostDepth = 4

// folders chooses those of days since a time. That of a day that is over is not empty.
func folders(since time.Time, empty *bool) func(folder string) bucket.Choice {
	if since.IsZero() {
		return nil
	}
	return func(folder string) bucket.Choice {
		day, ok := source.DayOf(folder + "x")
		switch {
		case ok && day.Add(24*time.Hour).Before(since):
			*empty = false
			return bucket.Skip
		case ok || strings.Count(folder, "/") >= mostDepth:
			return bucket.Whole
		}
		return bucket.Inside
	}
}

// skip says why a message is passed over, or nothing.
func (s *Source) skip(m *segment.Message, change *segment.TraitChange) string {
	at := m.EffectiveTime()
	switch {
	case m.Type == "delete":
		return "" // people who ask to be deleted are, whatever else the message says
	case change != nil && !s.takes(change):
		return SkipTrait
	case !at.IsZero() && at.Before(s.cfg.StartAt):
		return SkipBeforeStart
	case s.cfg.HonourIntegrations && !m.Allowed():
		return SkipIntegrations
	}
	return ""
}

// Includes reports whether changes of a trait count, today's if that matters.
func (s *Source) Includes(key string) bool {
	return s.includes(key, func() bool { return s.cfg.Audiences(key, time.Time{}) })
}

func (s *Source) takes(c *segment.TraitChange) bool {
	received := c.ReceivedAt
	if received.IsZero() {
		received = c.At
	}
	return s.includes(c.Key, func() bool { return c.Class == segment.ClassAudience && s.cfg.Audiences(c.Key, received) })
}

// includes reports whether a key matches Include, or is one of Audiences, and does not
// match Exclude.
func (s *Source) includes(key string, all func() bool) bool {
	match := func(pattern string) bool {
		ok, _ := path.Match(pattern, key)
		return ok
	}
	return (slices.ContainsFunc(s.cfg.Include, match) || s.cfg.Audiences != nil && key != "" && all()) && !slices.ContainsFunc(s.cfg.Exclude, match)
}
