package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/stretchr/testify/require"
)

const (
	storyPeople = 150
	storyHome   = "https://shop.example/"
)

// story is a shop whose lists and logs go on step by step, a folder with the
// program's state, and a sandbox whose call log is held against the truth.
type story struct {
	t    *testing.T
	dir  string
	rng  *rand.Rand
	url  string
	step int

	wanted map[string]string // "person trait" -> value, as the inputs say
	holds  map[string]string // the same, as impact.com was told
	due    dueCalls          // what the step has to send
	read   int64             // bytes of the call log that were looked at

	answering atomic.Pointer[func()] // called with a request taken and not yet answered

	kills   int
	claimed int // claimed and not settled at the kills of this step
	repeats int // in all steps
}

// dueCalls are the requests that a step has to make.
type dueCalls struct {
	events  map[string]bool              // pages and orders
	updates map[string]map[string]string // person -> trait -> value
}

func newStory(t *testing.T, seed uint64, config sandbox.Config) *story {
	t.Helper()
	s := &story{t: t, dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 3)), wanted: map[string]string{}, holds: map[string]string{}}
	config.LogFile, config.Seed = filepath.Join(s.dir, "calls.ndjson"), seed
	box, err := sandbox.New(config)
	require.NoError(t, err)
	handler := box.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(answer{w, &s.answering}, r)
	}))
	t.Cleanup(func() { server.Close(); require.NoError(t, box.Close()) })
	s.url = server.URL
	s.write("impactsync.yaml", s.config(""))
	require.NoError(t, os.Mkdir(filepath.Join(s.dir, "db"), 0o700))
	return s
}

// answer tells of an answer before it is written.
type answer struct {
	http.ResponseWriter
	hook *atomic.Pointer[func()]
}

func (a answer) WriteHeader(status int) {
	if hook := a.hook.Load(); hook != nil {
		(*hook)()
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (s *story) config(more string) string {
	return `destination:
  accountSid: IR1
  apiKey: token
  campaignId: "23224"
  enablePageEvents: true
  pageUrl: ` + storyHome + `
  trackingURL: ` + s.url + `
  apiURL: ` + s.url + `
sources:
  - {name: web, kind: events, url: file://./events/, traits: {include: [web, tier]}}
  - {name: exports, kind: audiences, url: file://./lists/}
state: {path: db/state.db}
delivery: {pageLoadsPerSecond: 0, conversionsPerHour: 0}
guard: {maxExits: {atLeast: 1000000}} # the same few people leave again and again
` + more
}

func (s *story) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	require.NoError(s.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(s.t, os.WriteFile(path, []byte(text), 0o600))
}

func person(i int) string { return fmt.Sprintf("u%d", i) }

// next writes the inputs of the next step and notes what they ask for.
func (s *story) next() {
	s.t.Helper()
	s.step++
	s.claimed = 0
	s.due = dueCalls{events: map[string]bool{}, updates: map[string]map[string]string{}}
	at := time.Now().Add(-24*time.Hour + time.Duration(s.step)*time.Minute)
	s.list("vip", "VIP.csv", at)
	s.list("gold", "Gold.csv", at)
	s.log(at)
	for id, value := range s.wanted {
		who, key, _ := strings.Cut(id, " ")
		if told := s.holds[id]; told == value || told == "" && value == "false" {
			continue
		}
		if s.due.updates[who] == nil {
			s.due.updates[who] = map[string]string{}
		}
		s.due.updates[who][key] = value
	}
}

func (s *story) list(key, file string, at time.Time) {
	s.t.Helper()
	lines := []string{"user_id"}
	for i := range storyPeople {
		id := person(i) + " " + key
		if s.step == 1 || s.rng.IntN(6) == 0 {
			s.wanted[id] = fmt.Sprint(s.rng.IntN(2) == 0)
		}
		if s.wanted[id] == "true" {
			lines = append(lines, person(i))
		}
	}
	s.write(filepath.Join("lists", file), strings.Join(lines, "\n")+"\n")
	require.NoError(s.t, os.Chtimes(filepath.Join(s.dir, "lists", file), at, at))
}

func (s *story) log(at time.Time) {
	s.t.Helper()
	var log bytes.Buffer
	add := func(kind string, fields map[string]any) {
		at = at.Add(time.Millisecond)
		fields["type"], fields["messageId"] = kind, fmt.Sprintf("m%d-%d", s.step, at.UnixNano())
		fields["timestamp"], fields["receivedAt"] = at, at
		require.NoError(s.t, json.NewEncoder(&log).Encode(fields))
	}
	engage := func(key, class string) map[string]any {
		return map[string]any{"personas": map[string]any{"computation_class": class, "computation_key": key}}
	}
	for i := range 40 {
		who := person(s.rng.IntN(storyPeople))
		page := fmt.Sprintf("%sp/%d-%d", storyHome, s.step, i)
		add("page", map[string]any{"userId": who, "context": map[string]any{"page": map[string]any{"url": page}}})
		s.due.events[page] = true
		switch i % 4 {
		case 0:
			member := s.rng.IntN(2) == 0
			add("identify", map[string]any{"userId": who, "traits": map[string]any{"web": member}, "context": engage("web", "audience")})
			s.wanted[who+" web"] = fmt.Sprint(member)
		case 1:
			tier := fmt.Sprintf("t%d", s.rng.IntN(5))
			add("identify", map[string]any{"userId": who, "traits": map[string]any{"tier": tier}, "context": engage("tier", "computed_trait")})
			s.wanted[who+" tier"] = tier
		case 2:
			order := fmt.Sprintf("o%d-%d", s.step, i)
			add("track", map[string]any{"userId": who, "event": "Order Completed", "properties": map[string]any{"order_id": order, "revenue": 12.5, "currency": "USD"}})
			s.due.events[order] = true
		}
	}
	s.write(fmt.Sprintf("events/step-%04d.ndjson", s.step), log.String())
}

// calls reads what was logged since the last look.
func (s *story) calls() []sandbox.Call {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, "calls.ndjson"))
	require.NoError(s.t, err)
	data = data[s.read:]
	s.read += int64(len(data))
	var calls []sandbox.Call
	for line := range bytes.Lines(data) {
		var c sandbox.Call
		require.NoError(s.t, json.Unmarshal(line, &c))
		if c.Method != http.MethodGet && (c.Status == 0 || c.Status == http.StatusOK) { // taken; a question tells nothing
			calls = append(calls, c)
		}
	}
	return calls
}

// verify holds the calls of the step against what it had to send: all of it,
// nothing else, and repeats only of what was claimed when the program died.
func (s *story) verify() {
	s.t.Helper()
	seen, calls := map[string]bool{}, s.calls()
	for _, c := range calls {
		id := s.told(c)
		require.NotEmpty(s.t, id, "nobody asked for %v", c.Form)
		seen[id] = true
	}
	require.Len(s.t, seen, len(s.due.events)+len(s.due.updates), "step %d: every event and every person's changes", s.step)
	repeats := len(calls) - len(seen)
	require.LessOrEqual(s.t, repeats, s.claimed, "step %d: what is repeated was claimed and not settled at the kills", s.step)
	s.repeats += repeats
	for id, value := range s.wanted {
		if value != "false" || s.holds[id] != "" {
			require.Equal(s.t, value, s.holds[id], id)
		}
	}
}

// told names what a call said, "" if nothing had to be said so.
func (s *story) told(c sandbox.Call) string {
	page, _ := c.Form.Get("PageUrl")
	order, _ := c.Form.Get("OrderId")
	switch {
	case s.due.events[order]:
		return order
	case s.due.events[page]:
		return page
	case page != storyHome:
		return ""
	}
	who, _ := c.Form.Get("CustomerId")
	for key, want := range s.due.updates[who] {
		if value, said := c.Form.Get(key); !said || value != want {
			return ""
		}
		s.holds[who+" "+key] = want
	}
	if s.due.updates[who] == nil {
		return ""
	}
	return who
}

// start starts a program of the test's on the story's folder.
func (s *story) start(program string, env ...string) *exec.Cmd {
	s.t.Helper()
	path, err := exec.LookPath(program)
	require.NoError(s.t, err)
	c := exec.CommandContext(s.t.Context(), path, "run")
	c.Dir, c.Env = s.dir, append(os.Environ(), env...)
	c.Stderr = new(bytes.Buffer)
	require.NoError(s.t, c.Start())
	return c
}

// finish runs the program until it says that nothing is left, and verifies.
func (s *story) finish() {
	s.t.Helper()
	for range 5 {
		c := s.start("impactsync")
		if c.Wait() == nil {
			s.verify()
			return
		}
		require.Contains(s.t, []int{3, 4}, c.ProcessState.ExitCode(), "%s", c.Stderr)
	}
	require.Fail(s.t, "the program does not come to an end")
}
