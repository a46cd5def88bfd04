package receive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/impactsync/impactsync/sync/spool"
)

// Config says what is taken, and where to.
type Config struct {
	Path     string // the one that Segment posts to
	Secrets  *Secrets
	Spool    *spool.Spool
	MostBody int64 // bytes of one body

	Received func(events, bytes int) // tells of each body that is durable
	Refused  func(reason string)     // and of each that was refused; see Reasons
	Log      *slog.Logger
}

// The reasons for which requests are refused.
const (
	reasonSignature = "signature" // it is missing, or of another secret
	reasonInvalid   = "invalid"   // no JSON object, nor an array of them
	reasonTooLarge  = "too_large"
	reasonEncoding  = "encoding" // packed
	reasonMethod    = "method"
	reasonFull      = "full"   // the spool, or its disk
	reasonBusy      = "busy"   // too much at a time
	reasonBroken    = "broken" // the body did not come whole, or in time
	reasonFailed    = "failed" // it could not be written
)

// Reasons lists the reasons of refusals, as metrics name them.
func Reasons() []string {
	return []string{reasonSignature, reasonInvalid, reasonTooLarge, reasonEncoding, reasonMethod, reasonFull, reasonBusy, reasonBroken, reasonFailed}
}

// refusal is an answer that is not 200.
type refusal struct {
	code   int
	reason string
	text   string // for whoever sent it
	err    error  // for the log
}

var errBusy = errors.New("busy")

const (
	// patience is how long a body may take to be durable: Segment waits for 5 s.
	patience = 4 * time.Second
	// mostHeld bounds the memory of all bodies that are being read or stored.
	mostHeld = 64 << 20
	// retryAfter is how many seconds senders are asked to wait.
	retryAfter = "30"
)

type handler struct {
	Config
	held    atomic.Int64
	refused tally
}

// Handler returns a handler that takes bodies posted to a path, and answers /healthz.
func Handler(c Config) http.Handler {
	h := &handler{Config: c, refused: tally{log: c.Log}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", h.health)
	mux.HandleFunc(c.Path, h.serve)
	return mux
}

// health answers 503 while nothing is taken, so that others are asked instead.
func (h *handler) health(w http.ResponseWriter, _ *http.Request) {
	if err := h.Spool.Full(); err != nil {
		http.Error(w, "nothing is taken: "+unstored(err).text, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request) {
	events, bytes, no := h.take(r)
	if no == nil {
		h.Received(events, bytes)
		w.WriteHeader(http.StatusOK)
		return
	}
	h.Refused(no.reason)
	h.refused.note(no)
	switch no.code {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retryAfter)
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	}
	http.Error(w, no.text, no.code)
}

// take reads, checks and stores a body.
func (h *handler) take(r *http.Request) (events, size int, no *refusal) {
	switch encoding := r.Header.Get("Content-Encoding"); {
	case r.Method != http.MethodPost:
		return 0, 0, &refusal{http.StatusMethodNotAllowed, reasonMethod, "POST only", nil}
	case encoding != "" && encoding != "identity":
		return 0, 0, &refusal{http.StatusUnsupportedMediaType, reasonEncoding, "send it unpacked", nil}
	case r.ContentLength > h.MostBody:
		return 0, 0, tooLarge()
	}
	if err := h.Spool.Full(); err != nil {
		return 0, 0, unstored(err)
	}
	var mine int64
	defer func() { h.held.Add(-mine) }()
	raw, err := read(r.Body, h.MostBody, func(n int64) bool {
		mine += n
		return h.held.Add(n) <= mostHeld
	})
	if err != nil {
		return 0, 0, unread(err)
	}
	b, err := parse(raw)
	switch {
	case errors.Is(err, errTooLarge):
		return 0, 0, tooLarge()
	case err != nil:
		return 0, 0, &refusal{http.StatusBadRequest, reasonInvalid, err.Error(), nil}
	case !h.Secrets.Signed(b.signed, r.Header.Get("X-Signature")):
		return 0, 0, &refusal{http.StatusUnauthorized, reasonSignature, "X-Signature is not that of the body and the shared secret", nil}
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	if err := h.Spool.Put(ctx, b.lines); err != nil {
		return 0, 0, unstored(err)
	}
	return b.events, len(raw), nil
}

func tooLarge() *refusal {
	return &refusal{http.StatusRequestEntityTooLarge, reasonTooLarge, "too large", nil}
}

// unread refuses a body that could not be read.
func unread(err error) *refusal {
	switch {
	case errors.Is(err, errTooLarge):
		return tooLarge()
	case errors.Is(err, errBusy):
		return &refusal{http.StatusServiceUnavailable, reasonBusy, "busy", nil}
	}
	return &refusal{http.StatusServiceUnavailable, reasonBroken, "the body did not come whole", nil}
}

// unstored refuses a body for now.
func unstored(err error) *refusal {
	if errors.Is(err, spool.ErrFull) {
		return &refusal{http.StatusServiceUnavailable, reasonFull, "the spool is full", err}
	}
	return &refusal{http.StatusServiceUnavailable, reasonFailed, "it could not be stored", err}
}

// tally logs refusals: the first of a reason, and then how many there were, once a
// minute at most. No line holds anything of a body.
type tally struct {
	log *slog.Logger
	mu  sync.Mutex
	of  map[string]*refusals
}

type refusals struct {
	count  int
	logged time.Time
}

func (t *tally) note(no *refusal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[string]*refusals{}
	}
	one := t.of[no.reason]
	if one == nil {
		one = &refusals{}
		t.of[no.reason] = one
	}
	if one.count++; time.Since(one.logged) < time.Minute {
		return
	}
	attrs := []any{"reason", no.reason, "status", no.code, "answer", no.text, "requests", one.count}
	if no.err != nil {
		attrs = append(attrs, "error", no.err)
	}
	t.log.Warn("requests are refused", attrs...)
	one.count, one.logged = 0, time.Now()
}
