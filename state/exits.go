package state

import (
	"bufio"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
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

// gone is for a row whose person is not on the list. Those who were told leave
// with the guard's verdict, when all lines are read: a line of several ids may yet
// absorb a row.
func (m *merge) gone(r *packedRow) error {
	switch {
	case r.newer && m.trait.authority == AuthorityLatest:
		m.kept++
		return nil
	case r.told:
		m.verdict.Exits++
		if r.leaving && !m.list.riders {
			return nil
		}
		return m.exits.add(r.profile)
	case !r.hasWanted || m.trait.class == Audience && r.wanted != trueText:
		return nil
	}
	// Never told: nothing to take back, and no business of the guard.
	m.dropped++
	return m.exit(r.profile, statusPending)
}

// exit moves wanted to "not a member". A row that becomes due gets the status
// given.
func (m *merge) exit(id int64, due int) error {
	old, err := m.traitRow(m.trait, id)
	if err != nil || !old.exists {
		return err // absorbed meanwhile
	}
	if old.isExit && (old.status == statusPending || old.status == statusRetryLater || old.status == statusUnknown) {
		return nil // what was let through is not taken back
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

// leave is exit for many: in one statement, for those who are members, were
// told so, and with whom nothing else is the matter.
func (m *merge) leave(ids []int64, due int) (int64, error) {
	n, err := m.execFor(`UPDATE OR FAIL trait_values SET status = ?4, is_exit = 1, wanted = 0, wanted_at = ?2, origin = ?3, received_at = NULL, message_id = NULL, ordered_at = NULL
		WHERE trait_id = ?1 AND status = 0 AND wanted = 1 AND delivered = 1 AND doubt = 0 AND profile_id IN (`, ids, m.trait.id, m.at, -m.list.gen, due)
	m.countRun("found", n)
	m.count(m.trait.id, "wanted", -n)
	m.countStatus(m.trait.id, statusSettled, due, n)
	return n, err
}

// execFor executes a statement that ends in the ids. FAIL spares SQLite the
// copies that it keeps to undo one statement: a failure undoes all of the merge.
func (m *merge) execFor(start string, ids []int64, args ...any) (int64, error) {
	return m.exec(valuesOf(start, "?", len(ids))+")", append(args, anys(ids)...)...)
}

func anys(ids []int64) []any {
	all := make([]any, len(ids))
	for i, id := range ids {
		all[i] = id
	}
	return all
}

// uncountExits takes back the exits of those who were absorbed into a member
// after all: the verdict is on who really leaves.
func (m *merge) uncountExits() error {
	if len(m.absorbed) == 0 {
		return nil
	}
	return m.exits.each(joinChunk, func(ids []int64) error {
		var still int64
		_, err := m.get(valuesOf(`SELECT count(*) FROM trait_values WHERE trait_id = ?1 AND profile_id IN (`, "?", len(ids))+")",
			append([]any{m.trait.id}, anys(ids)...), &still)
		m.verdict.Exits -= int64(len(ids)) - still
		return err
	})
}

// endExits makes the exits due, or held.
func (m *merge) endExits(held bool) error {
	due := statusPending
	if held {
		due = statusHeld
	}
	err := m.exits.each(joinChunk, func(ids []int64) error {
		if m.trait.class == Audience {
			if n, err := m.leave(ids, due); err != nil || int(n) == len(ids) {
				return err
			}
		}
		for _, id := range ids {
			if err := m.exit(id, due); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || !held {
		return err
	}
	return m.hold(m.trait.id, Exits)
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
