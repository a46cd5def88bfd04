package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/state/rules"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/source"
)

// Feed is a source and what the engine has to know of it.
type Feed struct {
	source.Source
	MaxAge time.Duration // older newest input: warn and exit 3; 0 means never
	Lists  bool          // it holds no events, such as the page load that a conversion belongs to
}

// Config wires an engine. State, Client, Mapper and Log are required; a zero
// duration or number means none, unless it says otherwise.
type Config struct {
	State  *state.DB
	Client *impactapi.Client
	Mapper *mapping.Mapper
	Feeds  []Feed
	Log    *slog.Logger
	// Progress watches the phases. The zero value watches nothing.
	Progress Progress
	Version  string

	// Guards are the limits of the guard, and the rules of traits as far as they
	// are known before the inputs are listed.
	Guards state.Guards

	AppInstall         bool          // ask the tracking host which click an app install came from
	MaxEventAge        time.Duration // older events are counted, not sent
	RequiredCategories []string      // of consent

	Suppressions    []Suppressions // who must not be used any more; read in each run
	SuppressedFalse bool           // tell impact.com a last false of what it may hold as true of them

	Workers            int // requests at a time; 0 means 16
	Coalesce           bool
	AttributionWait    time.Duration
	PageLoadsPerSecond float64
	ConversionsPerHour int
	Verify             float64 // share of that which verdicts on conversions may be looked up with, 1 for all that is left; 0 means none
	Unknown            map[state.Kind]state.Policy
	FirstRetry         time.Duration // wait before a failed delivery is tried again; it triples each time, to an hour; 0 means 5 s

	// Point is for tests that kill the process: it is told "before a request",
	// "after an answer" and "before settling". Workers call it concurrently.
	Point func(name string)
}

// Options narrow one run.
type Options struct {
	Sources  []string  // read only these; empty means all. Without a source of events no conversion is sent
	Trait    string    // send only this trait's changes
	People   int       // send for at most so many people
	Deadline time.Time // stop in good order then
	Adopt    string    // take what is wanted of this trait as delivered, and send nothing
}

// Engine runs passes, one at a time.
type Engine struct {
	Config
	now func() time.Time
}

// New checks the wiring. The caller keeps what it passes in and closes it.
func New(c Config) (*Engine, error) {
	if c.State == nil || c.Client == nil || c.Mapper == nil || c.Log == nil {
		return nil, errors.New("engine: State, Client, Mapper and Log are required")
	}
	if c.Workers <= 0 {
		c.Workers = 16
	}
	if c.FirstRetry <= 0 {
		c.FirstRetry = 5 * time.Second
	}
	if c.Point == nil {
		c.Point = func(string) {}
	}
	return &Engine{Config: c, now: time.Now}, nil
}

// Run makes one pass. The report is complete even when the error is not nil;
// its exit code is in the state's history too. To stop a run, cancel the
// context with [ErrInterrupted] or [ErrTerminated] as its cause.
func (e *Engine) Run(ctx context.Context, o Options) (Report, error) {
	kind := "run"
	if o.Adopt != "" {
		kind = "adopt"
	}
	run, err := int64(0), e.tellNewRoutes(ctx) // before they are the last run's
	if err == nil {
		run, err = e.begin(ctx, kind)
	}
	if err = Cause(ctx, err); err != nil {
		return Report{ExitCode: ExitCode(err)}, fmt.Errorf("begin the run: %w", err)
	}
	p := &pass{Engine: e, options: o, report: Report{Run: run, Started: e.now()}}
	err = p.run(ctx)
	return p.finish(ctx, err)
}

func (e *Engine) begin(ctx context.Context, kind string) (int64, error) {
	nobody := e.Mapper.Placeholders()
	return e.State.BeginRun(ctx, state.RunInfo{
		Kind: kind, Version: e.Version, Fingerprint: e.Mapper.Fingerprint(), Unknown: e.Unknown, KeepEvents: e.keepEvents(), Guards: e.Guards, Routes: e.routes(),
		People: state.PeopleRules{Fingerprint: nobody.Fingerprint(), Usable: nobody.Usable, Trusted: nobody.Trusted},
		Feeds:  e.feeds, MaxEventAge: e.MaxEventAge,
	})
}

// chooser is a source that takes some trait keys only.
type chooser interface {
	Includes(key string) bool
}

// feeds reports whether a source feeds a trait.
func (e *Engine) feeds(name, key string) bool {
	for _, f := range e.Feeds {
		if f.Name() == name {
			c, chooses := f.Source.(chooser)
			return !chooses || c.Includes(key)
		}
	}
	return false
}

// keepEvents is how long an event may come again: privacy deletions rewrite
// old objects and present their messages anew.
func (e *Engine) keepEvents() time.Duration {
	if e.MaxEventAge <= 0 {
		return 0
	}
	return e.MaxEventAge + 30*24*time.Hour
}

// pass is one run under way.
type pass struct {
	*Engine
	options     Options
	report      Report
	unread      []error // sources that could not be read to their end
	eventsGap   bool    // a source of events is not read, or not to its end: no conversion is sent
	unfinished  string  // why work is left that could be sent later
	interrupted bool
	limits      limits
	listing     *state.Listing // of the logs that are to be read
	rules       rules.Table    // of traits

	messages        int64 // that were read
	users, visitors frequent
}

func (p *pass) run(ctx context.Context) (err error) {
	if err := p.takeIn(ctx); err != nil {
		return err
	}
	if err := p.suppress(ctx); err != nil {
		return err
	}
	if p.options.Adopt != "" {
		return p.adopt(ctx)
	}
	if p.limits, err = p.newLimits(ctx); err != nil {
		return err
	}
	if err := p.deliver(ctx); err != nil {
		return err
	}
	return errors.Join(append(p.unread, p.hostsDown(ctx), p.verify(ctx))...)
}

func (p *pass) takeIn(ctx context.Context) (err error) {
	if err := p.refreshRefusals(ctx); err != nil {
		return fmt.Errorf("map anew what waits: %w", err)
	}
	p.listing = p.State.NewListing(p.keepEvents())
	defer func() { err = errors.Join(err, p.listing.Close()) }()
	found, err := p.discover(ctx)
	if err != nil {
		return err
	}
	return p.read(ctx, found)
}

func (p *pass) adopt(ctx context.Context) error {
	if err := errors.Join(p.unread...); err != nil {
		return err
	}
	n, err := p.State.Adopt(ctx, p.options.Adopt)
	if errors.Is(err, state.ErrNotFound) {
		err = fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err != nil {
		return fmt.Errorf("adopt %s: %w", p.options.Adopt, err)
	}
	p.report.Adopted = n
	return nil
}

// Plan reads the inputs as a run would and sends nothing. The engine's State is
// open for a rehearsal, so that nothing of it lasts.
func (e *Engine) Plan(ctx context.Context, o Options) (PlanReport, error) {
	fresh, err := e.newRoutes(ctx)
	if err != nil {
		return PlanReport{}, err
	}
	run, err := e.begin(ctx, "plan")
	if err != nil {
		return PlanReport{}, fmt.Errorf("begin the plan: %w", err)
	}
	p := &pass{Engine: e, options: o, report: Report{Run: run, Started: e.now()}}
	if err := p.takeIn(ctx); err != nil {
		return PlanReport{}, err
	}
	if err := p.suppress(ctx); err != nil {
		return PlanReport{}, err
	}
	r, err := p.plan(ctx)
	r.NewlySent = fresh
	return r, errors.Join(append(p.unread, err)...)
}
