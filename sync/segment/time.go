package segment

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// The layouts that are read besides RFC 3339. Go accepts fractions of a second in all
// of them. Warehouses and browsers write the last ones.
var layouts = [...]string{
	"2006-01-02T15:04:05",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05",
	"2006-01-02",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	"2006-01-02 15:04",
	"2006-01-02T15:04:05Z07",
	"2006-01-02 15:04:05Z07",
	"2006-01-02 15:04:05Z0700",
	"2006-01-02 15:04:05 Z07:00",
	"2006-01-02 15:04:05 Z0700",
	"2006-01-02 15:04:05 UTC",
	"2006-01-02 15:04:05 GMT",
	"2006-01-02 15:04:05 Z0700 UTC",
	"Mon, 02 Jan 2006 15:04:05 GMT",
	"Mon, 02 Jan 2006 15:04:05 Z0700",
	"Mon Jan 02 2006 15:04:05 GMTZ0700",
}

// Times outside these limits count as unreadable: they cannot be stored as
// nanoseconds, and no message was sent then.
var (
	minTime = time.Unix(0, 0)
	maxTime = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

// ParseTime reads an ISO 8601 time with up to 9 digits of a second's fraction (more
// are cut), or the number of seconds, milliseconds, microseconds or nanoseconds
// since 1970 (10, 13, 16 or 19 digits), and returns it in UTC. A time without a zone
// is taken for UTC: Segment's times are in UTC
// (https://segment.com/docs/connections/spec/common/#timestamps); neither times
// without a zone nor numbers are documented. A date alone is its first moment.
func ParseTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, err = parseOther(strings.TrimSpace(s))
	}
	if err != nil || t.Before(minTime) || t.After(maxTime) {
		return time.Time{}, false
	}
	return t.UTC(), true
}

func parseOther(s string) (t time.Time, err error) {
	if t, ok := parseEpoch(s); ok {
		return t, nil
	}
	s, _, _ = strings.Cut(s, " (") // browsers name the zone after the offset
	for _, layout := range layouts {
		if t, err = time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return t, err
}

// epochUnits are the units of numeric times in nanoseconds, by how many digits a time
// of this century has.
var epochUnits = map[int]int64{10: 1e9, 13: 1e6, 16: 1e3, 19: 1}

// parseEpoch reads a time that is a number.
func parseEpoch(s string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	unit := epochUnits[len(whole)]
	if unit == 0 || !IsDigits(whole) || fraction != "" && !IsDigits(fraction) {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n > math.MaxInt64/unit {
		return time.Time{}, false
	}
	part, _ := strconv.ParseFloat("0."+fraction, 64) // digits alone
	return time.Unix(0, n*unit).Add(time.Duration(part * float64(unit))), true
}
