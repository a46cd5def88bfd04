// Package standin is a stand-in for Segment's Public API and Profile API, made after
// their documents, with faults on demand. Both hosts' paths are on one handler.
package standin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Computation is an audience or a computed trait.
type Computation struct {
	ID      string `json:"id"`
	SpaceID string `json:"spaceId"`
	Name    string `json:"name"`
	Key     string `json:"key"`
	Enabled bool   `json:"enabled"`
	Status  string `json:"status"`
	Size    *Size  `json:"size,omitempty"` // of audiences
}

// Size is how many profiles an audience has.
type Size struct {
	Count int64  `json:"count"`
	Type  string `json:"type"`
}

// Profile is a person.
type Profile struct {
	IDs       [][2]string    `json:"ids"` // type and value
	Audiences map[string]any `json:"audiences"`
	Computed  map[string]any `json:"computed"`
}

// Space is what the stand-in knows. Suppressed are user ids.
type Space struct {
	ID         string        `json:"id"`
	Audiences  []Computation `json:"audiences"`
	Traits     []Computation `json:"computedTraits"`
	Suppressed []string      `json:"suppressed"`
	Profiles   []Profile     `json:"profiles"`
}

// Fault is what goes wrong with requests. The zero value is none.
type Fault struct {
	Status    int           `json:"status"`    // instead of an answer: 401, 403, 429, 5xx
	After     time.Duration `json:"after"`     // of 429: until the next request is taken
	Cut       bool          `json:"cut"`       // the connection breaks in the middle of the answer
	Malformed bool          `json:"malformed"` // an answer that is not JSON
	Endless   bool          `json:"endless"`   // each page names the same next one
	Slow      time.Duration `json:"slow"`      // before the answer
	Times     int           `json:"times"`     // how many requests it meets; 0: all
	Path      string        `json:"path"`      // only paths that hold this text
}

// Server is the stand-in. It is safe for concurrent use.
type Server struct {
	PublicToken  string // "": any
	ProfileToken string
	PageSize     int // largest page, below what is asked for; 0: that

	mu       sync.Mutex
	space    Space
	faults   []Fault
	requests []string // paths with their queries, in order
}

// New returns a stand-in for one space.
func New(space Space) *Server { return &Server{space: space} }

// Set changes the space.
func (s *Server) Set(change func(*Space)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.space)
}

// Fail has requests from now on meet a fault. Without any, everything works again.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.Clone(faults)
}

// Requests returns the paths that were asked for, escaped and with their queries.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault, space := s.take(r)
	<-time.After(fault.Slow)
	profile := strings.HasPrefix(r.URL.Path, "/v1/spaces/")
	switch {
	case fault.Status == http.StatusTooManyRequests:
		tooMany(w, fault.After)
	case fault.Status != 0:
		fail(w, fault.Status, "server-error")
	case fault.Malformed:
		fmt.Fprint(w, `{"data": <html>`)
	case fault.Cut:
		cut(w)
	case !s.knows(r, profile):
		fail(w, http.StatusUnauthorized, "unauthorized")
	case profile:
		s.profile(w, r, space, fault)
	default:
		s.public(w, r, space, fault)
	}
}

func (s *Server) take(r *http.Request) (Fault, Space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.URL.EscapedPath()+"?"+r.URL.RawQuery)
	for i := range s.faults {
		f := &s.faults[i]
		if !strings.Contains(r.URL.Path, f.Path) || f.Times < 0 {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				f.Times = -1
			}
		}
		return *f, s.space
	}
	return Fault{}, s.space
}

func (s *Server) knows(r *http.Request, profile bool) bool {
	if profile {
		token, _, _ := r.BasicAuth()
		return s.ProfileToken == "" || token == s.ProfileToken
	}
	return s.PublicToken == "" || r.Header.Get("Authorization") == "Bearer "+s.PublicToken
}

func fail(w http.ResponseWriter, status int, kind string) {
	w.WriteHeader(status)
	write(w, map[string]any{"errors": []map[string]any{{"type": kind, "message": http.StatusText(status), "status": status}}})
}

func tooMany(w http.ResponseWriter, after time.Duration) {
	w.Header().Set("X-RateLimit-Remaining", "0")
	w.Header().Set("X-RateLimit-Reset", time.Now().Add(after).UTC().Format(time.RFC1123Z))
	w.WriteHeader(http.StatusTooManyRequests)
	write(w, map[string]any{"errors": []map[string]any{{
		"type": "rate-limit-exceeded", "message": "Too many requests", "status": http.StatusTooManyRequests,
		"data": map[string]any{"remainingPoints": 0, "msBeforeNext": after.Milliseconds(), "consumedPoints": 61},
	}}})
}

func cut(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "1000")
	fmt.Fprint(w, `{"data":{"audiences":[`)
	panic(http.ErrAbortHandler)
}

func write(w http.ResponseWriter, v any) {
	_ = json.NewEncoder(w).Encode(v) // whoever asked may be gone
}

func (s *Server) public(w http.ResponseWriter, r *http.Request, space Space, fault Fault) {
	w.Header().Set("X-RateLimit-Consumed", "1")
	w.Header().Set("X-RateLimit-Remaining", "59")
	w.Header().Set("X-RateLimit-Reset", time.Now().Add(time.Minute).UTC().Format(time.RFC1123Z))
	path, found := strings.CutPrefix(r.URL.Path, "/spaces/"+space.ID)
	switch {
	case r.URL.Path == "/suppressions":
		ids := make([]map[string]any, len(space.Suppressed))
		for i, id := range space.Suppressed {
			ids[i] = map[string]any{"subjectType": "USER_ID", "subjectIds": []string{id}}
		}
		page(s, w, r, "suppressed", ids, fault)
	case found && path == "/audiences":
		page(s, w, r, "audiences", space.Audiences, fault)
	case found && path == "/computed-traits":
		page(s, w, r, "computedTraits", space.Traits, fault)
	default:
		fail(w, http.StatusNotFound, "not-found")
	}
}

// page answers with a page of all.
func page[T any](s *Server, w http.ResponseWriter, r *http.Request, name string, all []T, fault Fault) {
	count, err := strconv.Atoi(r.URL.Query().Get("pagination.count"))
	if err != nil || count < 1 || count > 200 {
		fail(w, http.StatusBadRequest, "bad-request")
		return
	}
	rows, next := slice(s, r.URL.Query().Get("pagination.cursor"), count, all, fault)
	pagination := map[string]any{"current": r.URL.Query().Get("pagination.cursor"), "totalEntries": len(all)}
	if next != "" {
		pagination["next"] = next
	}
	write(w, map[string]any{"data": map[string]any{name: rows, "pagination": pagination}})
}

func slice[T any](s *Server, cursor string, count int, all []T, fault Fault) (rows []T, next string) {
	if s.PageSize > 0 {
		count = min(count, s.PageSize)
	}
	from, _ := strconv.Atoi(strings.TrimPrefix(cursor, "c"))
	from = min(max(from, 0), len(all))
	to := min(from+count, len(all))
	switch {
	case fault.Endless:
		next = "c0"
	case to < len(all):
		next = "c" + strconv.Itoa(to)
	}
	return append([]T{}, all[from:to]...), next
}

// profile answers a request of the Profile API.
func (s *Server) profile(w http.ResponseWriter, r *http.Request, space Space, fault Fault) {
	path, found := strings.CutPrefix(r.URL.Path, "/v1/spaces/"+space.ID+"/collections/users/profiles/")
	at := strings.LastIndex(path, "/")
	kind, id, named := strings.Cut(path[:max(at, 0)], ":")
	if !found || !named {
		fail(w, http.StatusNotFound, "not_found")
		return
	}
	i := slices.IndexFunc(space.Profiles, func(p Profile) bool {
		return slices.ContainsFunc(p.IDs, func(one [2]string) bool { return one[0] == kind && strings.ToLower(one[1]) == id })
	})
	if i < 0 {
		w.WriteHeader(http.StatusNotFound)
		write(w, map[string]any{"error": map[string]any{"code": "not_found", "message": "The resource was not found."}})
		return
	}
	s.answer(w, r, &space.Profiles[i], path[at+1:], fault)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, p *Profile, what string, fault Fault) {
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		limit = 10
	}
	if limit < 1 || limit > 100 {
		fail(w, http.StatusBadRequest, "bad_request")
		return
	}
	cursor := func(next string) map[string]any {
		return map[string]any{"url": r.URL.Path, "has_more": next != "", "next": next, "limit": limit}
	}
	switch what {
	case "traits":
		all := p.Audiences
		if q.Get("class") == "computed_trait" {
			all = p.Computed
		}
		keys, next := slice(s, q.Get("next"), limit, sorted(all), fault)
		traits := map[string]any{}
		for _, key := range keys {
			traits[key] = all[key]
		}
		write(w, map[string]any{"traits": traits, "cursor": cursor(next)})
	case "external_ids":
		ids, next := slice(s, q.Get("next"), limit, p.IDs, fault)
		data := make([]map[string]any, len(ids))
		for i, id := range ids {
			data[i] = map[string]any{"collection": "users", "type": id[0], "id": id[1], "encoding": "none"}
		}
		write(w, map[string]any{"data": data, "cursor": cursor(next)})
	default:
		fail(w, http.StatusNotFound, "not_found")
	}
}

func sorted(m map[string]any) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
