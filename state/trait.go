package state

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/impactsync/impactsync/state/rules"
)

// Class tells audiences (true or false) from computed traits (any text).
type Class string

// The classes of traits.
const (
	Audience Class = "audience"
	Computed Class = "computed"
)

// Authority says which of two feeds of one trait counts.
type Authority = rules.Authority

// A trait fed by lists and by messages needs one of these.
const (
	AuthorityList    = rules.List
	AuthorityChanges = rules.Changes
	AuthorityLatest  = rules.Latest
)

// ErrAuthority says that two inputs feed one trait and nothing says which of
// them counts. Nothing was stored.
var ErrAuthority = errors.New("two inputs feed one trait")

// errOtherClass says that one input calls an audience what another calls a
// computed trait.
var errOtherClass = fmt.Errorf("%w in two ways", ErrAuthority)

type trait struct {
	id            int64
	key           string
	class         Class
	listSource    string
	changesSource string
	authority     Authority
	listedAt      int64                // the time of its last list; 0 without one
	elsewhere     bool                 // what is settled is in a table elsewhere
	computations  map[computation]bool // seen; true: approved
}

// confirmedAt returns when the trait's newest list confirmed what is stored of
// everybody, for whoever is not on a list is no member. It is 0 if no list counts.
func (tr *trait) confirmedAt() int64 {
	if tr.authority == AuthorityChanges && tr.changesSource != "" {
		return 0
	}
	return tr.listedAt
}

// loadTraits fills the cache of traits.
func (t *tx) loadTraits() error {
	if t.d.traits != nil {
		return nil
	}
	traits := map[string]*trait{}
	err := t.Each(`SELECT id, key, class, coalesce(list_source, ''), coalesce(changes_source, ''), authority, coalesce(last_list_at, 0) FROM traits`, nil, func(rows *sql.Rows) error {
		tr := &trait{computations: map[computation]bool{}}
		if err := rows.Scan(&tr.id, &tr.key, &tr.class, &tr.listSource, &tr.changesSource, &tr.authority, &tr.listedAt); err != nil {
			return err
		}
		traits[tr.key] = tr
		return nil
	})
	if err != nil {
		return err
	}
	t.d.traits, t.d.used = traits, nil
	if t.d.index(); len(traits) > 0 {
		if err := t.loadElsewhere(); err != nil {
			return err
		}
	}
	return t.Each(`SELECT t.key, c.space_id, c.computation_id, c.approved_at IS NOT NULL FROM computations c JOIN traits t ON t.id = c.trait_id`, nil, func(rows *sql.Rows) error {
		var key string
		var c computation
		var approved bool
		err := rows.Scan(&key, &c.space, &c.id, &approved)
		traits[key].computations[c] = approved
		return err
	})
}

// index makes traits known by number, too.
func (d *DB) index() {
	d.byID = make(map[int64]*trait, len(d.traits))
	for _, tr := range d.traits {
		d.byID[tr.id] = tr
	}
}

// ordered returns the traits by key. It costs a sort: not for hot paths.
func (d *DB) ordered() []*trait {
	return slices.SortedFunc(maps.Values(d.traits), func(a, b *trait) int { return cmp.Compare(a.key, b.key) })
}

// computation identifies what Segment computes a trait with. An audience that is
// deleted and made again under its old name keeps its key, but gets a new
// computation and may mean other people.
type computation struct{ space, id string }

func (c computation) fits(other computation) bool {
	return (c.space == "" || other.space == "" || c.space == other.space) && (c.id == "" || other.id == "" || c.id == other.id)
}

// name is what an approval names a computation by.
func (c computation) name() string { return cmp.Or(c.id, c.space) }

func (c computation) against() string {
	return fmt.Sprintf("computation %q of space %q is new under this key", c.id, c.space)
}
