package state

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// packedRow is what a merge needs of a row of the trait.
type packedRow struct {
	profile   int64
	told      bool
	wanted    string
	hasWanted bool
	newer     bool // than the list
	kind      byte // of the key: u, a or e
	key       string
	anonymous string
	email     string
}

// is reports whether the row is this person's.
func (r *packedRow) is(p Person) bool {
	kind, key := p.kindAndKey()
	return r.kind == kind && r.key == key
}

// packed makes one text of all rows, with NUL between the fields, which no id
// has. A row of the ordinary kind, a user who was told what the list says, is
// its number and the user id. Any other begins with "!" and has more fields.
const packed = `SELECT group_concat(CASE
	WHEN v.wanted = 1 AND v.delivered = 1 AND coalesce(v.ordered_at, v.wanted_at) <= ?4 AND p.user_id IS NOT NULL AND ?6 = 0 THEN v.profile_id || ?7 || p.user_id
	ELSE '!' || v.profile_id || ?7 || ((v.doubt = 1 AND v.sent IS NOT 0 OR v.delivered IS NOT NULL AND (?5 OR v.delivered = 1)) + 2 * (v.wanted IS NOT NULL) + 4 * (coalesce(v.ordered_at, v.wanted_at) > ?4))
		|| ?7 || CASE v.wanted WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE coalesce(v.wanted, '') END || ?7 || CASE WHEN p.user_id IS NOT NULL THEN 'u' WHEN p.anonymous_id IS NOT NULL THEN 'a' ELSE 'e' END
		|| coalesce(p.user_id, p.anonymous_id, p.email_sha1) || ?7 || coalesce(p.anonymous_id, '') || ?7 || coalesce(p.email_sha1, '') END, ?7)
	FROM trait_values v CROSS JOIN profiles p ON p.id = v.profile_id
	WHERE v.trait_id = ?1 AND v.profile_id BETWEEN ?2 AND ?3`

// rowsOfTrait reads the rows of one span after the other, from a snapshot that
// stands before the merge: who goes by them and not by the table has to know
// that the merge may have absorbed somebody meanwhile.
type rowsOfTrait struct {
	*merge
	all     *sql.Stmt // nil where there are no rows
	numbers *sql.Stmt // nil where numbers do not do
}

// storedRows are the rows of a span: their numbers, or all that there is.
type storedRows struct {
	numbers []number
	packed  []packedRow
}

func (m *merge) reader(conn *sql.Conn) (r rowsOfTrait, err error) {
	r.merge = m
	if m.rows == 0 {
		return r, nil
	}
	if r.all, err = conn.PrepareContext(context.WithoutCancel(m.ctx), packed); err != nil {
		return r, err
	}
	if m.last != nil && m.trait.class == Audience && !m.list.riders {
		r.numbers, err = conn.PrepareContext(context.WithoutCancel(m.ctx), numbers)
	}
	return r, err
}

func (m rowsOfTrait) close() {
	for _, s := range [...]*sql.Stmt{m.all, m.numbers} {
		if s != nil {
			_ = s.Close() // it has only read
		}
	}
}

func (m rowsOfTrait) within(s span) (rows storedRows, err error) {
	if m.numbers != nil {
		text, err := m.text(m.numbers, m.trait.id, s.from, s.to, m.at, m.trait.authority != AuthorityLatest)
		if err != nil {
			return rows, err
		}
		if rows.numbers, err = decodeNumbers(text); err == nil {
			return rows, nil
		}
	}
	rows.packed, err = m.packed(s)
	return rows, err
}

func (m rowsOfTrait) text(query *sql.Stmt, args ...any) (string, error) {
	var text sql.NullString
	if err := query.QueryRowContext(context.WithoutCancel(m.ctx), args...).Scan(&text); err != nil {
		return "", fmt.Errorf("read the members of %q: %w", m.trait.key, err)
	}
	return text.String, nil
}

func (m rowsOfTrait) packed(s span) ([]packedRow, error) {
	if m.all == nil {
		return nil, nil
	}
	text, err := m.text(m.all, m.trait.id, s.from, s.to, m.at, m.trait.class == Computed, m.list.riders, "\x00")
	if err != nil || text == "" {
		return nil, err
	}
	rows := make([]packedRow, 0, len(text)/40)
	u := unpacker{rest: text, more: true}
	for u.more {
		rows = append(rows, u.row())
	}
	if u.bad || !slices.IsSortedFunc(rows, func(a, b packedRow) int { return cmp.Compare(a.profile, b.profile) }) {
		return nil, fmt.Errorf("%w: the members of %q cannot be read", ErrUnusable, m.trait.key)
	}
	return rows, nil
}

// unpacker takes fields off a packed text.
type unpacker struct {
	rest string
	more bool
	bad  bool
}

func (u *unpacker) text() string {
	field, rest, more := strings.Cut(u.rest, "\x00")
	u.rest, u.more = rest, more
	return field
}

func (u *unpacker) number(digits string) int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	u.bad = u.bad || err != nil
	return n
}

func (u *unpacker) row() packedRow {
	id := u.text()
	if digits, other := strings.CutPrefix(id, "!"); other {
		r := packedRow{profile: u.number(digits)}
		bits := u.number(u.text())
		r.told, r.hasWanted, r.newer = bits&1 != 0, bits&2 != 0, bits&4 != 0
		r.wanted = u.text()
		kind := u.text()
		if kind == "" {
			u.bad = true
			return r
		}
		r.kind, r.key = kind[0], kind[1:]
		r.anonymous, r.email = u.text(), u.text()
		return r
	}
	return packedRow{profile: u.number(id), told: true, hasWanted: true, wanted: trueText, kind: 'u', key: u.text()}
}
