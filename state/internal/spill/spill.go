// Package spill sorts records by a number on disk, in bounded memory.
package spill

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	mathbits "math/bits"
	"os"
	"strings"
)

// A Spill is divided into parts by the first bits of the numbers, so that each
// can be sorted in memory. All parts share one file, in which each has the
// blocks that it filled.
const (
	bits  = 10
	parts = 1 << bits
	block = 4 << 10
)

// Spill takes records in any order and returns them sorted by number. The
// numbers are not negative and spread evenly, as hashes are: a part is sorted in
// memory, so memory is bounded by a thousandth of the records, plus 4 MiB.
//
// Its file can be read by this user alone and has no name on disk, so nothing
// stays when the process dies.
type Spill struct {
	dir    string
	file   *os.File // nil while everything fits into the buffers
	blocks int64    // in the file
	parts  [parts]part
	count  int64
}

type part struct {
	full []int64 // its blocks in the file, by number
	rest []byte  // what does not fill a block yet
	rows int
}

// New returns an empty spill whose file is made in the folder. Close it in any case.
func New(dir string) *Spill { return &Spill{dir: dir} }

// Len returns the number of records added.
func (s *Spill) Len() int64 { return s.count }

// header is in front of each record: its number and its length.
const header = 8 + 4

// Add adds a copy of the record.
func (s *Spill) Add(number int64, record []byte) error {
	if number < 0 {
		return fmt.Errorf("spill a record: %d is below zero", number)
	}
	p := &s.parts[number>>(63-bits)]
	s.count++
	p.rows++
	p.rest = binary.BigEndian.AppendUint64(p.rest, uint64(number))
	p.rest = binary.BigEndian.AppendUint32(p.rest, uint32(len(record)))
	p.rest = append(p.rest, record...)
	for len(p.rest) >= block {
		if err := s.write(p.rest[:block]); err != nil {
			return err
		}
		p.full = append(p.full, s.blocks-1)
		p.rest = append(p.rest[:0], p.rest[block:]...)
	}
	return nil
}

func (s *Spill) write(b []byte) (err error) {
	if s.file == nil {
		if s.file, err = tempFile(s.dir); err != nil {
			return err
		}
	}
	if _, err := s.file.WriteAt(b, s.blocks*block); err != nil {
		return fmt.Errorf("write a spill file (TMPDIR says where): %w", err)
	}
	s.blocks++
	return nil
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

// Close frees the file.
func (s *Spill) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// Record is one of the records added.
type Record struct {
	Number int64
	Text   string
}

// Chunk holds the records of a range of numbers, sorted. Those of one number are
// in the order in which they were added.
type Chunk struct {
	From, To int64 // both belong to it
	Records  []Record
}

// Chunks returns all records in order, in so many ranges of equal size that
// together cover all numbers. There are at most as many as the spill has parts.
func (s *Spill) Chunks(most int) iter.Seq2[Chunk, error] {
	each := 1 // parts in a chunk
	for parts/each > most && each < parts {
		each *= 2
	}
	return func(yield func(Chunk, error) bool) {
		for first := 0; first < parts; first += each {
			c, err := s.read(first, first+each-1)
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// Find returns the texts of the records of one number, in the order in which
// they were added. It reads a whole part.
func (s *Spill) Find(number int64) (texts []string, err error) {
	p := int(number >> (63 - bits))
	c, err := s.read(p, p)
	for _, r := range c.Records {
		if r.Number == number {
			texts = append(texts, r.Text)
		}
	}
	return texts, err
}

func (s *Spill) read(first, last int) (Chunk, error) {
	c := Chunk{From: int64(first) << (63 - bits), To: int64(last)<<(63-bits) | (1<<(63-bits) - 1)}
	size, rows := 0, 0
	for i := first; i <= last; i++ {
		p := &s.parts[i]
		size, rows = size+len(p.full)*block+len(p.rest), rows+p.rows
	}
	var text strings.Builder
	text.Grow(size)
	var buf [block]byte
	for i := first; i <= last; i++ {
		for _, n := range s.parts[i].full {
			if _, err := s.file.ReadAt(buf[:], n*block); err != nil {
				return c, fmt.Errorf("read a spill file: %w", err)
			}
			text.Write(buf[:])
		}
		text.Write(s.parts[i].rest)
	}
	all, err := split(text.String(), rows)
	if err == nil {
		c.Records, err = sorted(all, c.From, c.To)
	}
	return c, err
}

// sorted returns records in the order of their numbers, which spread evenly over a
// range: each is put where its share of the range begins, and few have to be moved
// after that.
func sorted(all []Record, from, to int64) ([]Record, error) {
	shift := max(mathbits.Len64(uint64(to-from))-mathbits.Len(uint(len(all))), 0)
	next := make([]int32, (to-from)>>shift+2) // where the next record of each share goes
	for _, r := range all {
		if r.Number < from || r.Number > to {
			return nil, errDamaged
		}
		next[(r.Number-from)>>shift+1]++
	}
	for i := range next[1:] {
		next[i+1] += next[i]
	}
	in := make([]Record, len(all))
	for _, r := range all {
		at := &next[(r.Number-from)>>shift]
		in[*at] = r
		*at++
	}
	for i := range in {
		for j := i; j > 0 && in[j].Number < in[j-1].Number; j-- {
			in[j], in[j-1] = in[j-1], in[j]
		}
	}
	return in, nil
}

var errDamaged = errors.New("a spill file cannot be read back")

func split(text string, rows int) ([]Record, error) {
	records := make([]Record, 0, rows)
	for len(text) > 0 {
		if len(text) < header {
			return records, errDamaged
		}
		number, size := binary.BigEndian.Uint64([]byte(text[:8])), int(binary.BigEndian.Uint32([]byte(text[8:header])))
		if int64(number) < 0 || len(text)-header < size {
			return records, errDamaged
		}
		records = append(records, Record{int64(number), text[header : header+size]})
		text = text[header+size:]
	}
	if len(records) != rows {
		return records, errDamaged
	}
	return records, nil
}
