package limit

import "time"

// How a pace changes: it starts at a tenth of what is configured and doubles each
// second, up to what the host is known to accept. Beyond that, and after a 429, which
// halves it, it grows by a tenth each second.
const (
	startAt  = 0.1
	growBy   = 1.1
	slowest  = 1.0 // requests per second
	turnTime = time.Second
)

// pace is a number of requests per second that grows and shrinks, as a bucket
// of tokens. The zero rate is no bound, until a 429.
type pace struct {
	most   float64   // as configured; 0 means none
	rate   float64   // now
	goal   float64   // that the host is known to accept
	turned time.Time // when the rate changed last
	borne  int       // answers since then

	tokens  float64
	counted time.Time // when tokens was right
}

// newPace returns a pace that grows up to most, or to what an earlier process
// learned.
func newPace(most, remembered float64, now time.Time) pace {
	p := pace{most: most, goal: most, turned: now}
	if remembered > 0 && (most == 0 || remembered < most) {
		p.goal = remembered
	}
	p.turn(min(max(startAt*most, slowest), p.goal), now)
	return p
}

// burst returns how many requests may go at once: those of a tenth of a second, which
// keeps the stream even.
func (p *pace) burst() float64 { return max(1, p.most/10, p.rate/10) }

// turn changes the rate.
func (p *pace) turn(rate float64, now time.Time) {
	if p.rate == 0 {
		p.rate = rate
		p.tokens, p.counted = p.burst(), now
	}
	p.take(0, now)
	p.rate, p.turned, p.borne = rate, now, 0
}

// left returns the number of tokens; it is negative if the stream is taken in
// advance.
func (p *pace) left(now time.Time) float64 {
	return min(p.burst(), p.tokens+now.Sub(p.counted).Seconds()*p.rate)
}

// take takes the next n places in the stream.
func (p *pace) take(n int, now time.Time) {
	p.tokens, p.counted = p.left(now)-float64(n), now
}

func (p *pace) room(now time.Time) int {
	if p.rate == 0 {
		return unbounded
	}
	return int(p.left(now))
}

// wait returns how long it takes until there is room for a request.
func (p *pace) wait(now time.Time) time.Duration {
	if p.rate == 0 {
		return 0
	}
	return time.Duration(max(1-p.left(now), 0) / p.rate * float64(time.Second))
}

// answered raises the pace, at most once a second: only a pace that was used is known
// to be accepted.
func (p *pace) answered(now time.Time) {
	p.borne++
	if now.Sub(p.turned) < turnTime {
		return
	}
	rate := p.rate * growBy
	if p.rate < p.goal {
		rate = min(2*p.rate, p.goal)
	}
	if p.most > 0 {
		rate = min(rate, p.most)
	}
	p.turn(rate, now)
}

// throttled halves the pace.
func (p *pace) throttled(now time.Time) {
	bore := p.rate
	if bore == 0 {
		bore = float64(p.borne) / max(now.Sub(p.turned).Seconds(), 1)
	}
	p.goal = max(bore/2, slowest)
	p.turn(p.goal, now)
}

// learned returns the pace to remember; 0 if nothing was learned.
func (p *pace) learned() float64 {
	if p.goal == p.most || p.most > 0 && p.rate >= p.most {
		return 0
	}
	return max(p.rate, p.goal)
}
