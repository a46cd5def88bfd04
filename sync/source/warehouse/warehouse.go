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
	From    string   // of reader Engage: [FromUsers] or [FromIdentifies]; "": users, or identifies where users lacks the column
	Traits  []Trait
	// More are asked for in each listing; nil: there are none.
	More func() []Trait
	// Manifest is the path of dbt's manifest.json, for traits with a Ref.
	Manifest string

	Placeholders *segment.Placeholders
}

// Trait is an audience or a computed trait.
type Trait struct {
	Key, Name string // as impact.com sees it
	// Column is its key in Segment, which its name or column in the database follows. Of
	// reader Query it is the name of the column with the value; "": value.
	Column    string
	Class     segment.Class
	OnMissing string // see [source.Input]
	Rule      *rules.Rule
	Optional  bool // it is passed over if the database does not have it

	// The rest is of reader Query, one of Query and Ref.
	Query string
	Ref   string    // a dbt model
	IDs   [3]string // columns of user ids, anonymous ids and addresses, if their names are not user_id, anonymous_id and email

	model *model
}

// Source reads the lists of a database. It is safe for concurrent use.
type Source struct {
	cfg  Config
	plan planner
}

var _ source.Database = (*Source)(nil)

// planner says how the list of a trait is read. Its error is a [traitError] if nothing
// is wrong with the source's other lists.
type planner func(ctx context.Context, c *catalogue, t *Trait) (plan, error)

// New returns the source. It reads the manifest, but reaches the database only when it
// is read.
func New(cfg Config) (*Source, error) {
	s := &Source{cfg: cfg}
	switch cfg.Reader {
	case ProfilesSync:
		s.plan = planProfiles
	case Engage:
		s.plan = planEngage(cfg.From)
	case Query:
		s.plan = planQuery
	default:
		return nil, s.named(fmt.Errorf("%q is not a reader", cfg.Reader))
	}
	if err := s.refs(); err != nil {
		return nil, s.named(err)
	}
	return s, nil
}

// refs checks the statements, and looks dbt's models up in the manifest.
func (s *Source) refs() error {
	var known *manifest
	for i := range s.cfg.Traits {
		t := &s.cfg.Traits[i]
		if t.Query != "" {
			if err := CheckStatement(t.Query); err != nil {
				return fmt.Errorf("audiences: %q: query %w", t.Key, err)
			}
		}
		if t.Ref == "" {
			continue
		}
		if known == nil {
			m, err := readManifest(s.cfg.Manifest)
			if err != nil {
				return fmt.Errorf("manifest: %w", err)
			}
			known = &m
		}
		var err error
		if t.model, err = known.model(t.Ref); err != nil {
			return fmt.Errorf("audiences: %q: %w", t.Key, err)
		}
	}
	return nil
}

// Name implements [source.Source].
func (s *Source) Name() string { return s.cfg.Name }

// Close implements [source.Source].
func (s *Source) Close() error { return s.cfg.Engine.Close() }

// traits returns what is read now.
func (s *Source) traits() []Trait {
	if s.cfg.More == nil {
		return s.cfg.Traits
	}
	return slices.Concat(s.cfg.Traits, s.cfg.More())
}

// trait returns the trait of a key.
func (s *Source) trait(key string) (*Trait, error) {
	all := s.traits()
	i := slices.IndexFunc(all, func(t Trait) bool { return t.Key == key })
	if i < 0 {
		return nil, fmt.Errorf("source %q has no trait %q", s.cfg.Name, key)
	}
	return &all[i], nil
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
