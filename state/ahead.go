package state

import (
	"sort"

	"github.com/sourcegraph/conc"
)

// ahead does for each span what takes time while the one before is merged.
type ahead[T any] struct {
	results chan result[T]
	worker  conc.WaitGroup
}

type result[T any] struct {
	of  T
	err error
}

func readAhead[T any](spans []span, quit <-chan struct{}, read func(span) (T, error)) *ahead[T] {
	a := &ahead[T]{results: make(chan result[T], 2)}
	a.worker.Go(func() {
		for _, s := range spans {
			of, err := read(s)
			select {
			case a.results <- result[T]{of, err}:
			case <-quit:
				return
			}
			if err != nil {
				return
			}
		}
	})
	return a
}

func (a *ahead[T]) next() (T, error) {
	r := <-a.results
	return r.of, r.err
}

// membersOf reads spilled members back, a part at a time.
type membersOf struct {
	spill       *spill
	first, last int // the parts that are in memory
	members     []member
}

func (o *membersOf) within(s span) ([]member, error) {
	if s.first != o.first || s.last != o.last {
		o.first, o.last, o.members = s.first, s.last, nil
		for i := s.first; i <= s.last; i++ {
			part, err := o.spill.part(i)
			if err != nil {
				return nil, err
			}
			o.members = append(o.members, part...)
		}
	}
	lo := sort.Search(len(o.members), func(j int) bool { return o.members[j].id >= s.from })
	hi := lo + sort.Search(len(o.members)-lo, func(j int) bool { return o.members[lo+j].id > s.to })
	return o.members[lo:hi], nil
}
