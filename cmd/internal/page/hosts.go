package page

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// Host is one of impact.com's hosts.
type Host struct {
	Name               string
	Sent               int64 // in the last hour
	Quota              int64
	Remaining          int64
	Told               bool // whether it said what remains, for a window that is not over
	ResetAt, PausedTil time.Time
	Pace               float64
	Due                int64
	InFiles            int64 // conversions in files, or about to be: they take no requests
	Takes              time.Duration
	Most               int64 // in a minute of the last day
	parts              []part
}

// part is what was sent in ten minutes.
type part struct {
	at             time.Time
	most, requests int64
}

func (p *Page) readHosts(s *state.Snapshot) (err error) {
	p.Hosts, err = state.Select(s, hostsSQL.SQL, func(h *Host) []any {
		return []any{&h.Name, &h.Sent, null(&h.Quota), present{&h.Remaining, &h.Told}, moment{&h.ResetAt}, moment{&h.PausedTil}, null(&h.Pace)}
	})
	if err != nil {
		return err
	}
	type line struct {
		host string
		part
	}
	lines, err := state.Select(s, minutesSQL.SQL, func(l *line) []any { return []any{&l.host, moment{&l.at}, &l.most, &l.requests} })
	for i := range p.Hosts {
		h := &p.Hosts[i]
		h.Told = h.Told && h.ResetAt.After(p.Now)
		for _, l := range lines {
			if l.host == h.Name {
				h.parts = append(h.parts, l.part)
				h.Most = max(h.Most, l.most)
			}
		}
	}
	files, errFiles := state.Select(s, filesSQL.SQL, func(r *state.ByRoad) []any { return []any{&r.InFiles, &r.Undecided} })
	if err := errors.Join(err, errFiles); err != nil {
		return err
	}
	p.backlog(files[0])
	return nil
}

// backlog says what is due at each host, and how long that takes at the known rates,
// as the command status does.
func (p *Page) backlog(roads state.ByRoad) {
	s := &p.status
	inFiles := min(impactsync.InFiles(roads, p.ByFile), s.Conversions.Open())
	tracking, api := s.Traits.Open()+s.PageLoads.Open(), s.Conversions.Open()-inFiles
	takes := p.Rates.Take(s.Hosts, tracking, api, p.Now)
	for i := range p.Hosts {
		h := &p.Hosts[i]
		h.Due, h.Takes = tracking, seconds(takes.TrackingHost)
		if h.Name == state.HostAPI {
			h.Due, h.Takes, h.InFiles = api, seconds(takes.APIHost), inFiles
		}
		p.Due.Takes = max(p.Due.Takes, h.Takes)
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// present scans a number, and whether it is there.
type present struct {
	n  *int64
	is *bool
}

func (s present) Scan(from any) error {
	*s.is = from != nil
	return null(s.n).Scan(from)
}

// line returns the picture of the last 24 hours: requests in the busiest minute of each
// ten.
func (h *Host) line(now time.Time) string {
	const tens = 144
	var b strings.Builder
	start := now.Add(-24 * time.Hour)
	for _, p := range h.parts {
		if i := int(p.at.Sub(start) / (10 * time.Minute)); i >= 0 && i < tens && h.Most > 0 {
			height := max(float64(p.most*300/h.Most)/10, 0.8)
			box(&b, float64(i), 30-height, 0.8, height)
		}
	}
	return b.String()
}

// used returns how much of the quota is gone, in percent.
func (h *Host) used() float64 {
	if h.Quota == 0 {
		return 0
	}
	return float64((h.Quota-h.Remaining)*1000/h.Quota) / 10
}

func (h *Host) gauge() string {
	return fmt.Sprintf("%s of %s left until %s", number(h.Remaining), number(h.Quota), h.ResetAt.UTC().Format("15:04"))
}

// ends says when what is due has been sent.
func (h *Host) ends(now time.Time) string {
	switch {
	case h.Due == 0:
		return "nothing is due"
	case h.Takes == 0:
		return number(h.Due) + " due; nothing bounds the rate"
	}
	return fmt.Sprintf("%s due, %s at the known rates: would end at %s", number(h.Due), span(h.Takes), short(now.Add(h.Takes)))
}

// words returns the host's name for people.
func (h *Host) words() string {
	if h.Name == state.HostAPI {
		return "API host: conversions and verdicts"
	}
	return "Tracking host: page loads and trait updates"
}
