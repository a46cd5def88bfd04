package histories

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// answer is one way in which impact.com, or something in front of it, answers.
type answer struct {
	name  string
	takes bool // it was accepted, whatever the answer says
	clean bool // an answer that says so
	write func(http.ResponseWriter, *http.Request)
}

// clean is the documented answer of each host.
var clean = answer{"clean", true, true, func(w http.ResponseWriter, r *http.Request) {
	if isConversion(r) {
		body(w, 200, "application/json", `{"Status":"QUEUED","QueuedUri":"/Advertisers/IRx/APISubmissions/A-1"}`)
		return
	}
	body(w, 200, "application/json", `{"clickId":"0c22384eN","sessionStart":"2026-09-10T22:55:32-08:00","warnings":[]}`)
}}

// faulty are the others. None of them says that the request was accepted, but
// some were.
var faulty = []answer{
	{"throttled", false, false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		body(w, 429, "application/json", `{"Status":"ERROR","Message":"Too many"}`)
	}},
	{"timed out there", false, false, status(408)},
	{"down", false, false, status(503)},
	{"down but taken", true, false, status(500)},
	{"Cloudflare", false, false, status(520)},
	{"reset before", false, false, hangUp},
	{"reset after", true, false, hangUp},
	{"says ERROR", false, false, text(200, "application/json", `{"Status":"ERROR","Message":"internal"}`)},
	{"maintenance", false, false, text(200, "application/json", `{"error":"maintenance"}`)},
	{"not a success", false, false, text(200, "application/json", `{"success":false}`)},
	{"errors in a 200", false, false, text(200, "application/json", `{"Errors":[{"Field":"a","Message":"b"}]}`)},
	{"a page", false, false, text(200, "text/html", `<html><body>Sign in</body></html>`)},
	{"empty", true, false, text(200, "", "")},
	{"not found", false, false, status(404)},
	{"not allowed", false, false, status(405)},
	{"moved", false, false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://127.0.0.1:9/elsewhere")
		body(w, 302, "text/html", "")
	}},
	{"cut short", true, false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "500")
		_, _ = w.Write([]byte(`{"Status":"QUE`))
		hangUp(w, nil)
	}},
	{"refused", false, false, text(400, "application/json", `{"Status":"ERROR","Message":"Validation Failed","Errors":[{"Field":"Amount","Message":"Not a number"}]}`)},
	{"upgrade", false, false, raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")},
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return text(code, "application/json", fmt.Sprintf(`{"status":%d}`, code))
}

func text(code int, kind, content string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { body(w, code, kind, content) }
}

func body(w http.ResponseWriter, code int, kind, content string) {
	if kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	w.WriteHeader(code)
	_, _ = w.Write([]byte(content))
}

func hangUp(w http.ResponseWriter, _ *http.Request) { raw("")(w, nil) }

// raw writes bytes past net/http, and closes the connection.
func raw(bytes string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, out, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err) // HTTP/1.1 without TLS can always be hijacked
		}
		_, _ = out.WriteString(bytes)
		_ = out.Flush()
		_ = c.Close()
	}
}

func isConversion(r *http.Request) bool { return strings.Contains(r.URL.Path, "/Conversions") }

// call is one request that reached impact.com.
type call struct {
	run   int
	path  string
	form  url.Values
	taken bool
	clean bool
}

// impact is the test's simulated impact.com.
type impact struct {
	server *httptest.Server

	mu    sync.Mutex
	rng   *rand.Rand
	calls []call
	run   int
	share float64           // of requests that get a faulty answer
	mood  []answer          // from which it is drawn
	cast  map[string]answer // people who always get the same answer
	kill  func()            // called when left requests were accepted
	left  int
}

func newImpact(t *testing.T, rng *rand.Rand) *impact {
	i := &impact{rng: rng, cast: map[string]answer{}}
	i.server = httptest.NewServer(i)
	t.Cleanup(func() {
		i.server.CloseClientConnections()
		i.server.Close()
	})
	return i
}

func (i *impact) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		body(w, 400, "text/plain", err.Error())
		return
	}
	if r.Method == http.MethodGet || strings.Contains(r.URL.Path, "AppInstall") {
		status(404)(w, r)
		return
	}
	a, kill := i.take(r)
	if kill != nil {
		kill()
	}
	a.write(w, r)
}

// take records a request and chooses its answer.
func (i *impact) take(r *http.Request) (a answer, kill func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	a = clean
	if who, ok := i.cast[r.PostForm.Get("CustomerId")]; ok {
		a = who
	} else if len(i.mood) > 0 && i.rng.Float64() < i.share {
		a = i.mood[i.rng.IntN(len(i.mood))]
	}
	i.calls = append(i.calls, call{i.run, r.URL.Path, maps.Clone(r.PostForm), a.takes, a.clean})
	if i.left--; i.left == 0 {
		kill = i.kill
	}
	return a, kill
}

// weather sets how requests are answered from now on.
func (i *impact) weather(share float64, mood []answer, cast map[string]answer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.share, i.mood, i.cast = share, mood, cast
}

// killAfter arranges for kill to be called at the nth request from now.
func (i *impact) killAfter(n int, kill func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.left, i.kill = n, kill
}

func (i *impact) begin(run int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.run = run
}

func (i *impact) log() []call {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]call(nil), i.calls...)
}

// settle waits until no request of a dead process can still be recorded.
func settle() { time.Sleep(20 * time.Millisecond) }
