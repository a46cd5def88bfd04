package page

import (
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/cmd/internal/words"
	"github.com/impactsync/impactsync/sync/money"
)

// number returns 1234567 as 1,234,567.
func number(n int64) string { return humanize.Comma(n) }

// counted returns a number with its noun: "1 order", "1,200 orders".
func counted(n int64, one string) string { return words.Count(n, one) }

// short returns a time as people say it, in UTC: "24 Nov 18:25".
func short(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format("2 Jan 15:04")
}

// exact returns a time as the views write it, to the second.
func exact(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

// span returns a duration in its two largest units: "2 d 3 h", "4 min".
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < 10*time.Minute:
		return units(d, time.Minute, "min", time.Second, "s")
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 24*time.Hour:
		return units(d, time.Hour, "h", time.Minute, "min")
	}
	return units(d, 24*time.Hour, "d", time.Hour, "h")
}

func units(d, large time.Duration, name string, small time.Duration, smallName string) string {
	text := strconv.FormatInt(int64(d/large), 10) + " " + name
	if rest := d % large / small; rest > 0 {
		text += " " + strconv.FormatInt(int64(rest), 10) + " " + smallName
	}
	return text
}

// ago returns a time in relation to now.
func (p *Page) ago(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	const moment = 2 * time.Second
	if d := p.Now.Sub(at); d >= moment {
		return span(d) + " ago"
	} else if d >= 0 {
		return "just now"
	}
	return "in " + span(at.Sub(p.Now))
}

// plot returns a coordinate with as few digits as a screen needs.
func plot(v float64) string { return strconv.FormatFloat(v, 'f', -1, 32) }

// amountText returns money with the places of its currency.
func amountText(v float64, currency string) string {
	return humanize.FormatFloat("#,###."+strings.Repeat("#", money.Digits(currency)), v)
}
