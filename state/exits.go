package state

import (
	"bufio"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// absent is for a row under whose number the list has nobody.
func (m *merge) absent(r *packedRow) error {
	if sha := sha256.Sum256([]byte(string(r.kind) + r.key)); profileID(sha) != r.profile {
		m.displaced = append(m.displaced, *r)
		return nil
	}
	return m.gone(r)
}

// judgeDisplaced is for the rows whose people may be on the list under another
// number.
func (m *merge) judgeDisplaced() error {
	for i := range m.displaced {
		if r := &m.displaced[i]; !m.elsewhere[r.profile] {
			if err := m.gone(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// gone is for a row whose person is not on the list. The guard judges the exits
// of those who were told.
func (m *merge) gone(r *packedRow) error {
	switch {
	case r.newer && m.trait.authority == AuthorityLatest:
		m.kept++
		return nil
	case r.told:
		m.verdict.Exits++
		return m.exits.add(r)
	case !r.hasWanted || m.trait.class == Audience && r.wanted != trueText:
		return nil
	}
	// Never told: nothing to take back, and no business of the guard.
	m.dropped++
	return m.exit(r.profile, statusPending)
}

// exit moves wanted to "not a member". A row that becomes due gets the status
// given.
func (m *merge) exit(id int64, due status) error {
	old, err := m.traitRow(m.trait, id)
	if err != nil || !old.exists {
		return err // absorbed meanwhile
	}
	if old.status == statusRefused && !old.isWanted() {
		return nil // the false itself was refused: the same again would be, too
	}
	next := old
	next.wanted = sql.NullString{String: falseText, Valid: m.trait.class == Audience}
	if !next.wanted.Valid {
		next.wanted.String = ""
	}
	if next.wanted != old.wanted {
		next.wantedAt, next.orderedAt = m.at, sql.NullInt64{}
		next.origin = sql.NullInt64{Int64: -m.list.gen, Valid: true}
		next.receivedAt, next.messageID = sql.NullInt64{}, sql.NullString{}
	}
	next = next.moved()
	if next.status == statusPending {
		next.status = due
	}
	m.countMove(old, next)
	if !next.wanted.Valid && old.wanted.Valid {
		m.countRun("cleared", 1)
	}
	return m.put(old, next)
}

// exits are the people told true who are not on the list. Those with whom
// nothing else is the matter leave as the merge goes by, since their pages are
// changed by joins, too; the guard's verdict, which comes last, may still hold
// them. The others wait for it.
type exits struct {
	*merge
	wait    []int64
	left    idSpool
	odd     idSpool
	leaving idSpool // they count, but what was let through is not taken back
}

func (e *exits) add(r *packedRow) error {
	if r.leaving {
		if !e.list.riders {
			return nil
		}
		return e.leaving.add(r.profile)
	}
	if r.wanted != trueText || e.trait.class != Audience || e.list.riders { // a line of several ids may yet absorb a row
		return e.odd.add(r.profile)
	}
	return e.addMember(r.profile)
}

// addMember is add for one who was wanted.
func (e *exits) addMember(id int64) error {
	e.wait = append(e.wait, id)
	if len(e.wait) < joinChunk {
		return nil
	}
	return e.flush()
}

// flush makes those leave who wait.
func (e *exits) flush() error {
	if len(e.wait) == 0 {
		return nil
	}
	n, err := e.leave(e.wait)
	if err != nil {
		return err
	}
	spool := &e.left
	if int(n) < len(e.wait) {
		spool = &e.odd // those who have left by now are found so
	}
	for _, id := range e.wait {
		if err := spool.add(id); err != nil {
			return err
		}
	}
	e.wait = e.wait[:0]
	return nil
}

// leave is exit for many: in one statement, for those who are members, were
// told so, and with whom nothing else is the matter.
func (e *exits) leave(ids []int64) (int64, error) {
	n, err := e.execFor(`UPDATE OR FAIL trait_values SET status = 1, is_exit = 1, wanted = 0, wanted_at = ?2, origin = ?3, received_at = NULL, message_id = NULL, ordered_at = NULL
		WHERE trait_id = ?1 AND status = 0 AND wanted = 1 AND delivered = 1 AND doubt = 0 AND profile_id IN (`, ids, e.trait.id, e.at, -e.list.gen)
	e.countRun("found", n)
	e.count(e.trait.id, "wanted", -n)
	e.count(e.trait.id, statusNames[statusSettled], -n)
	e.count(e.trait.id, statusNames[statusPending], n)
	return n, err
}

// hold is the verdict on those who have left.
func (e *exits) hold(ids []int64) error {
	n, err := e.execFor(`UPDATE OR FAIL trait_values SET status = 6 WHERE trait_id = ?1 AND status = 1 AND profile_id IN (`, ids, e.trait.id)
	e.count(e.trait.id, statusNames[statusPending], -n)
	e.count(e.trait.id, statusNames[statusHeld], n)
	return err
}

// execFor executes a statement that ends in the ids. FAIL spares SQLite the
// copies that it keeps to undo one statement: a failure undoes all of the merge.
func (e *exits) execFor(start string, ids []int64, args ...any) (int64, error) {
	return e.exec(valuesOf(start, "?", len(ids))+")", append(args, anys(ids)...)...)
}

func anys(ids []int64) []any {
	all := make([]any, len(ids))
	for i, id := range ids {
		all[i] = id
	}
	return all
}

// uncount takes back the exits of those who were absorbed into a member after
// all: the verdict is on who really leaves.
func (e *exits) uncount() error {
	if len(e.absorbed) == 0 {
		return nil
	}
	count := func(ids []int64) error {
		var still int64
		_, err := e.get(valuesOf(`SELECT count(*) FROM trait_values WHERE trait_id = ?1 AND profile_id IN (`, "?", len(ids))+")",
			append([]any{e.trait.id}, anys(ids)...), &still)
		e.verdict.Exits -= int64(len(ids)) - still
		return err
	}
	return errors.Join(e.odd.each(joinChunk, count), e.leaving.each(joinChunk, count))
}

// end makes the exits due, or held.
func (e *exits) end(held bool) error {
	status := statusPending
	if held {
		status = statusHeld
		if err := e.left.each(joinChunk, e.hold); err != nil {
			return err
		}
	}
	err := e.odd.each(joinChunk, func(ids []int64) error {
		for _, id := range ids {
			if err := e.exit(id, status); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || !held {
		return err
	}
	return e.markHeld(e.trait.id, Exits)
}

func (e *exits) close() {
	e.left.close()
	e.odd.close()
	e.leaving.close()
}

// idSpool remembers profile ids in a file, in order, in 8 bytes each.
type idSpool struct {
	dir   string
	file  *os.File // nil while there are none
	w     *bufio.Writer
	count int64
}

func (s *idSpool) add(id int64) (err error) {
	if s.file == nil {
		if s.file, err = tempFile(s.dir); err != nil {
			return err
		}
		s.w = bufio.NewWriter(s.file)
	}
	s.count++
	_, err = s.w.Write(binary.BigEndian.AppendUint64(s.w.AvailableBuffer(), uint64(id)))
	return err
}

func (s *idSpool) close() {
	if s.file != nil {
		_ = s.file.Close() // has no name any more
	}
}

// each calls fn for the ids in order, so many at a time. The slice is valid
// until fn returns.
func (s *idSpool) each(most int64, fn func(ids []int64) error) error {
	if s.count == 0 {
		return nil
	}
	if err := s.w.Flush(); err != nil {
		return fmt.Errorf("spill the exits: %w", err)
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := bufio.NewReader(s.file)
	ids := make([]int64, most)
	for left := s.count; left > 0; left -= most {
		ids = ids[:min(left, most)]
		if err := binary.Read(r, binary.BigEndian, ids); err != nil {
			return fmt.Errorf("read the spilled exits: %w", err)
		}
		if err := fn(ids); err != nil {
			return err
		}
	}
	return nil
}
