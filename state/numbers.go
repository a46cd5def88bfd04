package state

import (
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Where a range's last list is known by its digest, the profiles' numbers are
// enough to find who joined and who left. The digest proves that equal numbers
// mean equal people: the last list's, minus those who left and plus those who
// joined, must equal this list's.

// numbers makes one text of a range's rows: the number of a member who was told
// so, "-" and the number of somebody who has left, "!" for any other row.
const numbers = `SELECT group_concat(CASE
	WHEN v.status = 0 AND v.wanted = 1 AND v.delivered = 1 AND (?5 OR coalesce(v.ordered_at, v.wanted_at) <= ?4) THEN v.profile_id
	WHEN v.status = 0 AND v.wanted = 0 THEN '-' || v.profile_id
	ELSE '!' END, ' ')
	FROM trait_values v WHERE v.trait_id = ?1 AND v.profile_id BETWEEN ?2 AND ?3`

// number is what the comparison by numbers needs of a row.
type number struct {
	profile int64
	left    bool
}

var errOdd = errors.New("not to be compared by numbers")

func decodeNumbers(text string) ([]number, error) {
	rows := make([]number, 0, len(text)/16)
	for more := text != ""; more; {
		var digits string
		digits, text, more = strings.Cut(text, " ")
		digits, left := strings.CutPrefix(digits, "-")
		id, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || len(rows) > 0 && id <= rows[len(rows)-1].profile {
			return nil, errOdd
		}
		rows = append(rows, number{id, left})
	}
	return rows, nil
}

// changes are what a range's members and numbers differ in.
type changes struct {
	joins []member
	back  []member // have left before
	exits []int64
}

// compare is not ok where two lines have one number.
func compare(list members, rows []number) (c changes, ok bool) {
	at := 0
	skip := func(to int64) {
		for ; at < len(rows) && rows[at].profile < to; at++ {
			if !rows[at].left {
				c.exits = append(c.exits, rows[at].profile)
			}
		}
	}
	for i, l := range list.lines {
		if i > 0 && l.id == list.lines[i-1].id {
			return c, false
		}
		skip(l.id)
		switch {
		case at == len(rows) || rows[at].profile > l.id:
			c.joins = append(c.joins, list.member(i))
			continue
		case rows[at].left:
			c.back = append(c.back, list.member(i))
		}
		at++
	}
	skip(1<<63 - 1)
	return c, true
}

// byNumbers merges a span, unless the digests do not bear out what the numbers
// say.
func (m *merge) byNumbers(s span, list members, rows []number) (done bool, err error) {
	c, ok := compare(list, rows)
	if !ok {
		return false, nil
	}
	if ok, err = m.borneOut(s, &c); !ok || err != nil {
		return false, err
	}
	m.verdict.Members += int64(len(list.lines))
	m.verdict.Unchanged += int64(len(list.lines) - len(c.joins) - len(c.back))
	m.verdict.Exits += int64(len(c.exits))
	for i := range c.joins {
		if err := m.joins.add(&c.joins[i]); err != nil {
			return false, err
		}
	}
	for i := range c.back {
		if err := m.slow(&c.back[i]); err != nil {
			return false, err
		}
	}
	for _, id := range c.exits {
		if err := m.leave(id); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (m *merge) borneOut(s span, c *changes) (bool, error) {
	r := rangeOf(s.from)
	d, ok := rangeIn(m.last, r)
	if !ok {
		return false, nil
	}
	var buf []byte
	for _, some := range [...][]member{c.joins, c.back} {
		for i := range some {
			mem := &some[i]
			sum, b := mem.person.hash(buf)
			d.plus(mem.digest(sum))
			buf = b
		}
	}
	gone, ok, err := m.digestOfExits(c.exits)
	d.minus(gone)
	return ok && d == m.list.digest[r], err
}

const keysOf = `SELECT group_concat(p.id || ?2 || CASE WHEN p.user_id IS NOT NULL THEN 'u' WHEN p.anonymous_id IS NOT NULL THEN 'a' ELSE 'e' END
	|| coalesce(p.user_id, p.anonymous_id, p.email_sha1), ?2) FROM json_each(?1) e CROSS JOIN profiles p ON p.id = e.value`

// digestOfExits is not ok if one of them has not the number made from the key.
func (m *merge) digestOfExits(ids []int64) (sum rangeDigest, ok bool, err error) {
	if len(ids) == 0 {
		return sum, true, nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return sum, false, err
	}
	var text sql.NullString
	if _, err := m.get(keysOf, []any{string(list), "\x00"}, &text); err != nil {
		return sum, false, fmt.Errorf("read who leaves %q: %w", m.trait.key, err)
	}
	leaver := member{value: trueText}
	u := unpacker{rest: text.String, more: text.Valid}
	for u.more {
		id := u.number(u.text())
		hash := sha256.Sum256([]byte(u.text()))
		if id != profileID(hash) {
			return sum, false, nil
		}
		sum.plus(leaver.digest(hash))
	}
	return sum, !u.bad && int(sum.count) == len(ids), nil
}
