package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/money"
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

	WarnUnknown bool // warn of undocumented page load parameters

	// Forbidden are resources that the token's scopes lack, such as Actions; they are
	// answered 403.
	Forbidden []string

	// Now is the clock, which must not go back; nil means time.Now.
	Now func() time.Time

	SettleAfter  time.Duration // how long a submission stays Queued
	ActionAfter  time.Duration // how long after that an action is there
	LockAfter    time.Duration // from the event to the locking of its action, at a midnight; 0: 27 days
	LateAfter    time.Duration // events that are older when they are reported get the date of the report; 0: none
	ConsentAfter time.Duration // how long a partner takes to consent; 0: for ever

	// Attribute, if set, decides what becomes of a conversion that is valid and no
	// duplicate. It is called for one conversion at a time. Without it, a partner who
	// is named in MediaId gets the action, one of ten partners gets an order with a
	// click id, and PartnerShare of the others, chosen by Seed, event type and OrderId.
	Attribute    func(form impactapi.Params) Attribution
	PartnerShare float64

	Currency     string            // of the account; blank: USD
	Rates        map[string]string // what a unit of other currencies is worth in it; amounts of others stay as they are
	OpenEnded    []string          // event types (ActionTrackerId) that lock at the first update of an order
	Dispositions []string          // the account's own codes, beside the documented ones

	// PageSize, if set, is the largest page of a list, so that a test needs few actions.
	PageSize      int
	NumbersAsText bool // ids and amounts of actions are JSON texts
}

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

func check(c Config) error {
	var problems []error
	for _, share := range []struct {
		name  string
		value float64
	}{{"ErrorRate", c.ErrorRate}, {"ResetBefore", c.ResetBefore}, {"ResetAfter", c.ResetAfter}, {"PartnerShare", c.PartnerShare}} {
		if !(share.value >= 0 && share.value <= 1) {
			problems = append(problems, fmt.Errorf("config: %s is %v: want a share from 0 to 1", share.name, share.value))
		}
	}
	if slices.Min([]time.Duration{c.Latency, c.SettleAfter, c.ActionAfter, c.LockAfter, c.LateAfter, c.ConsentAfter}) < 0 {
		problems = append(problems, errors.New("config: Latency, SettleAfter, ActionAfter, LockAfter, LateAfter or ConsentAfter is negative: want a positive duration or 0"))
	}
	for code, rate := range c.Rates {
		if a, err := money.Parse(rate); err != nil || a <= 0 {
			problems = append(problems, fmt.Errorf("config: Rates has %q for %s: want a positive decimal number", rate, code))
		}
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
