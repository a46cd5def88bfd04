package page

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/impactsync/impactsync/state"
)

// Place is one of several destinations that a server shows.
type Place struct {
	Name    string
	Options func() Options
	View    func(ctx context.Context, fn func(*state.DB) error) error
}

// Overview is the page of several destinations: how each one is, and where its own page
// is.
type Overview struct{ Each []Glance }

// Glance is how one of several destinations is.
type Glance struct {
	Name, Link string
	Page       *Page
	Err        error // why there is no page
}

// Write writes the overview.
func (o *Overview) Write(ctx context.Context, w io.Writer) error {
	return overview(o).Render(ctx, w) //nolint:contextcheck // templ's components take it when they are rendered
}

// face returns the class of how a destination is.
func (g *Glance) face() string {
	if g.Page == nil {
		return "bad"
	}
	return g.Page.face()
}

// troubled counts the destinations where something is to be done.
func (o *Overview) troubled() (n int64) {
	for _, g := range o.Each {
		if g.Page == nil || len(g.Page.Todo) > 0 {
			n++
		}
	}
	return n
}

func (o *Overview) headline() string {
	all := counted(int64(len(o.Each)), "destination")
	if n := o.troubled(); n > 0 {
		return fmt.Sprintf("%s, %d to look at", all, n)
	}
	return all + ", nothing needs a hand"
}

// now returns when the overview was made.
func (o *Overview) now() time.Time {
	for _, g := range o.Each {
		if g.Page != nil {
			return g.Page.Now
		}
	}
	return time.Now()
}
