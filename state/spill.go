package state

import (
	"bufio"
	"cmp"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// A list is spilled into one file per range of profile ids, so that each can
// be sorted in memory and all together come out in the order of the tables.
const (
	spillBits   = 8
	spillParts  = 1 << spillBits
	spillBuffer = 16 << 10
)

// member is one line of a list.
type member struct {
	id      int64
	person  Person
	value   string
	cleared bool
}

// wanted is the value that a list wants of its member.
func (m *member) wanted() sql.NullString {
	return sql.NullString{String: m.value, Valid: !m.cleared}
}

// spill takes members in any order and gives them back sorted by id. Its files
// have no name on disk, so nothing stays when the process dies.
type spill struct {
	dir   string
	parts [spillParts]*spillPart
	count int64
	buf   []byte

	barred *barred // of those who were forgotten while the list was read; nil if nobody was
}

type spillPart struct {
	file *os.File
	w    *bufio.Writer
	rows int
}

// tempFile makes a file that only this process can see.
func tempFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "impactsync-spill-*")
	if err != nil {
		return nil, fmt.Errorf("make a spill file (TMPDIR says where): %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *spill) add(m *member) error {
	p := s.parts[m.id>>(63-spillBits)]
	if p == nil {
		f, err := tempFile(s.dir)
		if err != nil {
			return err
		}
		p = &spillPart{file: f, w: bufio.NewWriterSize(f, spillBuffer)}
		s.parts[m.id>>(63-spillBits)] = p
	}
	s.count++
	p.rows++
	s.buf = m.append(s.buf[:0])
	if _, err := p.w.Write(s.buf); err != nil {
		return fmt.Errorf("spill the list (TMPDIR says where): %w", err)
	}
	return nil
}

func (m *member) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(m.id))
	for _, s := range [...]string{m.person.UserID, m.person.AnonymousID, m.person.EmailSHA1, m.value} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	if m.cleared {
		return append(b, 1)
	}
	return append(b, 0)
}

// part reads one range back, sorted, without the lines that a later one of the
// same person replaces. The strings share one buffer.
func (s *spill) part(i int) ([]member, error) {
	p := s.parts[i]
	if p == nil {
		return nil, nil
	}
	if err := p.w.Flush(); err != nil {
		return nil, fmt.Errorf("spill the list: %w", err)
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(p.file)
	if err != nil {
		return nil, fmt.Errorf("read the spilled list: %w", err)
	}
	members, err := decodeMembers(string(raw), p.rows)
	if err != nil {
		return nil, err
	}
	if s.barred != nil {
		members = slices.DeleteFunc(members, func(m member) bool {
			out, _ := s.barred.filter(&m.person)
			return out
		})
	}
	return sortMembers(members), nil
}

// sortMembers sorts by id, and of several lines of one person keeps the last.
func sortMembers(members []member) []member {
	// Numbers are cheaper to move than members.
	order := make([]struct{ id, at int64 }, len(members))
	for i := range members {
		order[i].id, order[i].at = members[i].id, int64(i)
	}
	slices.SortFunc(order, func(a, b struct{ id, at int64 }) int {
		if a.id != b.id {
			return cmp.Compare(a.id, b.id)
		}
		return cmp.Compare(a.at, b.at)
	})
	out := make([]member, 0, len(members))
	for _, o := range order {
		m := members[o.at]
		if n := len(out); n > 0 && out[n-1].id == m.id && out[n-1].person.sameKey(m.person) {
			out[n-1] = m
			continue
		}
		out = append(out, m)
	}
	return out
}

var errSpill = errors.New("the spilled list cannot be read back")

func decodeMembers(raw string, rows int) ([]member, error) {
	members := make([]member, 0, rows)
	for len(raw) > 0 {
		m, rest, err := decodeMember(raw)
		if err != nil {
			return nil, err
		}
		members, raw = append(members, m), rest
	}
	return members, nil
}

func decodeMember(raw string) (m member, rest string, err error) {
	if len(raw) < 8 {
		return m, "", errSpill
	}
	m.id = int64(binary.BigEndian.Uint64([]byte(raw[:8])))
	raw = raw[8:]
	for _, s := range [...]*string{&m.person.UserID, &m.person.AnonymousID, &m.person.EmailSHA1, &m.value} {
		var n uint64
		if n, raw, err = uvarint(raw); err != nil || uint64(len(raw)) < n {
			return m, "", errSpill
		}
		*s, raw = raw[:n], raw[n:]
	}
	if len(raw) == 0 {
		return m, "", errSpill
	}
	m.cleared = raw[0] == 1
	return m, raw[1:], nil
}

func uvarint(s string) (uint64, string, error) {
	var v uint64
	for i, shift := 0, 0; i < len(s) && shift < 64; i, shift = i+1, shift+7 {
		v |= uint64(s[i]&0x7f) << shift
		if s[i] < 0x80 {
			return v, s[i+1:], nil
		}
	}
	return 0, "", errSpill
}

func (s *spill) close() error {
	var errs []error
	for _, p := range s.parts {
		if p != nil {
			errs = append(errs, p.file.Close())
		}
	}
	return errors.Join(errs...)
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

func (s *idSpool) each(fn func(id int64) error) error {
	if err := s.w.Flush(); err != nil {
		return fmt.Errorf("spill the exits: %w", err)
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := bufio.NewReader(s.file)
	for range s.count {
		var id int64
		if err := binary.Read(r, binary.BigEndian, &id); err != nil {
			return fmt.Errorf("read the spilled exits: %w", err)
		}
		if err := fn(id); err != nil {
			return err
		}
	}
	return nil
}
