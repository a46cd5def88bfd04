package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	"github.com/impactsync/impactsync/cmd/internal/words"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
)

func (a *app) runCommand() *cobra.Command {
	var n narrow
	var dry bool
	var zero []int
	var summaryFile string
	var again bool
	c := &cobra.Command{
		Use:   "run",
		Short: "One pass: read the sources and send impact.com what changed",
		Long: `Read every source, record what is wanted, and send impact.com what differs from what
it was sent. Nothing is sent before everything is read. Temporary failures are retried,
within this run if its deadline allows, otherwise by the next one.

SIGINT and SIGTERM stop in good order: requests under way are finished and recorded.
A second signal kills; even then nothing is lost.` + exitsOfRun(),
		Example: `  impactsync run
  impactsync run --deadline 30m --exit-zero-on 4
  impactsync run --audience vip --limit 10      ten people first`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkZero(zero); err != nil {
				return err
			}
			if dry {
				return a.plan(c.Context(), n, shown{sample: 5})
			}
			ctx, stop := withSignals(c.Context())
			defer stop()
			a.writeSummary(summaryFile, unfinished)
			report, err := a.run(ctx, n)
			a.writeSummary(summaryFile, a.summarize(report, outcome(report, err)))
			if report.Run != 0 {
				err = errors.Join(err, a.result(report, nil, func(w io.Writer) { writeReport(w, report) }))
			}
			err = outcome(report, err)
			final := err
			if !again || !errors.Is(context.Cause(ctx), impactsync.ErrTerminated) {
				final = forgiven(err, zero)
			}
			a.tell(ctx, nil, &ending{report: report, err: err, exit: impactsync.ExitCode(final), narrowed: n.narrows()})
			return final
		},
	}
	n.flags(c)
	c.Flags().DurationVar(&n.deadline, "deadline", 0, "stop in good order after this long, such as 30m")
	c.Flags().BoolVar(&dry, "dry-run", false, "show what would be sent and change nothing, as impactsync plan does")
	c.Flags().StringVar(&n.report, "report", "", "write the page that impactsync report makes to this `file` afterwards")
	c.Flags().StringVar(&summaryFile, "summary-file", "", "write one line of JSON to this `file`: how the run ended, counts, and what is still due (Kubernetes: /dev/termination-log)")
	c.Flags().IntSliceVar(&zero, "exit-zero-on", nil, "exit 0 instead of these codes; only 3, 4 and 5 are allowed")
	c.Flags().BoolVar(&again, "sigterm-fails", false, "after SIGTERM keep the exit code in spite of --exit-zero-on, so that what stopped the run starts it again (Kubernetes: a drained node)")
	return c
}

// run reads the configuration and makes one pass.
func (a *app) run(ctx context.Context, n narrow) (report impactsync.Report, err error) {
	name, _ := build()
	a.phases.Trace = telemetry.StartTrace(ctx, name, a.log)
	defer func() { a.phases.Trace.End(report, impactsync.ExitCode(outcome(report, err))) }() //nolint:contextcheck // it is sent even if the run was cancelled
	c, err := a.load()
	if err != nil {
		return report, err
	}
	o, err := n.options(c)
	if err != nil {
		return report, err
	}
	if a.turn != nil && n.deadline > 0 {
		o.Deadline = time.Now().Add(a.turn.slice(n.deadline))
	}
	report, err = a.pass(ctx, c, o)
	a.afterRun(ctx, c, n.report)
	return report, err
}

// point is nil except in tests, which kill the process at the points that it names.
var point func(name string)

// pass runs the engine on the state while it holds the lock.
func (a *app) pass(ctx context.Context, c *config.Config, o impactsync.Options) (report impactsync.Report, err error) {
	options := state.Options{Create: true, Binding: binding(c), HashKey: []byte(c.Privacy.HashKey), Point: point}
	err = a.withEngine(ctx, c, o.Trait,
		func(fn func(*state.DB) error) error {
			return a.holding(c, func() error {
				return a.opened(ctx, c, options, func(db *state.DB) error { return errors.Join(fn(db), a.sweep(ctx, c, db)) })
			})
		},
		func(e *impactsync.Engine) (err error) {
			if o.Adopt == "" {
				a.pingStart(ctx, c)
			}
			report, err = e.Run(ctx, o)
			return err
		})
	return report, err
}

// narrow holds the flags that limit a run.
type narrow struct {
	sources  []string
	audience string
	limit    int
	deadline time.Duration
	report   string // where the page goes
}

func (n *narrow) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringSliceVar(&n.sources, "source", nil, "read only this source (repeatable); while a source of messages is left out, conversions wait")
	f.StringVar(&n.audience, "audience", "", "send only this trait `key`'s changes")
	f.IntVar(&n.limit, "limit", 0, "send for at most this many people: a canary")
}

// narrows reports whether a run does not do everything that there is to do.
func (n *narrow) narrows() bool { return len(n.sources) > 0 || n.audience != "" || n.limit > 0 }

// options returns the flags as options of a run, checked against the configuration.
func (n *narrow) options(c *config.Config) (impactsync.Options, error) {
	o := impactsync.Options{Sources: n.sources, Trait: n.audience, People: n.limit}
	if n.limit < 0 || n.deadline < 0 {
		return o, usage("", "--limit and --deadline must not be negative")
	}
	var names []string
	for _, s := range c.Sources {
		names = append(names, s.Name)
	}
	for _, s := range n.sources {
		if !slices.Contains(names, s) {
			return o, usage("", "--source %q: the configuration has %s", s, strings.Join(names, ", "))
		}
	}
	if n.deadline > 0 {
		o.Deadline = time.Now().Add(n.deadline)
	}
	return o, nil
}

// checkZero refuses codes of failures: they cannot count as a success.
func checkZero(codes []int) error {
	for _, code := range codes {
		if code != impactsync.ExitRefused && code != impactsync.ExitUnfinished && code != impactsync.ExitHeld {
			return usage("", "--exit-zero-on %d: only 3, 4 and 5 can count as a success", code)
		}
	}
	return nil
}

// forgiven turns an outcome into a success if --exit-zero-on says so. It is still
// reported.
func forgiven(err error, zero []int) error {
	if code := impactsync.ExitCode(err); err != nil && slices.Contains(zero, code) {
		return &failure{err: err, hint: hintFor(err)}
	}
	return err
}

// outcome returns the error of a run: err, or what the report's exit code says.
func outcome(r impactsync.Report, err error) error {
	switch {
	case r.Run == 0 || r.ExitCode == impactsync.ExitOK && err == nil:
		return err
	case err != nil:
		return &failure{impactsync.FirstExit(r.ExitCode, impactsync.ExitCode(err)), err, hintFor(err)}
	}
	return &failure{r.ExitCode, errors.New(r.Note), map[int]string{
		impactsync.ExitRefused:     whatShows(r),
		impactsync.ExitUnfinished:  "nothing is lost; the next run continues from here",
		impactsync.ExitHeld:        "impactsync status shows which, why, and what releases them: fix the input, impactsync approve, or delivery.unknown",
		impactsync.ExitInterrupted: "nothing is lost; the next run continues from here",
	}[r.ExitCode]}
}

// whatShows names the commands that show what was refused or rejected in this run, or
// is stale.
func whatShows(r impactsync.Report) string {
	var all []string
	for _, c := range []struct {
		n    int64
		text string
	}{
		{r.Counts["refused"], "impactsync refused list shows what was refused, and why"},
		{r.Counts["rejected"], "impactsync rejected list shows what was rejected, where and why"},
		{int64(len(r.Stale)), "impactsync status shows how old the newest input of each source is"},
	} {
		if c.n > 0 {
			all = append(all, c.text)
		}
	}
	return strings.Join(all, "; ")
}

func writeReport(w io.Writer, r impactsync.Report) {
	n := r.Counts
	if r.Adopted > 0 || n["adopted"] > 0 {
		fmt.Fprintf(w, "run %d: %s adopted as delivered, nothing sent (%s)\n", r.Run, count(r.Adopted, "value"), took(r.Seconds))
		return
	}
	c := humanize.Comma
	fmt.Fprintf(w, "run %d: %s found, %s delivered, %s refused, %s rejected, %s held, %s still due (%s)\n",
		r.Run, count(n["found"], "change"), c(n["delivered"]), c(n["refused"]), c(n["rejected"]), c(r.Held()), c(r.Open()), took(r.Seconds))
	for _, line := range asides(r) {
		fmt.Fprintln(w, " ", line)
	}
}

// asides returns a line for each counter that matters and is not zero.
func asides(r impactsync.Report) (lines []string) {
	n := r.Counts
	add := func(name string) {
		if n[name] > 0 {
			lines = append(lines, words.Counters[name]+": "+humanize.Comma(n[name]))
		}
	}
	add("unknown")
	if again := r.Traits.Unknown + r.PageLoads.Unknown + r.Conversions.Unknown; again > 0 {
		lines = append(lines, "unknown in all, because no clear answer came: "+humanize.Comma(again))
	}
	add("recovered")
	if waits := r.Traits.Refused + r.PageLoads.Refused + r.Conversions.Refused; waits > 0 {
		lines = append(lines, "refused in all: "+humanize.Comma(waits))
	}
	if r.HeldSuppressions > 0 {
		lines = append(lines, "suppressions held, nothing is sent about these people meanwhile: "+humanize.Comma(r.HeldSuppressions))
	}
	add("refunds_told")
	add("refunds_done")
	if line := refundLine(r.Refunds); line != "" {
		lines = append(lines, line)
	}
	add("looked_up")
	add("verdict_fault")
	add("install_not_asked")
	add("too_old")
	add("time_corrected")
	add("time_received_at")
	add("time_sent_at")
	add("time_file")
	add("duplicate_message")
	add("duplicate_refund")
	add("duplicate_order")
	add("late")
	add("stale_list")
	add("nobody_removed")
	add("crowds")
	add("kept_out")
	add("people_forgotten")
	add("no_consent")
	add("integrations")
	add("before_start")
	add("trait_not_included")
	add("unusable_value")
	add("cleared")
	add("released")
	add("dropped")
	add("unsteady_object")
	if n["not_sent"] > 0 {
		lines = append(lines, fmt.Sprintf("messages that are not sent: %s (%s)", humanize.Comma(n["not_sent"]), reasons(n)))
	}
	for _, one := range r.RefusedAudiences {
		lines = append(lines, fmt.Sprintf("%s not applied: %s%s", one.Key, plain(one.Why), waiting(one.Held)))
	}
	for _, s := range r.Stale {
		name := fmt.Sprintf("source %q: ", s.Source)
		lines = append(lines, name+strings.TrimPrefix(plain(s.Why), name))
	}
	for _, key := range r.Missing {
		lines = append(lines, fmt.Sprintf("no file for the list of %s", key))
	}
	return lines
}

// waiting says how many changes of an audience are held because of what Segment says.
func waiting(n int64) string {
	if n == 0 {
		return ""
	}
	return "; " + count(n, "change") + " held"
}

// reasons says why messages were not sent, most frequent first.
func reasons(counts map[string]int64) string {
	var names []string
	for name := range counts {
		if strings.HasPrefix(name, "not_sent_") {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(x, y string) int {
		return cmp.Or(cmp.Compare(counts[y], counts[x]), cmp.Compare(x, y))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", counts[name], strings.ReplaceAll(strings.TrimPrefix(name, "not_sent_"), "_", " "))
	}
	return strings.Join(names, ", ")
}
