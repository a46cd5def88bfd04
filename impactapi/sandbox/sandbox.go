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

	"github.com/impactsync/impactsync/impactapi"
	"golang.org/x/net/netutil"
)

// Config says whose requests the sandbox takes and how it fails. With the zero value
// it takes every valid request from anybody at once.
type Config struct {
	// AccountSID and AuthToken are the only valid credentials. Without them any
	// pair is valid if the path has the same account.
	AccountSID, AuthToken string

	// LogFile is the path of the call log, which is appended to, mode 0600. Blank: none.
	LogFile string
	// Record keeps all calls in memory for Calls.
	Record bool

	Latency time.Duration // between taking a request and answering it

	ErrorRate   float64 // share answered 503 without being taken, 0 to 1
	ResetBefore float64 // share whose connection is dropped before they are taken
	ResetAfter  float64 // share whose connection is dropped after that
	Seed        uint64  // decides which requests those are

	// Fault, if set, decides about each request before the rates do. It is called
	// concurrently.
	Fault func(r *http.Request, form impactapi.Params) Fault

	RateLimit Limit // of /Advertisers/; zero for none

	// Campaigns are the programs of the account; conversions for others become
	// CAMPAIGN_NOT_FOUND. None: any program is known.
	Campaigns []string

	WarnUnknown bool          // warn of undocumented page load parameters
	SettleAfter time.Duration // how long a submission stays Queued
}

// Sandbox is a running stand-in. It is safe for concurrent use.
type Sandbox struct {
	config    Config
	log       *callLog
	limiter   limiter
	orders    orders
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
	log, err := openLog(config.LogFile, config.Record)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{
		config: config, log: log, limiter: limiter{limit: config.RateLimit}, campaigns: make(map[string]bool),
		orders: orders{seen: make(map[orderKey]bool), submissions: make(map[string]*submission)},
	}
	for _, id := range config.Campaigns {
		s.campaigns[id] = true
	}
	return s, nil
}

func check(c Config) error {
	var problems []error
	for _, share := range []struct {
		name  string
		value float64
	}{{"ErrorRate", c.ErrorRate}, {"ResetBefore", c.ResetBefore}, {"ResetAfter", c.ResetAfter}} {
		if !(share.value >= 0 && share.value <= 1) {
			problems = append(problems, fmt.Errorf("config: %s is %v: want a share from 0 to 1", share.name, share.value))
		}
	}
	if c.Latency < 0 || c.SettleAfter < 0 {
		problems = append(problems, errors.New("config: Latency or SettleAfter is negative: want a positive duration or 0"))
	}
	if (c.AccountSID == "") != (c.AuthToken == "") {
		problems = append(problems, errors.New("config: AccountSID and AuthToken belong together: set both or neither"))
	}
	for _, id := range c.Campaigns {
		if !isNumber(id) {
			problems = append(problems, fmt.Errorf("config: Campaigns has %q: want program ids, which are whole numbers", id))
		}
	}
	if err := c.RateLimit.check(); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
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
		Handler: s.Handler(), MaxHeaderBytes: 64 << 10, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
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
