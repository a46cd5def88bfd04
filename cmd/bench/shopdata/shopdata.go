// Package shopdata makes the sample data: a small shop's Segment logs, its
// audience lists and a computed trait, in any size.
//
// Everything follows from a seed and an index, by arithmetic that belongs to
// this package: the same input gives the same bytes on every machine and with
// every Go release (but for gzip, whose bytes may differ while the content does
// not). Memory does not grow with the size.
package shopdata

import (
	"errors"
	"fmt"
	"time"
)

// Shop says what to make. The zero value of a field means its default.
type Shop struct {
	Seed     uint64    // default 1
	Base     time.Time // the last of the three days, default 2026-11-20
	People   int       // customers, default 300
	Messages int       // about how many messages step 1 logs, default 2,600
}

// Days is how many days of logs step 1 has, the last one Base.
const Days = 3

// Write makes one step of the shop's life below dir: 1 is the first three days
// and the first lists; 2 is what came after, to be copied over step 1: the lists
// anew and one more log of each source.
func (s Shop) Write(dir string, step int) error {
	if step != 1 && step != 2 {
		return fmt.Errorf("step %d: there are steps 1 and 2", step)
	}
	s = s.withDefaults()
	if err := s.writeLists(dir, step); err != nil {
		return fmt.Errorf("write the lists: %w", err)
	}
	l := &logs{dir: dir, step: step, files: map[string]*logFile{}, parts: map[string]int{}}
	s.log(l)
	if err := errors.Join(l.err, l.close()); err != nil {
		return fmt.Errorf("write the logs: %w", err)
	}
	return nil
}

func (s Shop) withDefaults() Shop {
	if s.Seed == 0 {
		s.Seed = 1
	}
	if s.Base.IsZero() {
		s.Base = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	}
	s.Base = s.Base.UTC().Truncate(24 * time.Hour)
	if s.People == 0 {
		s.People = 300
	}
	if s.Messages == 0 {
		s.Messages = 2600
	}
	return s
}

// mix is a step of splitmix64, a bijection on 64 bits: different input gives
// different output.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// dice is a small generator of its own, so that no Go release changes the data.
type dice struct{ state uint64 }

func newDice(seed uint64, stream string, index int) *dice {
	h := seed
	for _, b := range []byte(stream) {
		h = mix(h ^ uint64(b))
	}
	return &dice{mix(h ^ uint64(index))}
}

func (d *dice) next() uint64 {
	d.state = mix(d.state)
	return d.state
}

// below returns 0 to n-1.
func (d *dice) below(n int) int { return int(d.next() >> 1 % uint64(n)) }

// percent is true in p of 100 cases.
func (d *dice) percent(p int) bool { return d.below(100) < p }

func pick[T any](d *dice, from []T) T { return from[d.below(len(from))] }

// uuid has the form of a random UUID.
func (d *dice) uuid() string {
	a, b := d.next(), d.next()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, 0x8000|b>>50, b&0xffffffffffff)
}
