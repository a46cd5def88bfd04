package state

import "github.com/sourcegraph/conc"

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

// membersOf reads spilled members back.
type membersOf struct {
	spill       *spill
	first, last int // the parts that are in memory
	members     members
}

func (o *membersOf) within(s span) (_ members, err error) {
	if s.first != o.first || s.last != o.last {
		o.first, o.last = s.first, s.last
		o.members, err = o.spill.read(s.first, s.last)
	}
	return o.members.within(s), err
}
