package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limit is a number of requests per window. The zero value is no limit.
type Limit struct {
	Requests int
	Per      time.Duration
}

// ParseLimit reads "1000/h", "50/m", "10/s" or "1000/90s"; "0" and "" are no limit.
func ParseLimit(s string) (Limit, error) {
	if s == "" || s == "0" {
		return Limit{}, nil
	}
	count, per, found := strings.Cut(s, "/")
	n, errCount := strconv.Atoi(count)
	if per != "" && strings.IndexByte("0123456789.", per[0]) < 0 {
		per = "1" + per
	}
	d, errPer := time.ParseDuration(per)
	l := Limit{Requests: n, Per: d}
	if !found || errCount != nil || errPer != nil || n < 1 || l.check() != nil {
		return Limit{}, fmt.Errorf("rate limit %q: want one such as 1000/h, or 0 for none", s)
	}
	return l, nil
}

// String returns the limit as ParseLimit reads it.
func (l Limit) String() string {
	if l.Requests == 0 {
		return "0"
	}
	return strconv.Itoa(l.Requests) + "/" + l.Per.String()
}

func (l Limit) check() error {
	if l.Requests < 0 || l.Requests > 0 && l.Per < time.Second {
		return fmt.Errorf("config: RateLimit is %d per %v: want a positive number per second or more", l.Requests, l.Per)
	}
	return nil
}

// limiter counts requests in windows of fixed length, as impact.com's headers
// describe them. A window begins with its first request.
type limiter struct {
	limit Limit

	mu     sync.Mutex
	begins time.Time
	used   int
}

// take counts a request, sets the headers of the quota and reports whether the
// request is within the limit.
func (l *limiter) take(h http.Header, now time.Time) bool {
	if l.limit.Requests == 0 {
		return true
	}
	l.mu.Lock()
	if now.Sub(l.begins) >= l.limit.Per {
		l.begins, l.used = now, 0
	}
	within := l.used < l.limit.Requests
	if within {
		l.used++
	}
	left, reset := l.limit.Requests-l.used, l.begins.Add(l.limit.Per).Sub(now)
	l.mu.Unlock()

	seconds := strconv.Itoa(int((reset + time.Second - 1) / time.Second))
	h.Set("X-RateLimit-Limit", strconv.Itoa(l.limit.Requests))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(left))
	h.Set("X-RateLimit-Reset", seconds)
	if !within {
		h.Set("Retry-After", seconds)
	}
	return within
}
