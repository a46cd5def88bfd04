package page

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/state"
)

// Server serves the page live. It answers GET only, to whoever knows the token.
type Server struct {
	// Token is the first part of every path.
	Token string
	// Names are host names by which it may be asked, beside addresses and localhost:
	// a name of somebody else's that leads here must not read the page.
	Names []string
	// Places are several destinations, in place of Options and View.
	Places []Place
	// Options are called for each page.
	Options func() Options
	// View runs fn on the state, opened for reading.
	View func(ctx context.Context, fn func(*state.DB) error) error
	// ID returns a person's id as the state knows it, or why it cannot be one.
	ID func(text string) (string, error)
}

// mostBuilding is how many pages are made at a time, and patience how long one may take.
const (
	mostBuilding = 2
	patience     = 30 * time.Second
)

// Handler returns the server's handler.
func (s *Server) Handler() http.Handler {
	building := make(chan struct{}, mostBuilding)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if code := s.refuse(r); code != 0 {
			if code == http.StatusMethodNotAllowed {
				w.Header().Set("Allow", http.MethodGet)
			}
			http.Error(w, http.StatusText(code), code)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		select {
		case building <- struct{}{}:
			defer func() { <-building }()
		case <-ctx.Done():
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		s.answer(ctx, w, r.URL.Query())
	})
}

// secure sets the headers of every answer.
func secure(h http.Header) {
	for name, value := range map[string]string{
		"Content-Security-Policy":      policy + "; frame-ancestors 'none'",
		"Cache-Control":                "no-store",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
	} {
		h.Set(name, value)
	}
}

// refuse returns the status with which a request is refused, or 0.
func (s *Server) refuse(r *http.Request) int {
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed
	case !s.known(r.Host), !s.ownOrigin(r):
		return http.StatusForbidden
	case subtle.ConstantTimeCompare([]byte(first), []byte(s.Token)) != 1:
		return http.StatusForbidden
	case rest != "" || !strings.HasSuffix(r.URL.Path, "/"):
		return http.StatusNotFound
	}
	return 0
}

// known reports whether a request names this server by an address, as localhost or by
// one of its names.
func (s *Server) known(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	return net.ParseIP(name) != nil || strings.EqualFold(name, "localhost") ||
		slices.ContainsFunc(s.Names, func(n string) bool { return strings.EqualFold(n, name) })
}

// ownOrigin reports whether no page of another origin asks.
func (s *Server) ownOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}

// answer makes a page and sends it, whole or not at all.
func (s *Server) answer(ctx context.Context, w http.ResponseWriter, query url.Values) {
	var html bytes.Buffer
	here := &Place{Options: s.Options, View: s.View}
	if len(s.Places) > 0 {
		here = s.place(query.Get("destination"))
	}
	err := here.show(ctx, s, query, &html)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(html.Bytes()) // whoever asked may be gone
}

// place returns the destination with a name, or nil.
func (s *Server) place(name string) *Place {
	i := slices.IndexFunc(s.Places, func(p Place) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Places[i]
}

// show writes the page of a destination, or with nil that of all.
func (p *Place) show(ctx context.Context, s *Server, query url.Values, html *bytes.Buffer) error {
	if p == nil {
		return s.overview(ctx, html)
	}
	return p.View(ctx, func(db *state.DB) error {
		page, err := Read(ctx, db, p.Options())
		if err != nil {
			return err
		}
		page.Live = true
		if err := s.find(ctx, db, page, query); err != nil {
			return err
		}
		return page.Write(ctx, html)
	})
}

// overview writes the page of all destinations.
func (s *Server) overview(ctx context.Context, html *bytes.Buffer) error {
	var o Overview
	for _, p := range s.Places {
		g := Glance{Name: p.Name, Link: "?destination=" + url.QueryEscape(p.Name)}
		g.Err = p.View(ctx, func(db *state.DB) (err error) {
			g.Page, err = Read(ctx, db, p.Options())
			return err
		})
		o.Each = append(o.Each, g)
	}
	return o.Write(ctx, html)
}

// find looks up the person and the order that are asked for.
func (s *Server) find(ctx context.Context, db *state.DB, p *Page, query url.Values) error {
	f := &p.Found
	f.Person, f.Order = strings.TrimSpace(query.Get("person")), strings.TrimSpace(query.Get("order"))
	if f.Person != "" {
		if err := s.findPerson(ctx, db, f); err != nil {
			return err
		}
	}
	if f.Order == "" {
		return nil
	}
	return db.Snapshot(ctx, func(snap *state.Snapshot) error { return f.findOrder(snap) })
}

func (s *Server) findPerson(ctx context.Context, db *state.DB, f *Found) error {
	id, err := s.ID(f.Person)
	if err != nil {
		f.Problem = err.Error()
		return nil //nolint:nilerr // it is the answer
	}
	e, err := db.Explain(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		f.Problem = "Nobody with this id is known. Ids are byte-exact; only people with a trait, an event or two ids are kept."
		return nil
	}
	f.Explained = &e
	return err
}
