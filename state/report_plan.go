package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// PlanTrait says what a run would send of one trait.
type PlanTrait struct {
	Key       string `json:"key"`
	Class     string `json:"class"`
	Joins     int64  `json:"joins"` // true, or a computed value
	Exits     int64  `json:"exits"` // an explicit false
	Unchanged int64  `json:"unchanged"`
	Held      int64  `json:"held"`
	Refused   int64  `json:"refused"`
	Guard     string `json:"guard,omitempty"`
}

// Plan says what a run would send as the state stands.
type Plan struct {
	Traits       []PlanTrait      `json:"traits"`
	TraitUpdates int64            `json:"trait_updates"` // calls, when all due traits of a person go together
	TraitValues  int64            `json:"trait_values"`  // calls, when each goes alone
	PageLoads    int64            `json:"page_loads"`
	Conversions  int64            `json:"conversions"`
	Held         []HeldSet        `json:"held"`
	Unlisted     []UnlistedStatus `json:"unlisted"`
}

// Part is what a narrowed run may send of what is due. The zero Part is all of it.
type Part struct {
	Trait         string  // only trait updates of this key; "": everything
	People        []int64 // only to these; nil: to everybody
	NoConversions bool
}

// args are the parameters of the following conditions, and more.
func (p Part) args(more ...any) []any {
	people, _ := json.Marshal(p.People) // numbers always can be
	return append([]any{string(people), !p.NoConversions, p.Trait}, more...)
}

// What a run would send of a part. SQLite uses the indexes of what is due only where
// their condition, "status > 0", stands in the query.
const (
	openRows   = `status IN (1, 2, 3, 5) AND status > 0 AND (?1 = 'null' OR coalesce((SELECT absorbed_into FROM profiles o WHERE o.id = profile_id), profile_id) IN (SELECT value FROM json_each(?1)))`
	openEvents = openRows + ` AND ?3 = '' AND (kind = 'page_load' OR ?2)`
	openValues = openRows + ` AND (?3 = '' OR trait_id = (SELECT id FROM traits WHERE key = ?3))`
)

// Plan reads what is due. Its cost grows with what is due, not with what is known.
func (d *DB) Plan(ctx context.Context, of Part) (p Plan, err error) {
	return p, d.view(ctx, func(v *view) error {
		if p.Held, err = v.held(d.now()); err != nil {
			return err
		}
		if p.Unlisted, err = v.unlisted(); err != nil {
			return err
		}
		if err := v.Scan(`SELECT count(*) FILTER (WHERE kind = 'page_load'), count(*) FILTER (WHERE kind = 'conversion') FROM deliveries WHERE `+openEvents,
			of.args(), &p.PageLoads, &p.Conversions); err != nil {
			return err
		}
		if err := v.Scan(`SELECT count(DISTINCT profile_id), count(*) FROM trait_due WHERE `+openValues, of.args(), &p.TraitUpdates, &p.TraitValues); err != nil {
			return err
		}
		p.Traits, err = v.planTraits(of, p.Held)
		return err
	})
}

func (v *view) planTraits(of Part, held []HeldSet) ([]PlanTrait, error) {
	all, err := collect(v, `SELECT t.key, t.class,
		coalesce(sum(d.n) FILTER (WHERE d.is_exit = 0 AND d.status IN (1, 2, 3, 5)), 0), coalesce(sum(d.n) FILTER (WHERE d.is_exit = 1 AND d.status IN (1, 2, 3, 5)), 0),
		coalesce((SELECT value FROM counters WHERE scope = t.id AND name = 'settled'), 0) - (SELECT count(*) FROM trait_values v INDEXED BY trait_values_untold
			WHERE v.trait_id = t.id AND v.delivered IS NULL AND NOT EXISTS (SELECT 1 FROM trait_due d WHERE d.trait_id = t.id AND d.profile_id = v.profile_id)),
		coalesce(sum(d.n) FILTER (WHERE d.status = 6), 0), coalesce(sum(d.n) FILTER (WHERE d.status = 4), 0)
		FROM traits t LEFT JOIN (SELECT trait_id, status, is_exit, count(*) AS n FROM trait_due
			WHERE status > 0 AND (status IN (4, 6) OR `+openRows+`) GROUP BY 1, 2, 3) d ON d.trait_id = t.id
		WHERE ?3 = '' OR t.key = ?3 GROUP BY t.id ORDER BY t.key`, of.args(),
		func(t *PlanTrait) []any {
			return []any{&t.Key, &t.Class, &t.Joins, &t.Exits, &t.Unchanged, &t.Held, &t.Refused}
		})
	for i := range all {
		all[i].Guard = wordsOn(held, all[i].Key)
	}
	return all, err
}

// SampleDue returns some of what would be sent, of each kind, and nothing that our own
// rules refuse.
func (d *DB) SampleDue(ctx context.Context, of Part, most int) (all Table, err error) {
	for _, kind := range []Kind{TraitUpdate, PageLoad, Conversion} {
		t, err := d.table(ctx, `SELECT kind, user_id, anonymous_id, detail, status FROM pending_deliveries WHERE kind = ?4 AND status <> 'held'
			AND (?3 = '' AND (kind <> 'conversion' OR ?2) OR kind = 'trait_update' AND substr(detail, 1, length(?3) + 1) = ?3 || '=')
			AND id NOT IN (SELECT 'e' || id FROM deliveries WHERE status > 0 AND (own_refusal IS NOT NULL OR event_at < ?6))
			AND (?1 = 'null' OR id IN (SELECT 'e' || id FROM deliveries WHERE `+openRows+`
				UNION ALL SELECT 't' || trait_id || '-' || profile_id FROM trait_due WHERE `+openRows+`)) LIMIT ?5`, of.args(kind, most, d.tooOld(d.now().UnixNano()))...)
		if err != nil {
			return all, err
		}
		if len(t.Rows) > 0 {
			all.Columns, all.Rows = t.Columns, append(all.Rows, t.Rows...)
		}
	}
	return all, nil
}

// RefusedEvents is how many due events of one kind our own rules refuse, for one
// reason.
type RefusedEvents struct {
	Kind   Kind
	TooOld bool   // they are older than is sent
	Reason string // otherwise
	Count  int64
}

// OwnRefusals counts the due events that our own rules refuse, except those that
// [DB.EachUnsure] reads.
func (d *DB) OwnRefusals(ctx context.Context, of Part) ([]RefusedEvents, error) {
	return read(ctx, d, func(v *view) ([]RefusedEvents, error) {
		events, err := v.dueEvents()
		if err != nil {
			return nil, err
		}
		return collect(v, `SELECT kind, event_at < ?4, CASE WHEN event_at < ?4 THEN '' ELSE own_refusal END, count(*) FROM `+events+`
			WHERE `+openEvents+` AND (event_at < ?4 OR own_refusal IS NOT NULL AND NOT unsure) GROUP BY 1, 2, 3`, of.args(d.tooOld(d.now().UnixNano())),
			func(r *RefusedEvents) []any { return []any{&r.Kind, &r.TooOld, &r.Reason, &r.Count} })
	})
}

// dueEvents is the table of events, read by the index of what is due, unless so much is
// due that to read all of it in its own order takes less.
func (v *view) dueEvents() (string, error) {
	var most bool
	err := v.Scan(`SELECT coalesce(8 * sum(value) > (SELECT max(id) FROM deliveries) - (SELECT min(id) FROM deliveries), 0) FROM counters WHERE scope IN (?, ?)`, []any{scopePageLoads, scopeConversions}, &most)
	if most {
		return `deliveries NOT INDEXED`, err
	}
	return `deliveries`, err
}

// DueEvent is an event that a run would send.
type DueEvent struct {
	Kind     Kind
	Event    string
	At       time.Time
	Payload  []byte
	ClickID  string // the person's last one before the event
	NewClick bool   // that one is of the event itself
	Sure     bool   // as of a [Claim]
	Profile  int64
}

// EachUnsure calls fn, in no order, for every due event whose refusal by our own rules
// depends on what is known of its person. The payload is valid until fn returns.
func (d *DB) EachUnsure(ctx context.Context, of Part, fn func(DueEvent) error) error {
	return d.view(ctx, func(v *view) error {
		return v.Each(`SELECT d.kind, d.event, d.event_at, d.payload, `+ownerID+`, CASE WHEN p.click_at <= d.event_at THEN coalesce(p.click_id, '') ELSE '' END,
			coalesce(p.click_at = d.event_at, 0), coalesce(p.click_sure, 0) FROM deliveries d `+joinOwner+`
			WHERE `+openEvents+` AND unsure AND event_at >= ?4`, of.args(d.tooOld(d.now().UnixNano())), func(rows *sql.Rows) error {
			var e DueEvent
			var payload sql.RawBytes
			if err := rows.Scan(&e.Kind, &e.Event, moment{&e.At}, &payload, &e.Profile, &e.ClickID, &e.NewClick, &e.Sure); err != nil {
				return err
			}
			e.Payload = payload
			return fn(e)
		})
	})
}

// DuePerson is somebody with due trait values.
type DuePerson struct {
	Person
	Values int64
}

// EachOddlyNamed calls fn for everybody with due trait values whom a page load may be
// unable to name: each of their ids is missing or longer than 64 characters.
func (d *DB) EachOddlyNamed(ctx context.Context, of Part, fn func(DuePerson) error) error {
	return d.view(ctx, func(v *view) error {
		return v.Each(`SELECT `+personIDs+`, count(*) FROM trait_due v `+joinPerson+`
			WHERE `+openValues+` AND length(coalesce(p.user_id, n.user_id, '')) NOT BETWEEN 1 AND 64 AND length(coalesce(p.anonymous_id, n.anonymous_id, '')) NOT BETWEEN 1 AND 64
			GROUP BY v.profile_id`, of.args(), func(rows *sql.Rows) error {
			var p DuePerson
			if err := rows.Scan(&p.UserID, &p.AnonymousID, &p.EmailSHA1, &p.Values); err != nil {
				return err
			}
			return fn(p)
		})
	})
}
