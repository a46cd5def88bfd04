package impactapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Rate is what an answer's headers said about the account's request quota.
// impact.com's default is 1,000 requests an hour on api.impact.com; the
// tracking host documents no quota and sends no headers.
//
// https://integrations.impact.com/brand-api-reference/readme/rate-limits
type Rate struct {
	Limit     int           // requests per window
	Remaining int           // requests left in it; -1 if only the limit is known
	Reset     time.Duration // until the next window; 0 if unknown
	Known     bool          // Limit or Remaining is known
}

// epochFrom is the value from which a reset header is a Unix time, not a number of
// seconds: the documents say seconds, but their sample is 1487332519.
const epochFrom = 1_000_000_000

// maxWait bounds the wait in a header, so that no arithmetic overflows.
const maxWait = 31 * 24 * time.Hour

// The documented spellings, most specific first. Partner documents:
// https://integrations.impact.com/partner-api-reference/readme/rate-limits
var (
	limitHeaders     = []string{"X-Ratelimit-Limit", "X-Ratelimit-Limit-Hour"}
	remainingHeaders = []string{"X-Ratelimit-Remaining", "X-Ratelimit-Remaining-Hour"}
	resetHeaders     = []string{"Ratelimit-Reset", "X-Ratelimit-Reset"}
)

// first reads the first header that can be read.
func first[T any](h http.Header, names []string, read func(value string) (T, bool)) (v T, ok bool) {
	for _, name := range names {
		if value := h.Get(name); value != "" {
			if v, ok = read(value); ok {
				return v, true
			}
		}
	}
	return v, false
}

// answeredAt returns the time of an answer by the host's clock, since the times in
// the answer are by that clock, and ours may be hours off. Without one, it is now.
func answeredAt(h http.Header, now time.Time) time.Time {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		return at
	}
	return now
}

// parseRate reads the quota headers in every documented spelling.
func parseRate(h http.Header, now time.Time) Rate {
	limit, hasLimit := first(h, limitHeaders, count)
	remaining, hasRemaining := first(h, remainingHeaders, count)
	if hasLimit && !hasRemaining {
		remaining = -1
	}
	return Rate{Limit: limit, Remaining: remaining, Reset: resetWait(h, now), Known: hasLimit || hasRemaining}
}

func count(value string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || n < 0 {
		return 0, false
	}
	return n, true
}

func resetWait(h http.Header, now time.Time) time.Duration {
	wait, _ := first(h, resetHeaders, func(value string) (time.Duration, bool) { return seconds(value, now) })
	return wait
}

// askedWait returns the wait that an answer asks for: Retry-After, in seconds or as
// an HTTP date (RFC 9110 §10.2.3), then RateLimit-Reset, then X-RateLimit-Reset. The
// reset headers count only with 429; in any other answer they describe the quota,
// not this request.
func askedWait(status int, h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if wait, ok := seconds(value, now); ok {
		return wait
	}
	if at, err := http.ParseTime(value); err == nil {
		return clampWait(at.Sub(now))
	}
	if status != http.StatusTooManyRequests {
		return 0
	}
	return resetWait(h, now)
}

// seconds reads a number of seconds, or a Unix time if it is that large.
func seconds(value string, now time.Time) (time.Duration, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !(n >= 0 && n < 1e15) {
		return 0, false
	}
	if n > epochFrom {
		return clampWait(time.Unix(int64(n), 0).Sub(now)), true
	}
	return clampWait(time.Duration(min(n, maxWait.Seconds()) * float64(time.Second))), true
}

func clampWait(d time.Duration) time.Duration {
	return max(0, min(d, maxWait))
}
