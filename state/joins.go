package state

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// joins stores members who have no row of the trait yet, many in one statement
// where nothing else is to be known of them.
type joins struct {
	*merge
	kinds [len(keyLetters)]struct {
		column string
		wait   []member
	}
}

// joinChunk is how many people one statement of a merge is about.
const joinChunk = 50

const keyLetters = "uae" // as kindAndKey gives them

var keyColumns = [len(keyLetters)]string{"user_id", "anonymous_id", "email_sha1"}

func (j *joins) add(mem *member) error {
	if mem.person.hasRiders() || mem.cleared {
		return j.slow(mem)
	}
	letter, _ := mem.person.kindAndKey()
	kind := strings.IndexByte(keyLetters, letter)
	k := &j.kinds[kind]
	k.wait = append(k.wait, *mem)
	if len(k.wait) < joinChunk {
		return nil
	}
	return j.store(kind)
}

// flush stores what waits, at the end of the list.
func (j *joins) flush() error {
	for kind := range j.kinds {
		if err := j.store(kind); err != nil {
			return err
		}
	}
	return nil
}

func (j *joins) store(kind int) error {
	wait := j.kinds[kind].wait
	if len(wait) == 0 {
		return nil
	}
	j.kinds[kind].wait = wait[:0]
	args := make([]any, 0, 2*len(wait))
	for i := range wait {
		m := &wait[i]
		_, key := m.person.kindAndKey()
		args = append(args, m.id, key)
	}
	fresh, err := j.exec(valuesOf("INSERT INTO profiles (id, "+keyColumns[kind]+") VALUES ", "(?, ?)", len(wait))+" ON CONFLICT DO NOTHING", args...)
	if err != nil {
		return err
	}
	if int(fresh) == len(wait) {
		return j.storeRows(wait)
	}
	known, err := j.known(kind, wait)
	if err != nil {
		return err
	}
	rest := wait[:0:0]
	for i := range wait {
		m := &wait[i]
		if known[m.id] == m.person.key() {
			rest = append(rest, *m)
			continue
		}
		if err := j.slow(m); err != nil { // the number is another's, or the person is a user by now
			return err
		}
	}
	return j.storeRows(rest)
}

// known gives the keys of stored people who are nobody else's.
func (j *joins) known(kind int, wait []member) (map[int64]string, error) {
	args := make([]any, 0, len(wait))
	for i := range wait {
		args = append(args, wait[i].id)
	}
	var text sql.NullString
	// The column may belong to a user, whose key it is not; absorbed people are left out.
	query := valuesOf(`SELECT group_concat(id || char(0) || CASE WHEN user_id IS NOT NULL THEN 'u' WHEN anonymous_id IS NOT NULL THEN 'a' ELSE 'e' END || `+
		keyColumns[kind]+`, char(0)) FROM profiles WHERE absorbed_into IS NULL AND `+keyColumns[kind]+` IS NOT NULL AND id IN (`, "?", len(wait)) + `)`
	if _, err := j.get(query, args, &text); err != nil || !text.Valid {
		return nil, err
	}
	known := make(map[int64]string, len(wait))
	u := unpacker{rest: text.String, more: true}
	for u.more {
		id := u.number(u.text())
		known[id] = u.text()
	}
	if u.bad {
		return nil, fmt.Errorf("%w: profiles cannot be read", ErrUnusable)
	}
	return known, nil
}

// storeRows stores rows of people who have none of this trait.
func (j *joins) storeRows(wait []member) error {
	if len(wait) == 0 {
		return nil
	}
	if len(j.absorbed) > 0 { // somebody's row may have come over meanwhile
		for i := range wait {
			if err := j.slow(&wait[i]); err != nil {
				return err
			}
		}
		return nil
	}
	done, err := j.storeNeighbours(wait)
	if err != nil {
		return err
	}
	if !done {
		if err := j.storeEach(wait); err != nil {
			return err
		}
	}
	n := int64(len(wait))
	j.verdict.Joins += n
	j.countRun("found", n)
	j.count(j.trait.id, "wanted", n)
	j.count(j.trait.id, statusNames[statusPending], n)
	return nil
}

// storeNeighbours stores the rows of people between whom nobody else has a
// number, without naming each: on a first load that is everybody.
func (j *joins) storeNeighbours(wait []member) (done bool, err error) {
	value := wait[0].value
	if slices.ContainsFunc(wait, func(m member) bool { return m.value != value }) {
		return false, nil
	}
	n, err := j.exec(`INSERT OR FAIL INTO trait_values (trait_id, profile_id, status, wanted, wanted_at, origin)
		SELECT ?1, id, 1, ?2, ?3, ?4 FROM profiles WHERE id BETWEEN ?5 AND ?6
		AND (SELECT count(*) FROM (SELECT 1 FROM profiles WHERE id BETWEEN ?5 AND ?6 LIMIT ?7 + 1)) = ?7`,
		j.trait.id, stored(wait[0].wanted()), j.at, -j.list.gen, wait[0].id, wait[len(wait)-1].id, len(wait))
	return n > 0, err
}

func (j *joins) storeEach(wait []member) error {
	args := make([]any, 0, 3+2*len(wait))
	args = append(args, j.trait.id, j.at, -j.list.gen)
	for i := range wait {
		args = append(args, wait[i].id, stored(wait[i].wanted()))
	}
	_, err := j.exec(valuesOf(`INSERT OR FAIL INTO trait_values (trait_id, wanted_at, origin, status, profile_id, wanted) VALUES `, "(?1, ?2, ?3, 1, ?, ?)", len(wait)), args...)
	return err
}

// valuesOf repeats an item n times behind a statement's start.
func valuesOf(start, item string, n int) string {
	return start + strings.Repeat(item+", ", n-1) + item
}
