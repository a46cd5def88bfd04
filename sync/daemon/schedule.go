package daemon

import (
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// ScheduleError says what is wrong with a schedule that cron does not refuse. It does
// not quote the schedule.
type ScheduleError string

// Error implements error.
func (e ScheduleError) Error() string { return string(e) }

// ParseSchedule returns a schedule: five cron fields, or a descriptor such as @hourly or
// @every 2h. The error of a schedule that could not be followed is a [ScheduleError].
func ParseSchedule(text string) (cron.Schedule, error) {
	zone, _, more := strings.Cut(text, " ")
	if !more && (strings.HasPrefix(zone, "TZ=") || strings.HasPrefix(zone, "CRON_TZ=")) {
		return nil, ScheduleError("it has a time zone and no times") // cron would panic
	}
	s, err := cron.ParseStandard(text)
	if err != nil {
		return nil, err
	}
	if _, every, ok := strings.Cut(text, "@every "); ok {
		if d, err := time.ParseDuration(every); err != nil || d < time.Second { // cron would make it a second
			return nil, ScheduleError("@every needs 1s or more")
		}
	}
	if s.Next(time.Now()).IsZero() {
		return nil, ScheduleError("such a date does not come within five years")
	}
	return s, nil
}
