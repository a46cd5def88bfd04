package state

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

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
	computations  map[computation]bool // seen; true: approved
}

// status is that of a trait value or a delivery. Every due row has exactly one.
type status int

const (
	statusSettled status = iota
	statusPending
	statusInFlight
	statusRetryLater
	statusRefused
	statusUnknown
	statusHeld
)

var statusNames = [...]string{"settled", "pending", "in_flight", "retry_later", "refused", "unknown", "held"}

const trueText, falseText = "true", "false"

type traitRow struct {
	trait       *trait
	profile     int64
	exists      bool
	status      status
	isExit      bool
	doubt       bool
	wanted      sql.NullString
	wantedAt    int64         // when it became wanted
	orderedAt   sql.NullInt64 // of the newest message that said the same
	delivered   sql.NullString
	deliveredAt sql.NullInt64 // in milliseconds
	sent        sql.NullString
	attempt     sql.NullInt64
	origin      sql.NullInt64
	receivedAt  sql.NullInt64
	messageID   sql.NullString
}

const traitColumns = `status, is_exit, doubt, wanted, wanted_at, delivered, delivered_at, sent, attempt, origin, received_at, message_id, ordered_at`

const prefixed = `v.status, v.is_exit, v.doubt, v.wanted, v.wanted_at, v.delivered, v.delivered_at, v.sent, v.attempt, v.origin, v.received_at, v.message_id, v.ordered_at`

func (r *traitRow) dest() []any {
	return []any{&r.status, &r.isExit, &r.doubt, value{&r.wanted}, &r.wantedAt, value{&r.delivered}, &r.deliveredAt, value{&r.sent}, &r.attempt, &r.origin, &r.receivedAt, &r.messageID, &r.orderedAt}
}

func (t *tx) traitRow(tr *trait, profile int64) (traitRow, error) {
	r := traitRow{trait: tr, profile: profile}
	var err error
	r.exists, err = t.Get(`SELECT `+traitColumns+` FROM trait_values WHERE trait_id = ? AND profile_id = ?`, []any{tr.id, profile}, r.dest()...)
	return r, err
}

// due reports whether impact.com has to be told something.
//
// Nobody gets a false who was never told true, and a computed trait without a
// value has nothing that could be sent.
func (r *traitRow) due() bool {
	audience := r.trait.class == Audience
	switch {
	case !r.wanted.Valid && !audience:
		return false
	case r.doubt:
		return true
	case audience && !r.delivered.Valid:
		return r.wanted.String == trueText
	case audience && !r.wanted.Valid:
		return r.delivered.String == trueText
	default:
		return r.wanted != r.delivered
	}
}

// toSend is the value that a due row sends.
func (r *traitRow) toSend() string {
	if !r.wanted.Valid {
		return falseText
	}
	return r.wanted.String
}

// moved is the row after wanted or doubt moved: whatever was the matter with
// the old value is over, and the row is pending or settled.
func (r traitRow) moved() traitRow {
	r.status = statusSettled
	if r.due() {
		r.status = statusPending
	}
	return r
}

// order is the time by which a row stands against others.
func (r *traitRow) order() int64 { return max(r.wantedAt, r.orderedAt.Int64) }

// confirmedAt is when the trait's newest list said what the rows say that are
// not newer: of everybody, since who is not on a list is no member. 0 where no
// list counts.
func (tr *trait) confirmedAt() int64 {
	if tr.authority == AuthorityChanges {
		return 0
	}
	return tr.listedAt
}

// prevails reports whether a visitor's row stands against the row of the user
// that the visitor turned out to be. Where the newest list confirmed both, who is
// on it under one of the ids is a member.
func (r *traitRow) prevails(o *traitRow) bool {
	if listed := r.trait.confirmedAt(); max(r.order(), o.order()) <= listed {
		return r.isWanted() && !o.isWanted()
	}
	return r.newerThan(o)
}

// newerThan is the order of changes: effective time, then receipt, then
// messageId.
func (r *traitRow) newerThan(o *traitRow) bool {
	if r.order() != o.order() {
		return r.order() > o.order()
	}
	if r.receivedAt.Int64 != o.receivedAt.Int64 {
		return r.receivedAt.Int64 > o.receivedAt.Int64
	}
	return r.messageID.String > o.messageID.String
}

// told reports whether impact.com holds a true of this person, or may.
func (r *traitRow) told() bool {
	return r.doubt && r.sent.String != falseText || (r.delivered.Valid && (r.trait.class == Computed || r.delivered.String == trueText))
}

func (r *traitRow) isWanted() bool {
	return r.wanted.Valid && (r.trait.class == Computed || r.wanted.String == trueText)
}

func (r *traitRow) isDelivered() bool {
	return r.delivered.Valid && (r.trait.class == Computed || r.delivered.String == trueText)
}

// put stores a row in place of old and moves the counters.
func (t *tx) put(old, r traitRow) error {
	r.isExit = r.trait.class == Audience && r.status != statusSettled && r.toSend() == falseText
	t.countRow(old, r)
	if old.exists && old.hasFault() && (r.status != old.status || old.status == statusHeld && old.wanted != r.wanted) {
		if err := t.clearFault(r.trait.id, r.profile, r.status == statusInFlight); err != nil {
			return err
		}
	}
	if !old.exists {
		_, err := t.Exec(`INSERT INTO trait_values (trait_id, profile_id, `+traitColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.trait.id, r.profile, r.status, r.isExit, r.doubt, stored(r.wanted), r.wantedAt, stored(r.delivered), r.deliveredAt, stored(r.sent), r.attempt, r.origin, r.receivedAt, r.messageID, r.orderedAt)
		return err
	}
	_, err := t.Exec(`UPDATE trait_values SET status = ?, is_exit = ?, doubt = ?, wanted = ?, wanted_at = ?, delivered = ?, delivered_at = ?,
		sent = ?, attempt = ?, origin = ?, received_at = ?, message_id = ?, ordered_at = ? WHERE trait_id = ? AND profile_id = ?`,
		r.status, r.isExit, r.doubt, stored(r.wanted), r.wantedAt, stored(r.delivered), r.deliveredAt, stored(r.sent), r.attempt, r.origin, r.receivedAt, r.messageID, r.orderedAt, r.trait.id, r.profile)
	return err
}

// hasFault reports whether there may be a row of trait_faults.
func (r *traitRow) hasFault() bool {
	return r.status == statusRefused || r.status == statusRetryLater || r.status == statusUnknown || r.status == statusHeld
}

// clearFault forgets what was the matter. A row that is merely tried again
// keeps its count of attempts.
func (t *tx) clearFault(traitID, profile int64, retrying bool) error {
	if retrying {
		_, err := t.Exec(`UPDATE trait_faults SET next_attempt_at = NULL WHERE trait_id = ? AND profile_id = ?`, traitID, profile)
		return err
	}
	_, err := t.Exec(`DELETE FROM trait_faults WHERE trait_id = ? AND profile_id = ?`, traitID, profile)
	return err
}

func (t *tx) countRow(old, r traitRow) {
	id := r.trait.id
	if old.exists {
		t.count(id, "wanted", -one(old.isWanted()))
		t.count(id, "delivered", -one(old.isDelivered()))
		t.count(id, "told", -one(old.told()))
		t.count(id, statusNames[old.status], -1)
	}
	t.count(id, "wanted", one(r.isWanted()))
	t.count(id, "delivered", one(r.isDelivered()))
	t.count(id, "told", one(r.told()))
	t.count(id, statusNames[r.status], 1)
}

func (t *tx) deleteTraitRow(r traitRow) error {
	t.count(r.trait.id, "wanted", -one(r.isWanted()))
	t.count(r.trait.id, "delivered", -one(r.isDelivered()))
	t.count(r.trait.id, "told", -one(r.told()))
	t.count(r.trait.id, statusNames[r.status], -1)
	if err := t.clearFault(r.trait.id, r.profile, false); err != nil {
		return err
	}
	_, err := t.Exec(`DELETE FROM trait_values WHERE trait_id = ? AND profile_id = ?`, r.trait.id, r.profile)
	return err
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// countMove counts a change of wanted the way the run's balance needs it:
// found = delivered + superseded + absorbed + forgotten + dropped + growth of
// what is due.
func (t *tx) countMove(old, r traitRow) {
	was, is := old.exists && old.status != statusSettled, r.status != statusSettled
	switch {
	case !was && is:
		t.countRun("found", 1)
	case was && is && old.wanted != r.wanted:
		t.countRun("found", 1)
		t.countRun("superseded", 1)
	case was && !is:
		t.countRun("superseded", 1)
	}
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
	t.d.index()
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

func unix(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixNano()
}
