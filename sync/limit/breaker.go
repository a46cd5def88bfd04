package limit

import (
	"errors"
	"fmt"
)

// ErrBreaker says that too many requests failed in a row.
var ErrBreaker = errors.New("too many requests failed in a row")

// ErrDown says that every request to a host failed.
var ErrDown = errors.New("every request failed")

// Result is what a delivery says about its host.
type Result uint8

// The results of a delivery.
const (
	Nothing   Result = iota // it was not tried
	Throttled               // 429: the host is alive
	Taken                   // taken, or refused by the host: it answers as impact.com does
	Failed                  // no answer, or 5xx
	Odd                     // a 404, a redirect, a 200 that says ERROR: about this delivery, or about all
)

// Trust is what is known about a host in this run.
type Trust uint8

// The states of a host. A taken delivery leads to Good from every state but Stopped.
const (
	Unknown Trust = iota // nothing was taken yet
	Good                 // it takes deliveries: an odd answer is about its delivery alone
	Spared               // odd answers hold nothing up: what they mean stays open
	Suspect              // it is probed with deliveries that were not tried before
	Stopped              // nothing is sent there any more
)

// How many odd answers in a row, to different deliveries, make a host suspect, and
// how many probes then have to fail before it is stopped.
const (
	mostOdd    = 8
	mostProbes = 5
	// fewOdd are enough if nothing else is due; fewer say nothing about a host.
	fewOdd = 3
)

// breaker stops a host that fails one delivery after the other. Before that, the
// host is probed with others, from the other end of the queue: if it takes one,
// everything continues.
type breaker struct {
	host  string
	most  int // failures in a row that make the host suspect
	trust Trust

	failures     int            // in a row
	odd          map[int64]bool // deliveries with odd answers, in a row
	alive        bool           // it gave an answer that is not a failure, in this run
	took         bool           // it took a delivery in this run
	last         string         // the last failure
	probes       int            // claimed
	failedProbes int
	err          error // why it is stopped
}

// note records what a delivery says about the host.
func (b *breaker) note(delivery int64, r Result, why string, probe bool) {
	if b.trust == Stopped {
		return
	}
	switch r {
	case Nothing:
	case Throttled:
		b.alive = true
	case Taken:
		*b = breaker{host: b.host, most: b.most, trust: Good, alive: true, took: true}
	case Failed:
		b.last = why
		if b.failures++; b.failures >= b.most {
			b.suspect()
		}
	case Odd:
		b.last = why
		if b.odd == nil {
			b.odd = map[int64]bool{}
		}
		b.odd[delivery] = true
		if len(b.odd) >= mostOdd && b.trust != Spared {
			b.suspect()
		}
	}
	if !probe || b.trust != Suspect {
		return
	}
	if r == Nothing || r == Throttled { // which decides nothing: another probe may go
		b.probes--
	} else if b.failedProbes++; b.failedProbes >= mostProbes {
		b.stop()
	}
}

func (b *breaker) suspect() {
	if b.trust != Suspect {
		b.trust, b.probes, b.failedProbes = Suspect, 0, 0
	}
}

func (b *breaker) stop() {
	b.trust = Stopped
	if b.failures >= b.most {
		b.err = fmt.Errorf("%w (%d) at the %s host (%sURL): the last one: %s; everything stays pending there", ErrBreaker, b.failures, b.host, b.host, b.last)
		return
	}
	b.err = fmt.Errorf("%s: check trackingURL and apiURL: a wrong base answers like this; the %s host (%sURL) answered %d different deliveries in a row like this; nothing was marked refused",
		b.last, b.host, b.host, len(b.odd))
}

// exhausted decides about a host when nothing can be claimed and no answer is
// awaited. A suspect host is stopped, unless it took others in this run, since then
// nothing is held up, or there were too few odd answers to tell.
func (b *breaker) exhausted() {
	switch {
	case b.trust != Suspect && (b.trust != Unknown || len(b.odd) == 0):
	case b.failures < b.most && (b.took || len(b.odd) < fewOdd):
		b.trust = Spared
	default:
		b.stop()
	}
}

// room returns how many deliveries may be claimed.
func (b *breaker) room() int {
	switch b.trust {
	case Stopped:
		return 0
	case Suspect:
		return mostProbes - b.probes
	}
	return unbounded
}

// problem returns why the host was stopped; or, if something is due, that every
// request of this run failed although too few were made to stop the host.
func (b *breaker) problem(due int64) error {
	if b.err == nil && b.failures > 0 && !b.alive && due > 0 {
		return fmt.Errorf("%w (%d) at the %s host (%sURL): the last one: %s; %d still due there", ErrDown, b.failures, b.host, b.host, b.last, due)
	}
	return b.err
}
