package state

import (
	"context"
	"database/sql"
	"fmt"
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

// settledBetween and dueBetween select the rows of a range of people as one text,
// because the way from SQLite to Go costs more than the row itself. It has the number
// and the facts of each row, the lengths of the key and of what is wanted, and these
// two. Most rows are of users who were told what a list wants: the first case spares
// the others' work. Settled rows that have one of what is due are among the first.
const (
	settledBetween = `SELECT group_concat(v.profile_id || CASE
	WHEN v.wanted_at IS NULL AND v.wanted = 1 AND v.delivered = 1 AND p.user_id IS NOT NULL
	THEN ' 3 ' || (1 + octet_length(p.user_id)) || ' 4 u' || p.user_id || 'true'
	ELSE ' ' || ((v.delivered IS NOT NULL AND (?5 OR v.delivered = 1)) + 2 * (v.wanted IS NOT NULL)
			+ 4 * coalesce(coalesce(v.message ->> '$.ordered_at', v.wanted_at) > ?4, 0))` + keyAndWanted + `
	END, '') FROM trait_values v` + personBetween

	dueBetween = `SELECT group_concat(v.profile_id || ' ' || ((v.doubt = 1 AND v.sent IS NOT 0 OR v.delivered IS NOT NULL AND (?5 OR v.delivered = 1)) + 2 * (v.wanted IS NOT NULL)
			+ 4 * (coalesce(v.message ->> '$.ordered_at', v.wanted_at) > ?4) + 8 * (v.is_exit = 1 AND v.status IN (1, 3, 5)))` + keyAndWanted + `, '')
		FROM trait_due v` + personBetween

	keyAndWanted = `
		|| ' ' || (1 + octet_length(coalesce(p.user_id, p.anonymous_id, p.email_sha1)))
		|| ' ' || octet_length(CASE v.wanted WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE coalesce(v.wanted, '') END) || ' '
		|| CASE WHEN p.user_id IS NOT NULL THEN 'u' WHEN p.anonymous_id IS NOT NULL THEN 'a' ELSE 'e' END || coalesce(p.user_id, p.anonymous_id, p.email_sha1)
		|| CASE v.wanted WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE coalesce(v.wanted, '') END`
	personBetween = ` CROSS JOIN profiles p ON p.id = v.profile_id WHERE v.trait_id = ?1 AND v.profile_id BETWEEN ?2 AND ?3`
)

// rowsReader reads a trait's rows from a connection that does not see what a merge
// writes.
type rowsReader struct{ settled, due *sql.Stmt }

func prepareRows(ctx context.Context, conn *sql.Conn) (r rowsReader, err error) {
	r.settled, err = conn.PrepareContext(context.WithoutCancel(ctx), settledBetween)
	if err == nil {
		r.due, err = conn.PrepareContext(context.WithoutCancel(ctx), dueBetween)
	}
	return r, err
}

func (r *rowsReader) close() {
	for _, stmt := range []*sql.Stmt{r.settled, r.due} {
		if stmt != nil {
			_ = stmt.Close()
		}
	}
}

// between returns the rows of a range of people, in the order of their numbers.
func (r *rowsReader) between(ctx context.Context, of *trait, from, to, listedAt int64) ([]row, error) {
	settled, err := readRows(ctx, r.settled, of, from, to, listedAt)
	if err != nil {
		return nil, err
	}
	due, err := readRows(ctx, r.due, of, from, to, listedAt)
	return overlaid(settled, due), err
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

// readRows reads rows in the order of their numbers.
func readRows(ctx context.Context, reader *sql.Stmt, of *trait, from, to, listedAt int64) ([]row, error) {
	var text sql.NullString
	if err := reader.QueryRowContext(context.WithoutCancel(ctx), of.id, from, to, listedAt, of.class == Computed).Scan(&text); err != nil {
		return nil, fmt.Errorf("read the members of %q: %w", of.key, err)
	}
	rows, ok := decodeRows(text.String)
	if !ok {
		return nil, fmt.Errorf("%w: the members of %q cannot be read", ErrUnusable, of.key)
	}
	return rows, nil
}

const mostDigits = 19 // of a number of 63 bits

// decodeRows is not ok for a text that is not one of ordered rows.
func decodeRows(text string) (rows []row, ok bool) {
	rows = make([]row, 0, len(text)/40)
	for text != "" {
		var numbers [4]int64
		for i := range numbers {
			at := 0
			for ; at < len(text) && at < mostDigits && '0' <= text[at] && text[at] <= '9'; at++ {
				numbers[i] = numbers[i]*10 + int64(text[at]-'0')
			}
			if at == 0 || at == len(text) || text[at] != ' ' || numbers[i] < 0 {
				return nil, false
			}
			text = text[at+1:]
		}
		key, wanted := numbers[2], numbers[3]
		if key < 1 || key > int64(len(text)) || wanted > int64(len(text))-key || len(rows) > 0 && numbers[0] <= rows[len(rows)-1].profile {
			return nil, false
		}
		rows = append(rows, row{numbers[0], int(numbers[1]), text[:key], text[key : key+wanted]})
		text = text[key+wanted:]
	}
	return rows, true
}
