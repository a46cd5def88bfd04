package progress

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
)

// window is how far back a rate looks.
const window = 30 * time.Second

// settling is how long a rate is not believed: connections are opened, and quotas asked.
const settling = 5 * time.Second

// meter measures one thing that goes on: the reading of a source, or the sending to
// a host. It is safe for concurrent use.
type meter struct {
	phase, what, unit string

	mu      sync.Mutex
	total   int64 // 0 or less where it is not known
	done    int64
	begun   time.Time
	past    []mark        // within the window, oldest first
	atLeast time.Duration // what the rest takes at least
	told    time.Time     // when that was told
}

type mark struct {
	at   time.Time
	done int64
}

func newMeter(phase, what string, total int64, unit string) *meter {
	now := time.Now()
	return &meter{phase: phase, what: what, unit: unit, total: total, begun: now, past: []mark{{at: now}}}
}

// add notes n more units.
func (m *meter) add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.note(m.done + n)
}

// set notes how far a host is, and how long the rest takes at least.
func (m *meter) set(done, total int64, atLeast time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total, m.atLeast, m.told = total, atLeast, time.Now()
	m.note(done)
}

// note keeps one mark a second.
func (m *meter) note(done int64) {
	now := time.Now()
	m.done = done
	if now.Sub(m.past[len(m.past)-1].at) < time.Second {
		return
	}
	m.past = append(m.past, mark{now, done})
	for len(m.past) > 2 && now.Sub(m.past[1].at) > window {
		m.past = m.past[1:]
	}
}

// reading is what a meter shows.
type reading struct {
	done, total int64
	rate        float64       // per second
	left        time.Duration // 0 where it is not known
}

func (m *meter) read() reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	r := reading{done: m.done, total: m.total}
	since := m.past[0]
	if d := now.Sub(since.at).Seconds(); d > 0 {
		r.rate = float64(m.done-since.done) / d
	}
	if m.total > m.done {
		if r.rate > 0 && (m.atLeast == 0 || now.Sub(m.begun) >= settling) {
			r.left = time.Duration(float64(m.total-m.done) / r.rate * float64(time.Second))
		}
		r.left = max(r.left, m.atLeast-now.Sub(m.told)) // a plan's figure, which a quick start does not beat
	}
	return r
}

// amounts says how much is done, and of how much.
func (m *meter) amounts(r reading) string {
	if r.total <= 0 {
		return m.amount(r.done)
	}
	return m.amount(r.done) + " / " + m.amount(r.total)
}

func (m *meter) amount(n int64) string {
	if m.unit == "bytes" {
		return humanize.IBytes(uint64(max(n, 0)))
	}
	return humanize.Comma(n)
}

// pace says how fast it goes.
func (m *meter) pace(r reading) string {
	switch {
	case m.unit == "bytes":
		return humanize.IBytes(uint64(max(r.rate, 0))) + "/s"
	case r.rate < 10:
		return fmt.Sprintf("%.1f/s", r.rate)
	}
	return humanize.Comma(int64(r.rate)) + "/s"
}

// eta returns a duration as people write it, or "" for none.
func eta(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}
