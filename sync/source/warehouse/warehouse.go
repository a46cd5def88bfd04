package warehouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/state/rules"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/sqlengine"
)

// The readers of lists.
const (
	ProfilesSync = "profilesSync"
	Engage       = "engage"
	Query        = "query"
)

// Config says which lists are read, and how.
type Config struct {
	Name    string // of the source, for people
	Engine  sqlengine.Engine
	Reader  string
	Schemas []string // Segment's; none: the one that the connection uses
	Traits  []Trait

	Placeholders *segment.Placeholders
}

// Trait is an audience or a computed trait.
type Trait struct {
	Key, Name string // as impact.com sees it
	Column    string // its key in Segment, which its name or column in the database follows
	Class     segment.Class
	OnMissing string // see [source.Input]
	Rule      *rules.Rule
}

// Source reads the lists of a database. It is safe for concurrent use.
type Source struct {
	cfg  Config
	plan planner
}

var _ source.Source = (*Source)(nil)

// planner says how the list of a trait is read. Its error is a [traitError] if nothing
// is wrong with the source's other lists.
type planner func(ctx context.Context, c *catalogue, t *Trait) (plan, error)

var planners = map[string]planner{ProfilesSync: planProfiles}

// New returns the source. It reaches the database when it is read.
func New(cfg Config) (*Source, error) {
	s := &Source{cfg: cfg, plan: planners[cfg.Reader]}
	if s.plan == nil {
		return nil, fmt.Errorf("source %q: %q is not a reader", cfg.Name, cfg.Reader)
	}
	return s, nil
}

// Name implements [source.Source].
func (s *Source) Name() string { return s.cfg.Name }

// Close implements [source.Source].
func (s *Source) Close() error { return s.cfg.Engine.Close() }

// trait returns the trait of a key.
func (s *Source) trait(key string) (*Trait, error) {
	i := slices.IndexFunc(s.cfg.Traits, func(t Trait) bool { return t.Key == key })
	if i < 0 {
		return nil, fmt.Errorf("source %q has no trait %q", s.cfg.Name, key)
	}
	return &s.cfg.Traits[i], nil
}

// traitError is an error of one list; the others of the source can be read.
type traitError struct {
	err error
	// absent means that the table is there, and nobody has the trait.
	absent bool
}

func (e *traitError) Error() string { return e.err.Error() }
func (e *traitError) Unwrap() error { return e.err }

// ofTrait reports whether an error concerns one list, and is not the end of the source.
func ofTrait(err error) (e *traitError, ok bool) { return e, errors.As(err, &e) }

// named adds the source to an error.
func (s *Source) named(err error) error { return fmt.Errorf("source %q: %w", s.cfg.Name, err) }

// listed joins names for people.
func listed(names []string) string { return strings.Join(names, ", ") }
