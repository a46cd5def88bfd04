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

// absent handles a row whose number is not on the list. If its person may still be
// on the list, under another number or on a line with several ids that absorbs the
// row, the row waits until all lines are read.
func (m *merge) absent(r *packedRow) error {
	if !r.told && !m.isMember(r) {
		return nil
	}
	if sha := sha256.Sum256([]byte(string(r.kind) + r.key)); m.list.riders || profileID(sha) != r.profile {
		return m.doubtful.add(r.profile)
	}
	return m.gone(r)
}

func (m *merge) isMember(r *packedRow) bool {
	return r.hasWanted && (m.trait.class != Audience || r.wanted == trueText)
}

// settleDoubtful handles the rows that waited for all lines.
func (m *merge) settleDoubtful() error {
	return m.doubtful.each(func(id int64) error {
		if m.elsewhere[id] {
			return nil
		}
		r, err := m.traitRow(m.trait, id)
		if err != nil || !r.exists {
			return err // absorbed meanwhile
		}
		return m.gone(&packedRow{profile: id, told: r.told(), wanted: r.wanted.String, hasWanted: r.wanted.Valid, newer: r.order() > m.at})
	})
}

// gone handles a row whose person is not on the list. The guard judges the exits of
// those who were told true.
func (m *merge) gone(r *packedRow) error {
	switch {
	case r.newer && m.trait.authority == AuthorityLatest:
		m.kept++
		return nil
	case r.told:
		m.verdict.Exits++
		if !m.isMember(r) {
			return nil // left before, but that is not sent yet
		}
		return m.leave(r.profile)
	default: // nothing to take back, and nothing for the guard to judge
		m.dropped++
		return m.exit(r.profile)
	}
}

// leave queues the exit of a member.
func (m *merge) leave(id int64) error {
	if m.leaving = append(m.leaving, id); len(m.leaving) < joinChunk {
		return nil
	}
	return m.flushExits()
}

// flushExits writes the queued exits: in one statement if all of them are of settled
// members.
func (m *merge) flushExits() error {
	ids := m.leaving
	m.leaving = ids[:0]
	if len(ids) == 0 {
		return nil
	}
	args := []any{m.trait.id, m.at, -m.list.gen}
	for _, id := range ids {
		args = append(args, id)
	}
	// FAIL spares SQLite the copies that it keeps to undo one statement: a failure undoes all of the merge.
	n, err := m.exec(valuesOf(`UPDATE OR FAIL trait_values SET status = 1, is_exit = 1, wanted = 0, wanted_at = ?2, origin = ?3, received_at = NULL, message_id = NULL, ordered_at = NULL
		WHERE trait_id = ?1 AND status = 0 AND wanted = 1 AND delivered = 1 AND doubt = 0 AND profile_id IN (`, "?", len(ids))+")", args...)
	if err != nil {
		return err
	}
	m.countRun("found", n)
	m.count(m.trait.id, "wanted", -n)
	m.countStatus(m.trait.id, statusSettled, statusPending, n)
	if int(n) == len(ids) {
		return nil
	}
	for _, id := range ids {
		if err := m.exit(id); err != nil {
			return err
		}
	}
	return nil
}

// exit moves wanted to "not a member".
func (m *merge) exit(id int64) error {
	old, err := m.traitRow(m.trait, id)
	if err != nil || !old.isWanted() {
		return err
	}
	next := old
	next.wanted = sql.NullString{}
	if m.trait.class == Audience {
		next.wanted = sql.NullString{String: falseText, Valid: true}
	}
	next.wantedAt, next.orderedAt = m.at, sql.NullInt64{}
	next.origin = sql.NullInt64{Int64: -m.list.gen, Valid: true}
	next.receivedAt, next.messageID = sql.NullInt64{}, sql.NullString{}
	next = next.moved()
	m.countMove(old, next)
	if !next.wanted.Valid {
		m.countRun("cleared", 1)
	}
	return m.put(old, next)
}

// idSpool stores profile ids in a file, in order, in 8 bytes each.
type idSpool struct {
	dir  string
	file *os.File // nil while there are none
	w    *bufio.Writer
}

func (s *idSpool) add(id int64) (err error) {
	if s.file == nil {
		if s.file, err = tempFile(s.dir); err != nil {
			return err
		}
		s.w = bufio.NewWriter(s.file)
	}
	_, err = s.w.Write(binary.BigEndian.AppendUint64(s.w.AvailableBuffer(), uint64(id)))
	return err
}

func (s *idSpool) close() {
	if s.file != nil {
		_ = s.file.Close() // has no name any more
	}
}

// each calls fn for the ids in order.
func (s *idSpool) each(fn func(id int64) error) error {
	if s.file == nil {
		return nil
	}
	if err := s.w.Flush(); err != nil {
		return fmt.Errorf("spill the exits: %w", err)
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	var id int64
	for r := bufio.NewReader(s.file); ; {
		err := binary.Read(r, binary.BigEndian, &id)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the spilled exits: %w", err)
		}
		if err := fn(id); err != nil {
			return err
		}
	}
}
