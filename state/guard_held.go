package state

import (
	"database/sql"
	"time"

	"github.com/impactsync/impactsync/state/internal/guard"
	"github.com/impactsync/impactsync/sync/money"
)

// HeldSet is what the guard holds back of one trait, or of the conversions, in
// one direction; or the events of one kind that [Hold] keeps.
type HeldSet struct {
	Key       string    `json:"key,omitempty"`  // "" for events and suppressions
	Kind      Kind      `json:"kind,omitempty"` // "" for suppressions
	Direction Direction `json:"direction"`
	Held      int64     `json:"held"`
	Reason    string    `json:"reason"`
	HeldAt    string    `json:"held_at"`  // "" where that is not known
	Approved  int64     `json:"approved"` // of them the next run lets go, within a day
	Command   string    `json:"command"`  // that lets all of it through; of Unanswered what to set
	Sample    []string  `json:"sample"`   // user ids, else anonymous ids; of conversions the orders
}

// heldSample is how many rows of a held set are shown.
const heldSample = 5

// held returns what is held, and how much of that is approved. Its cost grows with
// what is held.
func (v *view) held(now time.Time) ([]HeldSet, error) {
	sets, err := collect(v, `SELECT coalesce(trait_key, ''), direction, held, coalesce(reason, ''), coalesce(held_at, ''), command, coalesce(kind, '') FROM held_changes ORDER BY 1, 2, command`, nil,
		func(s *HeldSet) []any {
			return []any{&s.Key, &s.Direction, &s.Held, &s.Reason, &s.HeldAt, &s.Command, &s.Kind}
		})
	if err != nil {
		return nil, err
	}
	for i := range sets {
		s := &sets[i]
		if s.Approved, err = v.approved(s, now); err != nil {
			return nil, err
		}
		if s.Sample, err = v.heldSample(s); err != nil {
			return nil, err
		}
	}
	return sets, nil
}

func (v *view) approved(s *HeldSet, now time.Time) (n int64, err error) {
	if s.Direction == NewComputation || s.Direction == Unanswered || s.Direction == Refusal {
		return 0, nil
	}
	scope := scopeOfSet(s.Direction)
	if scope == 0 {
		if err := v.Scan(`SELECT id FROM traits WHERE key = ?`, []any{s.Key}, &scope); err != nil {
			return 0, err
		}
	}
	var held, newest int64
	return n, v.Scan(heldAndApproved(scope), []any{scope, s.Direction, now.UnixNano()}, &held, &newest, &n)
}

// eventText names an event, with its order and money.
const eventText = `event || coalesce(' ' || order_id, ''), amount, coalesce(currency, '')`

// eventTexts reads them.
func eventTexts(v *view, query string, args []any) (texts []string, err error) {
	return texts, v.Each(query, args, func(rows *sql.Rows) error {
		var text, currency string
		var amount sql.Null[money.Amount]
		err := rows.Scan(&text, &amount, &currency)
		if amount.Valid {
			text += " " + amount.V.Format(currency) + " " + currency
		}
		texts = append(texts, text)
		return err
	})
}

func (v *view) heldSample(s *HeldSet) ([]string, error) {
	query, args := `SELECT coalesce(p.user_id, p.anonymous_id, p.email_sha1, n.user_id, n.anonymous_id, n.email_sha1, '') || ' ' || t.key || '=' || coalesce(`+valueText("v.wanted")+`, 'false')
		FROM trait_due v JOIN traits t ON t.id = +v.trait_id AND t.key = ?1 `+joinPerson+`
		WHERE v.status = 6 AND v.class = ?2 LIMIT ?3`, []any{s.Key, s.Direction, heldSample}
	switch s.Direction {
	case Suppressions:
		query, args = `SELECT coalesce(p.user_id, p.anonymous_id, p.email_sha1, n.user_id, n.anonymous_id, n.email_sha1, (SELECT payload ->> '$.userId' FROM deliveries d WHERE d.id IN (`+eventsOf("s.person")+`) AND d.status > 0 LIMIT 1), '')
			FROM suppressions s LEFT JOIN profiles p ON p.id = s.person LEFT JOIN newcomers n ON n.id = s.person
			WHERE s.held = 1 AND s.person = s.profile_id LIMIT ?`, []any{heldSample}
	case Reversals:
		return v.heldReversals()
	case ConversionBatch:
		return eventTexts(v, `SELECT `+eventText+` FROM deliveries WHERE kind = 'conversion' AND status = 6 AND status > 0 AND class = 'conversions' LIMIT ?`, []any{heldSample})
	case Unanswered:
		return eventTexts(v, `SELECT `+eventText+` FROM deliveries WHERE kind = ? AND `+heldUnanswered+` LIMIT ?`, []any{s.Kind, heldSample})
	}
	return collect(v, query, args, itself[string])
}

// wordsOn returns why changes of a trait are held, "" if none are.
func wordsOn(sets []HeldSet, key string) (words string) {
	for _, s := range sets {
		if s.Key == key {
			words = guard.Join(words, s.Reason)
		}
	}
	return words
}
