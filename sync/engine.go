package sync

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/state/rules"
	"github.com/impactsync/impactsync/sync/catalogue"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/transport"
)

// Feed is a source and what the engine has to know of it.
type Feed struct {
	source.Source
	MaxAge time.Duration // older newest input: warn and exit 3; 0 means never
	Lists  bool          // it holds no events, such as the page load that a conversion belongs to
	Told   *Place        // where what is settled of its lists is kept; nil: in the state

	// Since lists the inputs without those of days that were over before a time; nil: the
	// source has no days. Place then says what is listed, for whether it is still the same.
	Since func(ctx context.Context, since time.Time, reject func(source.Object, int64, string)) iter.Seq2[source.Input, error]
	Place string
	// Fetch begins to fetch an object that is read soon; nil: the source fetches none.
	Fetch func(ctx context.Context, o source.Object)
}

// Config is what an engine works with. State, Client, Mapper and Log are required;
// a zero duration or number means none, unless it says otherwise.
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

	CheckCredentials   bool          // ask the API host once, before the first deliveries of a state
	AppInstall         bool          // ask the tracking host which click an app install came from
	MaxEventAge        time.Duration // older events are counted, not sent
	RequiredCategories []string      // of consent

	Catalogue *catalogue.Catalogue // what Segment says of audiences; nil: it is not asked

	Suppressions    []Suppressions // people whose data must not be used any more; read in each run
	SuppressedFalse bool           // send impact.com a last false for what it may hold as true of them

	Workers         int // concurrent requests; 0 means 16
	Coalesce        bool
	AttributionWait time.Duration
	Rates
	Refunds *Refunds // what is done about orders that are taken back; nil: nothing
	Files   Files    // of conversions
	Verify  float64  // share of ConversionsPerHour for looking up verdicts on conversions, 1 for all that is left; 0 means none
	Unknown map[state.Kind]state.Policy
	Orders  Reconcile
	// Next returns when the schedule starts the next run after a time; nil: there is none.
	Next       func(after time.Time) time.Time
	FirstRetry time.Duration // wait before a failed delivery is tried again; it triples each time, to an hour; 0 means 5 s

	// Point is for tests that kill the process: it is called with "before a
	// request", "after an answer" and "before settling", by workers concurrently; and while a
	// file of conversions is written with "files claimed", "files written", "before a
	// file gets its name" and "after a file got its name".
	Point func(name string)
}

// Options narrow one run.
type Options struct {
	Sources  []string  // read only these; empty means all. Without a source of events no conversion is sent
	Trait    string    // send only this trait's changes
	People   int       // send for at most this many people
	Deadline time.Time // stop in good order then
	Adopt    string    // take what is wanted of this trait as delivered, and send nothing
	Sample   int       // how many deliveries of each kind a plan shows; 0 means 5, a negative number none
	Diff     bool      // a plan shows values before and after, so many of each trait and event
}

// Engine runs passes, one at a time.
type Engine struct {
	Config
	now       func() time.Time
	elsewhere *Elsewhere // of the pass
}

// New checks the configuration. The caller closes what it passes in.
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
	c.Files = c.Files.withDefaults()
	if c.Point == nil {
		c.Point = func(string) {}
	}
	return &Engine{Config: c, now: time.Now, elsewhere: &Elsewhere{}}, nil
}

// pass is one run under way.
type pass struct {
	*Engine
	options     Options
	report      Report
	fresh       []state.NewRoute  // what the configuration sends and the last run did not
	looked      []string          // sources that were to be listed
	failed      map[string]string // why sources could not be read to their end
	unread      []error           // sources that could not be read to their end
	unsteady    map[string]bool   // sources of which an object changed while it was read
	eventsGap   bool              // a source of events is not read, or not to its end: no conversion is sent
	unfinished  string            // why work is left that could be sent later
	interrupted bool
	rehearsal   bool         // nothing lasts
	reads       []ListRead   // of a rehearsal
	kind        string       // as the history names it
	roads       state.ByRoad // at the end
	limits      limits
	folder      *transport.Folder // of files of conversions; nil: not open
	listing     *state.Listing    // of the logs that are to be read
	rules       rules.Table       // of traits
	unwell      map[*Place]error  // that cannot be used
	refusing

	messages        int64 // that were read
	users, visitors frequent
}

// Run makes one pass. The report is complete even when the error is not nil;
// its exit code is in the state's history too. To stop a run, cancel the
// context with [ErrInterrupted] or [ErrTerminated] as its cause.
func (e *Engine) Run(ctx context.Context, o Options) (Report, error) {
	kind := "run"
	if o.Adopt != "" {
		kind = "adopt"
	}
	p, err := e.begin(ctx, kind, o)
	if len(p.fresh) > 0 {
		e.Log.Info("this configuration sends, of what is read from now on, what the last run did not: " + DescribeRoutes(p.fresh))
	}
	if err = Cause(ctx, err); err != nil {
		return Report{ExitCode: ExitCode(err)}, fmt.Errorf("begin the run: %w", err)
	}
	err = p.run(ctx)
	if closed := p.elsewhere.Close(ctx); closed != nil {
		e.Log.Warn("the lease of the table of what impact.com was told could not be given back; it ends by itself", "error", closed)
	}
	return p.finish(ctx, err)
}

// run reads everything before it sends anything.
func (p *pass) run(ctx context.Context) error {
	if err := p.takeIn(ctx); err != nil {
		return err
	}
	if p.options.Adopt != "" {
		return errors.Join(p.adopt(ctx), p.flushTold(ctx))
	}
	err := p.sendDue(ctx)
	if ctx.Err() == nil { // else the next run does
		err = errors.Join(err, p.flushTold(ctx))
	}
	if err != nil {
		return err
	}
	return errors.Join(append(p.unread, p.hostsDown(ctx), p.verify(ctx), p.reconcileIfDue(ctx), p.refund(ctx))...)
}

// sendDue sends what is due, by requests and by files. That files cannot be sent does not
// keep requests back.
func (p *pass) sendDue(ctx context.Context) (err error) {
	if p.limits, err = p.newLimits(ctx); err != nil {
		return err
	}
	before := p.filesBefore(ctx)
	defer func() { err = errors.Join(before, err, p.closeFolder()) }()
	if err := p.deliver(ctx); err != nil {
		return err
	}
	if err := p.sendFiles(ctx); err != nil { // people's page loads are delivered by now
		return err
	}
	if p.unfitForFiles(ctx) {
		return p.deliver(ctx)
	}
	return nil
}

// takeIn is the first half of a pass: everything but sending.
func (p *pass) takeIn(ctx context.Context) (err error) {
	if err := p.refreshRefusals(ctx); err != nil {
		return fmt.Errorf("map what waits again: %w", err)
	}
	p.listing = p.State.NewListing(p.keepEvents())
	defer func() { err = errors.Join(err, p.listing.Close()) }()
	if err := p.openTold(ctx); err != nil {
		return err
	}
	if err := p.askSegment(ctx); err != nil {
		return err
	}
	found, err := p.discover(ctx)
	if err != nil {
		return err
	}
	if err := p.read(ctx, p.withoutRefused(found)); err != nil {
		return err
	}
	if err := p.judgeRefunds(ctx); err != nil {
		return err
	}
	return p.suppress(ctx)
}

// Plan reads the inputs as a run would and sends nothing. The engine's State is
// open for a rehearsal, so that nothing of it lasts.
func (e *Engine) Plan(ctx context.Context, o Options) (PlanReport, error) {
	p, err := e.begin(ctx, "plan", o)
	if err != nil {
		return PlanReport{}, fmt.Errorf("begin the plan: %w", err)
	}
	if err := p.takeIn(ctx); err != nil {
		return PlanReport{}, err
	}
	r, err := p.plan(ctx)
	return r, errors.Join(append(p.unread, err)...)
}

// adopt takes what is wanted of a trait as delivered.
func (p *pass) adopt(ctx context.Context) error {
	if err := errors.Join(p.unread...); err != nil {
		return err
	}
	if why := p.refused[p.options.Adopt]; why != "" {
		return fmt.Errorf("adopt %s: %s", p.options.Adopt, why)
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

// begin begins a run in the history.
func (e *Engine) begin(ctx context.Context, kind string, o Options) (*pass, error) {
	e.elsewhere = &Elsewhere{}
	p := &pass{Engine: e, options: o, failed: map[string]string{}, unsteady: map[string]bool{}, rehearsal: kind == "plan", kind: kind}
	var routes []state.Route // reconciling sends nothing
	if kind != reconcileKind {
		routes = e.routes()
	}
	var err error
	if p.fresh, err = e.State.NewRoutes(ctx, routes); err != nil { // before they are the last run's
		return p, fmt.Errorf("compare what the configuration sends: %w", err)
	}
	nobody := e.Mapper.Placeholders()
	p.report.Run, err = e.State.BeginRun(ctx, state.RunInfo{
		Kind: kind, Version: e.Version, Fingerprint: e.Mapper.Fingerprint(), Unknown: e.Unknown, KeepEvents: e.keepEvents(), Guards: e.Guards, Routes: routes,
		People: state.PeopleRules{Fingerprint: nobody.Fingerprint(), Usable: nobody.Usable, Trusted: nobody.Trusted},
		Feeds:  e.feeds, MaxEventAge: e.MaxEventAge, Next: e.Next,
	})
	p.report.Started = e.now()
	return p, err
}

// chooser is a source that takes only some trait keys.
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

// keepEvents returns how long an event may come again: privacy deletions rewrite
// old objects, whose messages are then read again.
func (e *Engine) keepEvents() time.Duration {
	if e.MaxEventAge <= 0 {
		return 0
	}
	return e.MaxEventAge + 30*24*time.Hour
}
