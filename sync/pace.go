package sync

import (
	"time"

	"golang.org/x/time/rate"
)

// How a pace moves. A host that was quiet for hours gets a tenth of the rate
// first, and twice as much each second. After a 429 half of what it bore, and
// then a little more each second.
const (
	rampFrom  = 0.1
	rampEvery = time.Second
	growBy    = 0.1 // of the pace at which the last 429 came
	slowest   = 1.0 // requests per second
	leastStep = 0.5 // or a host that refused its very first request would stay at the slowest
)

// pace is a number of requests per second that grows and shrinks. The zero
// pace is no bound, until a 429.
type pace struct {
	most   float64 // as configured; 0 means none
	rate   float64 // now; 0 means no bound
	goal   float64 // doubles up to here, grows by step from here
	step   float64
	turned time.Time // when the rate moved last
	borne  int       // answers since
	bucket *rate.Limiter
}

// newPace ramps up to most, or to what an earlier process was left with.
func newPace(most, remembered float64, now time.Time) pace {
	p := pace{most: most, goal: most, turned: now}
	if remembered > 0 && (most == 0 || remembered < most) {
		p.goal = remembered
	}
	p.step = max(growBy*p.goal, leastStep)
	p.set(min(max(rampFrom*most, 1), p.goal), now)
	return p
}

func (p *pace) set(r float64, now time.Time) {
	p.rate, p.turned, p.borne = r, now, 0
	if r == 0 {
		return
	}
	// A tenth of a second's worth at once keeps the stream even.
	burst := max(1, int(r/10))
	if p.bucket == nil {
		p.bucket = rate.NewLimiter(rate.Limit(r), max(burst, int(rampFrom*p.most)))
		return
	}
	p.bucket.SetLimitAt(now, rate.Limit(r))
	p.bucket.SetBurstAt(now, max(burst, int(rampFrom*p.most)))
}

func (p *pace) room(now time.Time) int {
	if p.rate == 0 {
		return noLimit
	}
	return int(p.bucket.TokensAt(now))
}

func (p *pace) take(n int, now time.Time) {
	if p.rate == 0 {
		return
	}
	for range n {
		p.bucket.ReserveN(now, 1)
	}
}

// reserve takes the next place in the stream, and says how long it is until then.
func (p *pace) reserve(now time.Time) time.Duration {
	if p.rate == 0 {
		return 0
	}
	return p.bucket.ReserveN(now, 1).DelayFrom(now)
}

// wait is how long until there is room.
func (p *pace) wait(now time.Time) time.Duration {
	if p.rate == 0 || p.room(now) > 0 {
		return 0
	}
	return time.Duration((1 - p.bucket.TokensAt(now)) / p.rate * float64(time.Second))
}

// answered grows the pace, once a second at most: only what is used is proved.
func (p *pace) answered(now time.Time) {
	p.borne++
	if now.Sub(p.turned) < rampEvery {
		return
	}
	next := p.rate
	switch {
	case p.rate == 0:
	case p.rate < p.goal:
		next = min(2*p.rate, p.goal)
	default:
		next = p.rate + p.step
		if p.most > 0 {
			next = min(next, p.most)
		}
	}
	p.set(next, now)
}

// throttled halves the pace.
func (p *pace) throttled(now time.Time) {
	bore := p.rate
	if bore == 0 {
		bore = float64(p.borne) / max(now.Sub(p.turned).Seconds(), 1)
	}
	p.goal, p.step = max(bore/2, slowest), max(growBy*bore, leastStep)
	p.set(p.goal, now)
}

// kept is the pace to remember: none where nothing had to be learned.
func (p *pace) kept() float64 {
	if p.goal == p.most || p.most > 0 && p.rate >= p.most {
		return 0
	}
	return max(p.rate, p.goal)
}
