package state

import (
	"context"
	"database/sql"
	"encoding/json"
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

// Plan reads what is due. Its cost grows with what is due, not with what is known.
func (d *DB) Plan(ctx context.Context) (p Plan, err error) {
	return p, d.view(ctx, func(v *view) error {
		s := Status{Unlisted: []UnlistedStatus{}}
		p.Traits = []PlanTrait{} // [] in JSON
		if err := v.counters(&s); err != nil {
			return err
		}
		p.PageLoads, p.Conversions, p.TraitValues = s.PageLoads.Open(), s.Conversions.Open(), s.Traits.Open()
		if err := v.get(`SELECT count(DISTINCT profile_id) FROM trait_values WHERE status IN (1, 2, 3, 5) AND status > 0`, nil, &p.TraitUpdates); err != nil {
			return err
		}
		if err := v.unlisted(&s); err != nil {
			return err
		}
		p.Unlisted = s.Unlisted
		if p.Held, err = v.held(d.now()); err != nil {
			return err
		}
		return v.planTraits(&p)
	})
}

func (v *view) planTraits(p *Plan) error {
	return v.each(`SELECT t.key, t.class,
		coalesce(sum(d.n) FILTER (WHERE d.is_exit = 0 AND d.status IN (1, 2, 3, 5)), 0), coalesce(sum(d.n) FILTER (WHERE d.is_exit = 1 AND d.status IN (1, 2, 3, 5)), 0),
		coalesce((SELECT value FROM counters WHERE scope = t.id AND name = 'settled'), 0),
		coalesce(sum(d.n) FILTER (WHERE d.status = 6), 0), coalesce(sum(d.n) FILTER (WHERE d.status = 4), 0)
		FROM traits t LEFT JOIN (SELECT trait_id, status, is_exit, count(*) AS n FROM trait_values WHERE status > 0 GROUP BY 1, 2, 3) d ON d.trait_id = t.id
		GROUP BY t.id ORDER BY t.key`, nil, func(rows *sql.Rows) error {
		var t PlanTrait
		err := rows.Scan(&t.Key, &t.Class, &t.Joins, &t.Exits, &t.Unchanged, &t.Held, &t.Refused)
		t.Guard = wordsOn(p.Held, t.Key)
		p.Traits = append(p.Traits, t)
		return err
	})
}

// Narrowed is what a narrowed run may send.
type Narrowed struct {
	Trait         string  // only trait updates of this key; "": everything
	People        []int64 // only to these; nil: to everybody
	NoConversions bool
}

// Narrow removes what is due beside that, so that a plan counts the rest. It is
// for a copy of the state that is thrown away: what it removes is lost.
func (d *DB) Narrow(ctx context.Context, n Narrowed) error {
	people, err := json.Marshal(n.People)
	if err != nil {
		return err
	}
	return d.update(ctx, func(t *tx) error {
		if err := t.loadTraits(); err != nil {
			return err
		}
		for kind, scope := range map[Kind]int64{PageLoad: scopePageLoads, Conversion: scopeConversions} {
			all := n.Trait != "" || kind == Conversion && n.NoConversions
			if err := t.removeOpen(`deliveries WHERE kind = ?1`, kind, scope, all, string(people)); err != nil {
				return err
			}
		}
		for _, tr := range d.traits {
			all := n.Trait != "" && tr.key != n.Trait
			if err := t.removeOpen(`trait_values WHERE trait_id = ?1`, tr.id, tr.id, all, string(people)); err != nil {
				return err
			}
		}
		return nil
	})
}

// removeOpen removes rows that would be sent: all of them, or those of other
// people. Which are meant is ours.
func (t *tx) removeOpen(which string, of any, scope int64, all bool, people string) error {
	for _, status := range [...]int{statusPending, statusInFlight, statusRetryLater, statusUnknown} {
		n, err := t.exec(`DELETE FROM `+which+` AND status = ?2 AND status > 0 AND (?3 OR ?4 <> 'null' AND profile_id NOT IN (SELECT value FROM json_each(?4)))`, of, status, all, people)
		if err != nil {
			return err
		}
		t.count(scope, statusNames[status], -n)
	}
	return nil
}
