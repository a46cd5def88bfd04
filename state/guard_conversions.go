package state

import (
	"database/sql"
	"fmt"
	"time"
)

// averageDays is how far back the daily average of conversions reaches.
const averageDays = 14

// The conversions that wait for a verdict, and those that one holds. What a
// policy for unknown deliveries holds was attempted before.
const (
	freshConversions    = ` FROM deliveries WHERE kind = 'conversion' AND status = 6 AND status > 0 AND class IS NULL AND attempts = 0`
	standingConversions = ` FROM deliveries WHERE kind = 'conversion' AND status = 6 AND status > 0 AND class = 'conversions'`
)

// judgeConversions holds the batch, or lets it through as a whole.
func (t *tx) judgeConversions() ([]Ruling, error) {
	all, err := t.conversionQuestions()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	reason := ""
	for _, q := range all {
		if err := t.sumPassed(q); err != nil {
			return nil, err
		}
		against, err := t.ask(q)
		if err != nil {
			return nil, err
		}
		if against != "" {
			reason = joinWords(reason, against)
		}
	}
	for _, q := range all {
		if err := t.noteVerdict(q, reason); err != nil {
			return nil, err
		}
	}
	if reason != "" {
		_, err := t.exec(`UPDATE deliveries SET class = 'conversions' WHERE id IN (SELECT id` + freshConversions + `)`)
		return []Ruling{{"", ConversionBatch, reason}}, err
	}
	return nil, t.releaseConversions(`SELECT id` + freshConversions)
}

func (t *tx) releaseConversions(which string, args ...any) error {
	n, err := t.exec(`UPDATE deliveries SET status = 1, class = NULL WHERE id IN (`+which+`)`, args...)
	t.count(scopeConversions, statusNames[statusHeld], -n)
	t.count(scopeConversions, statusNames[statusPending], n)
	return err
}

// conversionQuestions are one on their number and one on the money in each
// currency. None if there is nothing new.
func (t *tx) conversionQuestions() ([]*question, error) {
	units := map[string]*question{}
	all := []*question{}
	add := func(unit string, fresh, standing int64) {
		q, ok := units[unit]
		if !ok {
			q = t.conversionQuestion(unit)
			units[unit], all = q, append(all, q)
		}
		q.fresh, q.standing = q.fresh+fresh, q.standing+standing
	}
	for i, from := range []string{freshConversions, standingConversions} {
		err := t.each(`SELECT coalesce(currency, ''), count(*), coalesce(sum(amount), 0)`+from+` GROUP BY 1 ORDER BY 1`, nil, func(rows *sql.Rows) error {
			var currency string
			var n, amount int64
			if err := rows.Scan(&currency, &n, &amount); err != nil {
				return err
			}
			add("", n*int64(1-i), n*int64(i))
			if currency != "" {
				add(currency, amount*int64(1-i), amount*int64(i))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			return nil, nil
		}
	}
	return all, t.averages(units)
}

func (t *tx) conversionQuestion(unit string) *question {
	g := t.d.guards.Conversions
	q := &question{scope: scopeConversions, direction: ConversionBatch, unit: unit, limit: g.Count}
	if unit != "" {
		q.limit = g.Money
	}
	q.words = func(n, base int64) string {
		if unit == "" {
			return fmt.Sprintf("%d conversions within 24 hours, %d a day on average%s", n, base, percentWords(n, base, q.limit))
		}
		return fmt.Sprintf("conversions of %s %s within 24 hours, %s a day on average%s: more than %g %% and at least %s",
			hundredths(n), unit, hundredths(base), share(n, base), q.limit.Percent, hundredths(q.limit.AtLeast))
	}
	return q
}

func hundredths(n int64) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }

// averages fills in what a day brought on average, since the first delivery or
// in the last 14 days.
func (t *tx) averages(units map[string]*question) error {
	const delivered = ` FROM deliveries WHERE kind = 'conversion' AND status = 0 AND outcome = 'delivered'`
	var first sql.NullInt64
	if _, err := t.get(`SELECT min(delivered_at)`+delivered, nil, &first); err != nil {
		return err
	}
	if !first.Valid {
		for _, q := range units {
			q.exempt = !t.d.guards.Conversions.FirstSync
		}
		return nil
	}
	const day = int64(24 * time.Hour)
	days := min(max((t.now-first.Int64+day-1)/day, 1), averageDays)
	var total int64
	err := t.each(`SELECT coalesce(currency, ''), count(*), coalesce(sum(amount), 0)`+delivered+` AND delivered_at > ? GROUP BY 1`, []any{t.now - averageDays*day}, func(rows *sql.Rows) error {
		var currency string
		var n, amount int64
		if err := rows.Scan(&currency, &n, &amount); err != nil {
			return err
		}
		total += n
		if q := units[currency]; currency != "" && q != nil {
			q.base = amount / days
		}
		return nil
	})
	units[""].base = total / days
	return err
}
