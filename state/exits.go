package state

import (
	"bufio"
	"database/sql"
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// absent is for a row whose person is not on the list. The exit of somebody
// who was told waits for the guard's verdict on all of them.
func (m *merge) absent(r *packedRow) error {
	switch {
	case r.newer && m.trait.authority == AuthorityLatest:
		m.kept++
		return nil
	case r.told:
		m.verdict.Exits++
		if r.leaving {
			return nil // it counts, but what was let through is not taken back
		}
		return m.exits.add(r.profile)
	case !r.hasWanted || m.trait.class == Audience && r.wanted != trueText:
		return nil
	}
	// Never told: nothing to take back, and no business of the guard.
	return m.exit(r.profile, statusPending)
}

// exit moves wanted to "not a member". A row that becomes due gets the status
// given.
func (m *merge) exit(id int64, due int) error {
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

// exitAll is exit for many: in one statement, where all of them are members who
// were told so and nothing else is the matter with them.
func (m *merge) exitAll(ids []int64, due int) error {
	n, err := m.exitPlain(ids, due)
	if err != nil || int(n) == len(ids) {
		return err
	}
	for _, id := range ids { // those who have left by now stay as they are
		if err := m.exit(id, due); err != nil {
			return err
		}
	}
	return nil
}

func (m *merge) exitPlain(ids []int64, due int) (n int64, err error) {
	if m.trait.class != Audience {
		return 0, nil
	}
	args := []any{m.trait.id, m.at, -m.list.gen, due}
	for _, id := range ids {
		args = append(args, id)
	}
	n, err = m.exec(valuesOf(`UPDATE trait_values SET status = ?4, is_exit = 1, wanted = 0, wanted_at = ?2, origin = ?3, received_at = NULL, message_id = NULL, ordered_at = NULL
		WHERE trait_id = ?1 AND status = 0 AND wanted = 1 AND delivered = 1 AND doubt = 0 AND profile_id IN (`, "?", len(ids))+`)`, args...)
	m.countRun("found", n)
	m.count(m.trait.id, "wanted", -n)
	m.count(m.trait.id, statusNames[statusSettled], -n)
	m.count(m.trait.id, statusNames[due], n)
	return n, err
}

// idSpool remembers profile ids in a file, in order, in 8 bytes each.
type idSpool struct {
	file  *os.File
	w     *bufio.Writer
	count int64
}

func newIDSpool(dir string) (*idSpool, error) {
	f, err := tempFile(dir)
	if err != nil {
		return nil, err
	}
	return &idSpool{file: f, w: bufio.NewWriter(f)}, nil
}

func (s *idSpool) add(id int64) error {
	s.count++
	return binary.Write(s.w, binary.BigEndian, id)
}

// each calls fn for the ids in order, so many at a time. The slice is valid
// until fn returns.
func (s *idSpool) each(most int64, fn func(ids []int64) error) error {
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
