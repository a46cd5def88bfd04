package state

import (
	"cmp"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
)

// A list is spilled by ranges of profile ids, so that each can be sorted in
// memory and all together come out in the order of the tables. They share one
// file, in which each has the blocks that it filled.
const (
	spillBits  = 10
	spillParts = 1 << spillBits
	spillBlock = 4 << 10
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

// spill takes members in any order and gives them back sorted by id. Its file
// has no name on disk, so nothing stays when the process dies.
type spill struct {
	dir    string
	file   *os.File // nil while all fits into the parts' buffers
	blocks int64    // in the file
	parts  [spillParts]spillPart
	count  int64

	barred *barred // of those who were forgotten while the list was read; nil if nobody was
}

type spillPart struct {
	full []int64 // its blocks in the file, by number
	rest []byte  // what does not fill a block yet
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
	p := &s.parts[m.id>>(63-spillBits)]
	s.count++
	p.rows++
	p.rest = m.append(p.rest)
	for len(p.rest) >= spillBlock {
		if err := s.write(p.rest[:spillBlock]); err != nil {
			return err
		}
		p.full = append(p.full, s.blocks-1)
		p.rest = append(p.rest[:0], p.rest[spillBlock:]...)
	}
	return nil
}

func (s *spill) write(block []byte) (err error) {
	if s.file == nil {
		if s.file, err = tempFile(s.dir); err != nil {
			return err
		}
	}
	if _, err := s.file.WriteAt(block, s.blocks*spillBlock); err != nil {
		return fmt.Errorf("spill the list (TMPDIR says where): %w", err)
	}
	s.blocks++
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

// members are lines of a list, sorted by id. Most of them only count by it, so
// the rest of a line is decoded when it is asked for.
type members struct {
	text   string
	lines  []line
	barred *barred
}

type line struct {
	id int64
	at int // where it begins in the text
}

func (m members) member(i int) member {
	mem, _, _ := decodeMember(m.text[m.lines[i].at:]) // index has done it before
	m.barred.filter(&mem.person)
	return mem
}

// take gives the first member, and goes on to the next.
func (m *members) take() member {
	mem := m.member(0)
	m.lines = m.lines[1:]
	return mem
}

// within are the members of a span.
func (m members) within(s span) members {
	lo := sort.Search(len(m.lines), func(i int) bool { return m.lines[i].id >= s.from })
	hi := lo + sort.Search(len(m.lines)-lo, func(i int) bool { return m.lines[lo+i].id > s.to })
	m.lines = m.lines[lo:hi]
	return m
}

// read gives the members of some parts, without the lines that a later one of
// the same person replaces.
func (s *spill) read(first, last int) (members, error) {
	var text strings.Builder
	size, rows := 0, 0
	for i := first; i <= last; i++ {
		p := &s.parts[i]
		size, rows = size+len(p.full)*spillBlock+len(p.rest), rows+p.rows
	}
	text.Grow(size)
	block := make([]byte, spillBlock)
	for i := first; i <= last; i++ {
		for _, n := range s.parts[i].full {
			if _, err := s.file.ReadAt(block, n*spillBlock); err != nil {
				return members{}, fmt.Errorf("read the spilled list: %w", err)
			}
			text.Write(block)
		}
		text.Write(s.parts[i].rest)
	}
	return index(text.String(), rows, s.barred)
}

// index finds the members in a text, without those who are barred.
func index(text string, rows int, barred *barred) (members, error) {
	lines := make([]line, 0, rows)
	for at := 0; at < len(text); {
		m, rest, err := decodeMember(text[at:])
		if err != nil {
			return members{}, err
		}
		if out, _ := barred.filter(&m.person); !out {
			lines = append(lines, line{m.id, at})
		}
		at = len(text) - len(rest)
	}
	m := members{text, sortLines(lines), barred}
	m.keepLast()
	return m, nil
}

// sortLines sorts by id, and lines of one id by their place. Ids are hashes:
// their first bits tell nearly where each belongs.
func sortLines(lines []line) []line {
	if len(lines) == 0 {
		return lines
	}
	low, high := lines[0].id, lines[0].id
	for _, l := range lines {
		low, high = min(low, l.id), max(high, l.id)
	}
	shift := 0
	for (high-low)>>shift > int64(len(lines)) {
		shift++
	}
	ends := make([]int, (high-low)>>shift+2)
	for _, l := range lines {
		ends[(l.id-low)>>shift+1]++
	}
	for i := range len(ends) - 1 {
		ends[i+1] += ends[i]
	}
	sorted := make([]line, len(lines))
	for _, l := range lines {
		end := &ends[(l.id-low)>>shift]
		sorted[*end] = l
		*end++
	}
	start := 0
	for _, end := range ends {
		if end-start > 1 {
			slices.SortFunc(sorted[start:end], func(a, b line) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.at, b.at)) })
		}
		start = end
	}
	return sorted
}

// keepLast keeps the last of several lines of one person.
func (m *members) keepLast() {
	kept := 0
	for i, l := range m.lines {
		if kept > 0 && m.lines[kept-1].id == l.id && m.member(kept-1).person.sameKey(m.member(i).person) {
			kept--
		}
		m.lines[kept] = l
		kept++
	}
	m.lines = m.lines[:kept]
}

var errSpill = errors.New("the spilled list cannot be read back")

func decodeMember(raw string) (m member, rest string, err error) {
	if len(raw) < 8 {
		return m, "", errSpill
	}
	m.id = int64(binary.BigEndian.Uint64([]byte(raw[:8])))
	if m.id < 0 {
		return m, "", errSpill
	}
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
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
