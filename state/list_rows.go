package state

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// row is what a merge needs to know of a row of the trait.
type row struct {
	profile int64
	facts   int64
	person  Person // the key alone
	wanted  string
}

// Facts of a row.
const (
	rowTold    = 1 << iota // impact.com holds a true of this person, or may
	rowWanted              // wanted is not NULL
	rowNewer               // a message said so after the list was made
	rowLeaving             // an exit that was let through is still to be sent
)

func (r *row) has(fact int64) bool { return r.facts&fact != 0 }

// The rows of a range of people, and the people's keys, are packed: the way from SQLite
// to Go costs more than a row itself. Both are gone through in order: to look each
// person of a large trait up would take three times as long. A row is its number, what
// is wanted, what impact.com was told, since when that is wanted, and whether an exit
// that was let through is still to be sent.
const (
	settledBetween = `SELECT pack(v.profile_id, v.wanted, v.delivered, ` + wantedSince + `, 0)
		FROM trait_values v WHERE v.trait_id = ?1 AND v.profile_id BETWEEN ?2 AND ?3`

	dueBetween = `SELECT pack(v.profile_id, v.wanted, iif(v.doubt = 1 AND v.sent IS NOT 0, 1, v.delivered), ` + wantedSince + `,
			v.is_exit = 1 AND v.status IN (1, 3, 5))
		FROM trait_due v WHERE v.trait_id = ?1 AND v.profile_id BETWEEN ?2 AND ?3`

	wantedSince = `iif(v.message IS NULL, v.wanted_at, coalesce(v.message ->> '$.ordered_at', v.wanted_at))`

	keysBetween    = `SELECT pack(id, user_id, anonymous_id, email_sha1) FROM `
	allBetween     = `id BETWEEN ?2 AND ?3`
	membersBetween = `id IN (SELECT profile_id FROM trait_values WHERE trait_id = ?1 AND profile_id BETWEEN ?2 AND ?3
		UNION ALL SELECT profile_id FROM trait_due WHERE trait_id = ?1 AND profile_id BETWEEN ?2 AND ?3)`

	// manyBetween reports whether more than a quarter of the people in a range have a row.
	// It counts no more people than it has to.
	manyBetween = `WITH members (n) AS (SELECT (SELECT count(*) FROM trait_values WHERE trait_id = ?1 AND profile_id BETWEEN ?2 AND ?3)
			+ (SELECT count(*) FROM trait_due WHERE trait_id = ?1 AND profile_id BETWEEN ?2 AND ?3))
		SELECT count(*) < 4 * (SELECT n FROM members) FROM (SELECT 1 FROM profiles WHERE id BETWEEN ?2 AND ?3 LIMIT 4 * (SELECT n FROM members))`
)

// idsOf selects the keys of people as two results: newcomers have one of their own.
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

// between returns the rows of a range of people.
func (r *rowsReader) between(from, to int64) (*rows, error) {
	var settled, due, people, newcomers sqlite.Packed
	if err := r.scan(r.settled, from, to, &settled); err != nil {
		return nil, err
	}
	if err := r.scan(r.due, from, to, &due); err != nil {
		return nil, err
	}
	if settled != "" || due != "" {
		if r.keys == nil {
			if err := r.prepareKeys(from, to); err != nil {
				return nil, err
			}
		}
		if err := r.scan(r.keys, from, to, &people, &newcomers); err != nil {
			return nil, err
		}
	}
	return newRows(r.of, r.listedAt, settled, due, people, newcomers), nil
}

func (r *rowsReader) scan(stmt *sql.Stmt, from, to int64, dest ...any) error {
	if err := stmt.QueryRowContext(r.ctx, r.of.id, from, to).Scan(dest...); err != nil {
		return fmt.Errorf("read the members of %q: %w", r.of.key, err)
	}
	return nil
}

// prepareKeys decides by one range how people are read: all of them, or, if few have a
// row, one by one those who do.
func (r *rowsReader) prepareKeys(from, to int64) error {
	var many bool
	err := r.conn.QueryRowContext(r.ctx, manyBetween, r.of.id, from, to).Scan(&many)
	if err == nil {
		which := membersBetween
		if many {
			which = allBetween
		}
		r.keys, err = r.conn.PrepareContext(r.ctx, idsOf(which))
	}
	return err
}

// How many values a packed row and a packed key have.
const (
	rowColumns = 5
	keyColumns = 4
)

// rows goes through the rows of a range of people, in the order of their numbers.
type rows struct {
	trait    *trait
	listedAt int64

	settled, due, people, newcomers cursor

	now row // the one that next went to
}

func newRows(of *trait, listedAt int64, settled, due, people, newcomers sqlite.Packed) *rows {
	return &rows{
		trait: of, listedAt: listedAt, settled: newCursor(settled, rowColumns), due: newCursor(due, rowColumns),
		people: newCursor(people, keyColumns), newcomers: newCursor(newcomers, keyColumns),
	}
}

// next goes to the next row of somebody who exists, and reports whether there is one.
// What is due of a person counts rather than what is settled.
func (r *rows) next() bool {
	for !r.settled.ended || !r.due.ended {
		of := &r.settled
		if of.ended || !r.due.ended && r.due.id <= of.id {
			of = &r.due
		}
		id := of.id
		r.decode(of.values)
		for _, c := range [...]*cursor{&r.settled, &r.due} {
			if c.at(id) {
				c.next()
			}
		}
		for _, c := range [...]*cursor{&r.people, &r.newcomers} {
			if c.seek(id); c.at(id) {
				r.now.person = Person{UserID: c.values[1].Text, AnonymousID: c.values[2].Text, EmailSHA1: c.values[3].Text}.keyOnly()
				return true
			}
		}
	}
	return false
}

// err returns an error if the rows ended early because something could not be read.
func (r *rows) err() error {
	if r.settled.damaged || r.due.damaged || r.people.damaged || r.newcomers.damaged {
		return fmt.Errorf("%w: the members of %q cannot be read", ErrUnusable, r.trait.key)
	}
	return nil
}

// decode sets now to a packed row, without its person's key.
func (r *rows) decode(values []sqlite.Value) {
	wanted, told, since, leaving := &values[1], &values[2], &values[3], &values[4]
	r.now = row{profile: values[0].Int, wanted: textOf(wanted)}
	r.now.facts = rowTold*one(told.Type != sqlite.Null && (r.trait.class == Computed || told.Int == 1)) |
		rowWanted*one(wanted.Type != sqlite.Null) | rowNewer*one(since.Int > r.listedAt) | rowLeaving*one(leaving.Int == 1)
}

// cursor goes through packed rows that begin with a number and are in its order.
type cursor struct {
	left    sqlite.Packed
	values  []sqlite.Value // of the current row
	id      int64          // its number
	ended   bool           // there is no current row
	damaged bool           // because the next one could not be read
}

func newCursor(left sqlite.Packed, columns int) cursor {
	c := cursor{left: left, values: make([]sqlite.Value, columns), id: -1}
	c.next()
	return c
}

// next goes to the next row.
func (c *cursor) next() {
	if c.ended = c.damaged || c.left == ""; c.ended {
		return
	}
	if !c.left.Next(c.values) || c.values[0].Type != sqlite.Integer || c.values[0].Int <= c.id {
		c.ended, c.damaged = true, true
	}
	c.id = c.values[0].Int
}

// seek goes to the row of a number, or to the next one after it.
func (c *cursor) seek(id int64) {
	for !c.ended && c.id < id {
		c.next()
	}
}

// at reports whether it is at the row of a number.
func (c *cursor) at(id int64) bool { return !c.ended && c.id == id }
