package sync

import (
	"context"
	"fmt"
	"time"

	"github.com/impactsync/impactsync/state"
	"golang.org/x/time/rate"
)

// limits says how many claims each host has room for. The tracking host has a
// rate of our own choosing; the API host a quota per hour, which earlier
// processes have used too.
type limits struct {
	now      func() time.Time
	tracking *rate.Limiter

	perHour  int
	used     int64 // of the API host in the last hour, open claims included
	openAPI  int
	counted  time.Time
	usage    func() (int64, error)
	paused   map[string]time.Time // a host asked for quiet until then
	asked    bool                 // conversions were refused room
	trackAsk bool
}

func newLimits(ctx context.Context, p *pass) (*limits, error) {
	l := &limits{now: p.now, perHour: p.ConversionsPerHour, paused: map[string]time.Time{}}
	l.usage = func() (int64, error) { return p.State.Usage(context.WithoutCancel(ctx), state.HostAPI) }
	if p.PageLoadsPerSecond > 0 {
		// A tenth of a second's worth at once keeps the stream even.
		l.tracking = rate.NewLimiter(rate.Limit(p.PageLoadsPerSecond), max(1, int(p.PageLoadsPerSecond/10)))
	}
	used, err := l.usage()
	if err != nil {
		return nil, fmt.Errorf("count the requests of the last hour: %w", err)
	}
	l.used, l.counted = used, p.now()
	return l, nil
}

const noLimit = 1 << 30

func (l *limits) pageLoads() int {
	l.trackAsk = false
	if l.quiet(state.HostTracking) {
		return 0
	}
	if l.tracking == nil {
		return noLimit
	}
	n := int(l.tracking.TokensAt(l.now()))
	l.trackAsk = n < 1
	return max(n, 0)
}

func (l *limits) conversions() int {
	l.asked = false
	if l.quiet(state.HostAPI) {
		return 0
	}
	if l.perHour <= 0 {
		return noLimit
	}
	// Minutes drop out of the hour as time goes by.
	if now := l.now(); now.Sub(l.counted) > time.Second {
		if used, err := l.usage(); err == nil {
			l.used, l.counted = used, now
		}
	}
	left := l.perHour - int(l.used) - l.openAPI
	l.asked = left < 1
	return max(left, 0)
}

func (l *limits) quiet(host string) bool { return l.now().Before(l.paused[host]) }

func (l *limits) claimed(claims []state.Claim) {
	for i := range claims {
		if claims[i].Kind.Host() == state.HostAPI {
			l.openAPI++
		} else if l.tracking != nil {
			l.tracking.ReserveN(l.now(), 1)
		}
	}
}

func (l *limits) settled(o *state.Outcome) {
	if o.Claim.Kind.Host() == state.HostAPI {
		l.openAPI--
		l.used += int64(o.Requests)
	} else if l.tracking != nil {
		for range o.Requests - 1 { // retries within the request count too
			l.tracking.ReserveN(l.now(), 1)
		}
	}
}

// pause keeps a host quiet that asked for it.
func (l *limits) pause(host string, until time.Time) {
	if until.After(l.paused[host]) {
		l.paused[host] = until
	}
}

// trackingWait is how long until the tracking host, asked in vain just now,
// has room again; 0 when no limit was in the way.
func (l *limits) trackingWait() time.Duration {
	if l.quiet(state.HostTracking) {
		return l.paused[state.HostTracking].Sub(l.now())
	}
	if l.trackAsk {
		return tick
	}
	return 0
}

// apiWait is the same for the API host. Usage is counted by the minute.
func (l *limits) apiWait() time.Duration {
	if l.quiet(state.HostAPI) {
		return l.paused[state.HostAPI].Sub(l.now())
	}
	if l.asked {
		return time.Minute
	}
	return 0
}
