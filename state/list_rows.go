package state

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// row is what a merge needs to know of a row of the trait.
type row struct {
	profile int64
	facts   int
	key     string // as [Person.key] returns it
	wanted  string
}

// Facts of a row.
const (
	rowTold    = 1 << iota // impact.com holds a true of this person, or may
	rowWanted              // wanted is not NULL
	rowNewer               // a message said so after the list was made
	rowLeaving             // an exit that was let through is still to be sent
)

func (r *row) has(fact int) bool { return r.facts&fact != 0 }

// is reports whether the row is this person's.
func (r *row) is(p Person) bool {
	kind, key := p.kindAndKey()
	return r.key[0] == kind && r.key[1:] == key
}

// The rows of a range of people, and the people's keys, are each selected as one text,
// because the way from SQLite to Go costs more than a row itself. A settled row that
// was told what a list wants is its number alone. Each other row has its facts, the
// length of what is wanted, and that. A person has the number, and the length of the
// key, and that. Both are gone through in order: to look each person of a large trait
// up would take three times as long.
const (
	settledBetween = `SELECT group_concat(CASE WHEN v.wanted_at IS NULL AND v.wanted = 1 AND v.delivered = 1 THEN v.profile_id
		ELSE v.profile_id || ':' || ((v.delivered IS NOT NULL AND (?5 OR v.delivered = 1)) + 2 * (v.wanted IS NOT NULL)
			+ 4 * coalesce(coalesce(v.message ->> '$.ordered_at', v.wanted_at) > ?4, 0))` + andWanted + ` END, ' ') || ' '
		FROM trait_values v WHERE v.trait_id = ?1 AND v.profile_id BETWEEN ?2 AND ?3`

	dueBetween = `SELECT group_concat(v.profile_id || ':' || ((v.doubt = 1 AND v.sent IS NOT 0 OR v.delivered IS NOT NULL AND (?5 OR v.delivered = 1)) + 2 * (v.wanted IS NOT NULL)
			+ 4 * (coalesce(v.message ->> '$.ordered_at', v.wanted_at) > ?4) + 8 * (v.is_exit = 1 AND v.status IN (1, 3, 5)))` + andWanted + `, ' ') || ' '
		FROM trait_due v WHERE v.trait_id = ?1 AND v.profile_id BETWEEN ?2 AND ?3`

	andWanted = ` || ' ' || coalesce(octet_length(CASE v.wanted WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE v.wanted END), 0)
		|| ' ' || CASE v.wanted WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE coalesce(v.wanted, '') END`

	keysBetween = `SELECT group_concat(id || CASE WHEN user_id IS NOT NULL THEN ' ' || (1 + octet_length(user_id)) || ' u' || user_id
		WHEN anonymous_id IS NOT NULL THEN ' ' || (1 + octet_length(anonymous_id)) || ' a' || anonymous_id
		ELSE ' ' || (1 + octet_length(email_sha1)) || ' e' || email_sha1 END, ' ') || ' ' FROM `
	allBetween     = `id BETWEEN ?2 AND ?3`
	membersBetween = `id IN (SELECT profile_id FROM trait_values WHERE trait_id = ?1 AND profile_id BETWEEN ?2 AND ?3
		UNION ALL SELECT profile_id FROM trait_due WHERE trait_id = ?1 AND profile_id BETWEEN ?2 AND ?3)`

	// countBetween counts people, newcomers apart, but no more than so many.
	countBetween = `SELECT count(*) FROM (SELECT 1 FROM profiles WHERE id BETWEEN ? AND ? LIMIT ?)`
)

// idsOf selects the keys of people as two texts: newcomers have one of their own.
func idsOf(which string) string {
	return `SELECT (` + keysBetween + `profiles WHERE ` + which + `), (` + keysBetween + `newcomers WHERE ` + which + `)`
}

// rowsReader reads a trait's rows from a connection that does not see what a merge
// writes.
type rowsReader struct {
	ctx      context.Context //nolint:containedctx // of the merge
	conn     *sql.Conn
	of       *trait
	listedAt int64

	settled, due, keys *sql.Stmt // keys is nil before the first rows
}

func newRowsReader(ctx context.Context, conn *sql.Conn, of *trait, listedAt int64) (*rowsReader, error) {
	ctx = context.WithoutCancel(ctx)
	r := &rowsReader{ctx: ctx, conn: conn, of: of, listedAt: listedAt}
	var err error
	if r.settled, err = conn.PrepareContext(ctx, settledBetween); err == nil {
		r.due, err = conn.PrepareContext(ctx, dueBetween)
	}
	return r, err
}

func (r *rowsReader) close() {
	for _, stmt := range []*sql.Stmt{r.settled, r.due, r.keys} {
		if stmt != nil {
			_ = stmt.Close()
		}
	}
}

// between returns the rows of a range of people, in the order of their numbers.
func (r *rowsReader) between(from, to int64) ([]row, error) {
	settled, err := r.rows(r.settled, from, to)
	if err != nil {
		return nil, err
	}
	due, err := r.rows(r.due, from, to)
	rows := overlaid(settled, due)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	if r.keys == nil {
		if err := r.prepareKeys(len(rows), from, to); err != nil {
			return nil, err
		}
	}
	var keys, ofNewcomers sql.NullString
	if err := r.keys.QueryRowContext(r.ctx, r.of.id, from, to).Scan(&keys, &ofNewcomers); err != nil {
		return nil, r.unread(err)
	}
	ok := withKeys(rows, keys.String) && withKeys(rows, ofNewcomers.String)
	return slices.DeleteFunc(rows, func(r row) bool { return r.key == "" }), r.readable(ok) // those of nobody
}

// prepareKeys goes by a range of so many rows: if most people are not of the trait,
// those who are get looked up.
func (r *rowsReader) prepareKeys(rows int, from, to int64) error {
	most, people, which := 4*rows, 0, allBetween
	err := r.conn.QueryRowContext(r.ctx, countBetween, from, to, most).Scan(&people)
	if err == nil {
		if people == most {
			which = membersBetween
		}
		r.keys, err = r.conn.PrepareContext(r.ctx, idsOf(which))
	}
	return err
}

func (r *rowsReader) rows(stmt *sql.Stmt, from, to int64) ([]row, error) {
	var text sql.NullString
	if err := stmt.QueryRowContext(r.ctx, r.of.id, from, to, r.listedAt, r.of.class == Computed).Scan(&text); err != nil {
		return nil, r.unread(err)
	}
	rows, ok := decodeRows(text.String)
	return rows, r.readable(ok)
}

func (r *rowsReader) unread(err error) error {
	return fmt.Errorf("read the members of %q: %w", r.of.key, err)
}

func (r *rowsReader) readable(ok bool) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%w: the members of %q cannot be read", ErrUnusable, r.of.key)
}

// overlaid merges what is settled and what is due, which counts.
func overlaid(settled, due []row) []row {
	if len(due) == 0 {
		return settled
	}
	all := make([]row, 0, len(settled)+len(due))
	for _, d := range due {
		for len(settled) > 0 && settled[0].profile < d.profile {
			all, settled = append(all, settled[0]), settled[1:]
		}
		if len(settled) > 0 && settled[0].profile == d.profile {
			settled = settled[1:]
		}
		all = append(all, d)
	}
	return append(all, settled...)
}

// withKeys gives each row the key of its person, if it is in a text. It is not ok for a
// text that is not one of ordered people.
func withKeys(rows []row, keys string) (ok bool) {
	text, last := encoded(keys), int64(-1)
	for text != "" {
		var id int64
		var key string
		if !text.number(&id, ' ') || !text.counted(&key) || id <= last || key == "" {
			return false
		}
		last = id
		for len(rows) > 0 && rows[0].profile < id {
			rows = rows[1:]
		}
		if len(rows) > 0 && rows[0].profile == id {
			rows[0].key = key
			rows = rows[1:]
		}
	}
	return true
}

// decodeRows is not ok for a text that is not one of ordered rows.
func decodeRows(of string) (rows []row, ok bool) {
	const usual = 20 // of a row that is its number alone
	text := encoded(of)
	rows = make([]row, 0, len(text)/usual+1)
	for text != "" {
		r := row{facts: rowTold | rowWanted, wanted: trueText}
		if !text.number(&r.profile, ' ') {
			var facts int64
			if !text.number(&r.profile, ':') || !text.number(&facts, ' ') || !text.counted(&r.wanted) {
				return nil, false
			}
			r.facts = int(facts)
		}
		if len(rows) > 0 && r.profile <= rows[len(rows)-1].profile {
			return nil, false
		}
		rows = append(rows, r)
	}
	return rows, true
}

// encoded is what is left of a text that SQLite has put together.
type encoded string

const mostDigits = 19 // of a number of 63 bits

// number cuts a number off, and what has to stand behind it.
func (e *encoded) number(n *int64, behind byte) bool {
	at := 0
	for *n = 0; at < len(*e) && at < mostDigits && '0' <= (*e)[at] && (*e)[at] <= '9'; at++ {
		*n = *n*10 + int64((*e)[at]-'0')
	}
	if at == 0 || at == len(*e) || (*e)[at] != behind || *n < 0 {
		return false
	}
	*e = (*e)[at+1:]
	return true
}

// counted cuts off a text, with its length in front of it and a space behind it.
func (e *encoded) counted(text *string) bool {
	var size int64
	if !e.number(&size, ' ') || size >= int64(len(*e)) || (*e)[size] != ' ' {
		return false
	}
	*text, *e = string((*e)[:size]), (*e)[size+1:]
	return true
}
