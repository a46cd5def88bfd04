// Package spill sorts records by a number on disk, in bounded memory.
package spill

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	mathbits "math/bits"
	"os"
	"slices"
	"strings"
)

// A Spill is divided into parts by the first bits of the numbers, so that each
// can be sorted in memory. All parts share one file, in which each has the
// blocks that it filled.
const (
	bits  = 9
	parts = 1 << bits
	block = 4 << 10
	batch = 16 // blocks that are written at once
)

// Spill takes records in any order and returns them sorted by number. The
// numbers are not negative and spread evenly, as hashes are: a part is sorted in
// memory, so memory is bounded by a five-hundredth of the records, plus 2 MiB.
//
// Its file can be read by this user alone and has no name on disk, so nothing
// stays when the process dies.
type Spill struct {
	dir    string
	file   *os.File // nil while everything fits into the buffers
	blocks int64    // in the file, and then in filled
	filled []byte   // blocks that are still to be written
	parts  [parts]part
	count  int64
	size   int64
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

// Size returns how many bytes the records take.
func (s *Spill) Size() int64 { return s.size }

// header is in front of each record: its number and its length.
const header = 8 + 4

// Add adds a copy of the record.
func (s *Spill) Add(number int64, record []byte) error {
	if number < 0 {
		return fmt.Errorf("spill a record: %d is below zero", number)
	}
	p := &s.parts[number>>(63-bits)]
	s.count++
	s.size += int64(header + len(record))
	p.rows++
	p.rest = binary.BigEndian.AppendUint64(p.rest, uint64(number))
	p.rest = binary.BigEndian.AppendUint32(p.rest, uint32(len(record)))
	p.rest = append(p.rest, record...)
	if len(p.rest) < block {
		return nil
	}
	rest := p.rest
	for len(rest) >= block {
		p.full = append(p.full, s.blocks)
		s.blocks++
		s.filled = append(s.filled, rest[:block]...)
		rest = rest[block:]
		if len(s.filled) >= batch*block {
			if err := s.write(); err != nil {
				return err
			}
		}
	}
	if cap(p.rest) > 2*block { // a part must not keep the memory of a long record
		p.rest = nil
	}
	p.rest = append(p.rest[:0], rest...)
	return nil
}

// write writes the blocks that were filled.
func (s *Spill) write() (err error) {
	if s.file == nil {
		if s.file, err = tempFile(s.dir); err != nil {
			return err
		}
	}
	if _, err := s.file.WriteAt(s.filled, s.written()*block); err != nil {
		return fmt.Errorf("write a spill file (TMPDIR says where): %w", err)
	}
	s.filled = s.filled[:0]
	return nil
}

// written returns how many blocks the file holds.
func (s *Spill) written() int64 { return s.blocks - int64(len(s.filled)/block) }

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
	Number     int64
	start, end uint32 // of its text
}

// Chunk holds the records of a range of numbers, sorted. Those of one number are
// in the order in which they were added.
type Chunk struct {
	From, To int64 // both belong to it
	Records  []Record

	text string // of all records of the part
}

// Text returns what was added under a record's number.
func (c *Chunk) Text(r Record) string { return c.text[r.start:r.end] }

// Chunks returns all records in order, in ranges of equal size that together cover all
// numbers: at most so many, and more than half of that. It holds the records of one
// part of the spill in memory, or of one range if that is more.
func (s *Spill) Chunks(most int) iter.Seq2[Chunk, error] {
	count := 1 << (mathbits.Len(uint(max(most, 1))) - 1) // ranges
	each := max(parts/count, 1)                          // parts that are read at once
	return func(yield func(Chunk, error) bool) {
		for first := 0; first < parts; first += each {
			c, err := s.read(first, first+each-1)
			for of := range c.split(max(count/parts, 1)) {
				if !yield(of, err) || err != nil {
					return
				}
			}
		}
	}
}

// split ranges over so many chunks of equal size, a power of two.
func (c Chunk) split(count int) iter.Seq[Chunk] {
	return func(yield func(Chunk) bool) {
		size := (c.To-c.From)/int64(count) + 1
		if count == 1 {
			size = 0 // that of all numbers would overflow
		}
		for left, from := c.Records, c.From; ; from += size {
			of := Chunk{From: from, To: from + size - 1, Records: left, text: c.text}
			if size == 0 || of.To == c.To {
				of.To = c.To
				yield(of)
				return
			}
			n, _ := slices.BinarySearchFunc(left, of.To+1, func(r Record, at int64) int { return cmp.Compare(r.Number, at) })
			of.Records, left = left[:n:n], left[n:]
			if !yield(of) {
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
			texts = append(texts, c.Text(r))
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
			if err := s.readBlock(n, buf[:]); err != nil {
				return c, err
			}
			text.Write(buf[:])
		}
		text.Write(s.parts[i].rest)
	}
	c.text = text.String()
	return c, c.sort(rows)
}

func (s *Spill) readBlock(n int64, to []byte) error {
	if n >= s.written() {
		copy(to, s.filled[(n-s.written())*block:])
		return nil
	}
	if _, err := s.file.ReadAt(to, n*block); err != nil {
		return fmt.Errorf("read a spill file: %w", err)
	}
	return nil
}

// sort makes so many records of the text, in the order of their numbers. These spread
// evenly over a range: each is put where its share of the range begins, and few have to
// be moved after that.
func (c *Chunk) sort(rows int) error {
	shift := max(mathbits.Len64(uint64(c.To-c.From))-mathbits.Len(uint(rows)), 0)
	next := make([]int32, (c.To-c.From)>>shift+2) // where the next record of each share goes
	count := 0
	err := c.each(func(r Record) {
		next[(r.Number-c.From)>>shift+1]++
		count++
	})
	if err == nil && count != rows {
		err = errors.New("not as many records as were added")
	}
	if err != nil {
		return fmt.Errorf("a spill file cannot be read back: %w", err)
	}
	for i := range next[1:] {
		next[i+1] += next[i]
	}
	in := make([]Record, rows)
	err = c.each(func(r Record) {
		at := &next[(r.Number-c.From)>>shift]
		in[*at] = r
		*at++
	})
	for i := range in {
		for j := i; j > 0 && in[j].Number < in[j-1].Number; j-- {
			in[j], in[j-1] = in[j-1], in[j]
		}
	}
	c.Records = in
	return err
}

// each calls fn with each record in the text, and stops at one that is damaged.
func (c *Chunk) each(fn func(Record)) error {
	if len(c.text) > math.MaxUint32 {
		return errors.New("more than 4 GiB would be held in memory")
	}
	for at := 0; at < len(c.text); {
		if len(c.text)-at < header {
			return errors.New("a record is cut off")
		}
		number, size := int64(binary.BigEndian.Uint64([]byte(c.text[at:at+8]))), int(binary.BigEndian.Uint32([]byte(c.text[at+8:at+header])))
		if at += header; number < c.From || number > c.To || len(c.text)-at < size {
			return fmt.Errorf("a record of %d bytes does not belong there", size)
		}
		fn(Record{Number: number, start: uint32(at), end: uint32(at + size)})
		at += size
	}
	return nil
}
