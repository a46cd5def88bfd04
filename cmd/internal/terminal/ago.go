package terminal

import (
	"fmt"
	"time"
)

// Ago returns a time as people say it: "12s ago", "5m ago", "3h ago", "2d ago", "in 4m",
// and the date of what is more than a month away.
func Ago(at, now time.Time) string {
	d, form := now.Sub(at), "%s ago"
	if d < 0 {
		d, form = -d, "in %s"
	}
	day := 24 * time.Hour
	switch {
	case d > 30*day:
		return at.UTC().Format(time.DateOnly)
	case d >= 2*day:
		return fmt.Sprintf(form, fmt.Sprintf("%dd", d/day))
	case d >= 2*time.Hour:
		return fmt.Sprintf(form, fmt.Sprintf("%dh", d/time.Hour))
	case d >= 2*time.Minute:
		return fmt.Sprintf(form, fmt.Sprintf("%dm", d/time.Minute))
	}
	return fmt.Sprintf(form, fmt.Sprintf("%ds", d/time.Second))
}
