package segment

import "time"

// The layouts beside RFC 3339 that are read. Go accepts fractions of a second
// after each of them.
var layouts = [...]string{
	"2006-01-02T15:04:05",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05",
	"2006-01-02",
}

// Times outside these are taken as unreadable: they cannot be stored as
// nanoseconds, and no message was sent then.
var (
	minTime = time.Unix(0, 0)
	maxTime = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

// ParseTime reads an ISO 8601 time with 0 to 9 digits of a second's fraction
// (more are cut) and gives it in UTC. A time without a zone is taken as UTC:
// Segment's page says that its times are
// (https://segment.com/docs/connections/spec/common/#timestamps), and says
// nothing of ones without a zone. A date alone is its first moment.
func ParseTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, s)
	for i := 0; err != nil && i < len(layouts); i++ {
		t, err = time.Parse(layouts[i], s)
	}
	if err != nil || t.Before(minTime) || t.After(maxTime) {
		return time.Time{}, false
	}
	return t.UTC(), true
}
