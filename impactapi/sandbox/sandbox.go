package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
)

// Sandbox is a running stand-in. It is safe for concurrent use.
type Sandbox struct {
	config    Config
	log       *callLog
	limiter   limiter
	ledger    *ledger
	campaigns map[string]bool
	sequence  atomic.Uint64

	closing sync.Once
	closed  error
}

// New returns a sandbox with an open call log. The caller closes it.
func New(config Config) (*Sandbox, error) {
	if err := check(config); err != nil {
		return nil, err
	}
	config.hurry()
	log, err := openLog(config.LogFile, config.Record)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{
		config: config, log: log, limiter: limiter{limit: config.RateLimit}, campaigns: make(map[string]bool),
		ledger: newLedger(),
	}
	for _, id := range config.Campaigns {
		s.campaigns[id] = true
	}
	return s, nil
}

func (s *Sandbox) now() time.Time {
	if s.config.Now == nil {
		return time.Now()
	}
	return s.config.Now()
}

// Calls returns the calls so far, in the order of the log; none without
// Config.Record.
func (s *Sandbox) Calls() []Call { return s.log.recorded() }

// Close closes the call log. It does not stop a Serve.
func (s *Sandbox) Close() error {
	s.closing.Do(func() { s.closed = s.log.close() })
	return s.closed
}

// mostConnections is how many connections Serve has at a time; others wait. It is
// more than impactsync has workers.
const mostConnections = 2048

// Serve answers on the listener until the context ends, then waits up to five
// seconds for requests under way. It closes the listener, not the call log. The end
// of the context is not an error.
func (s *Sandbox) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: s.both(), MaxHeaderBytes: 64 << 10, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: s.config.Latency + time.Minute, IdleTimeout: 2 * time.Minute,
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(netutil.LimitListener(listener, mostConnections)) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve sandbox: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		_ = server.Close()
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve sandbox: %w", err)
	}
	return nil
}

// both returns the handler with Segment's paths beside impact.com's, if there are any.
func (s *Sandbox) both() http.Handler {
	if s.config.Segment == nil {
		return s.Handler()
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.Handler())
	for _, path := range []string{"/spaces/", "/suppressions", "/v1/spaces/"} {
		mux.Handle(path, s.config.Segment)
	}
	return mux
}
