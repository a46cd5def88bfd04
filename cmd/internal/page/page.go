// Package page shows the state to people: as one self-contained HTML file, and as the
// same page served live. It only reads.
//
// queries.go has the SQL of each block. What a block shows is what its SQL gives, and
// the page has that text beside the numbers. The templates are compiled to Go by
// `make generate`.
package page

import (
	"context"
	"io"
	"time"

	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// Options say what a page shows beside the state.
type Options struct {
	Now     time.Time
	Name    string // of the destination, if there are several
	Account string // of the destination
	Program string // the campaign's id
	Sandbox bool   // the hosts are not impact.com's own
	Config  string // the configuration file, if commands have to name it
	State   string // the state file, for the queries to copy
	Version string // of this program
	Rates   impactsync.Rates
	ByFile  bool // conversions go in files, if a file can hold them
	WithIDs bool // show ids of people
}

// Page is what a page shows.
type Page struct {
	Options
	Runs      Runs
	Todo      []Todo
	More      int // things to do that are not in Todo
	Due       Due
	Audiences []Audience
	Approvals []Approval
	Flow      Flow
	Hosts     []Host
	Orders    Orders
	Refused   []Refusal
	Sources   []Source
	Rejected  []Rejection
	Unlisted  []Unlisted
	Warnings  []Warning
	Live      bool  // served, with a search
	Found     Found // by it
	status    state.Status
}

// Due is what is due in all.
type Due struct {
	Open, Held, Refused, Unknown int64
	Oldest                       time.Time
	Takes                        time.Duration
}

// Read reads what a page shows, all of it as it was at one moment.
func Read(ctx context.Context, db *state.DB, o Options) (*Page, error) {
	p := &Page{Options: o}
	var err error
	if p.status, err = db.Status(ctx, 1); err != nil {
		return nil, err
	}
	err = db.Snapshot(ctx, func(s *state.Snapshot) error {
		for _, step := range []func(*state.Snapshot) error{
			p.readRuns, p.readAudiences, p.readFlow, p.readHosts, p.readOrders, p.readRefused, p.readSources,
		} {
			if err := step(s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.sum()
	p.findTodo()
	return p, nil
}

// sum adds up what is due, as the command status does.
func (p *Page) sum() {
	s := &p.status
	for _, c := range []state.Counts{s.Traits, s.PageLoads, s.Conversions} {
		p.Due.Open += c.Open()
		p.Due.Held += c.Held
		p.Due.Refused += c.Refused
		p.Due.Unknown += c.Unknown
	}
	p.Due.Oldest = s.Oldest
}

// Write writes the page as a file.
func (p *Page) Write(ctx context.Context, w io.Writer) error {
	return document(p).Render(ctx, w) //nolint:contextcheck // templ's components take it when they are rendered
}
