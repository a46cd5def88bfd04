package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/terminal"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
)

func (a *app) planCommand() *cobra.Command {
	var n narrow
	show := shown{sample: 5}
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show what run would send, and change nothing",
		Long: `Read the sources as run would and show what it would send: per trait who joins and
leaves, per host how many calls and how long they take, a sample, and the event
names and trait keys that the configuration does not mention. The flags limit it as
they limit a run; with --limit it picks the people that a run would pick if nothing
new arrives in between. With --diff it shows, of each trait and event, what impact.com
has and what it would be sent.

Nothing is sent and nothing is changed: the work is done in one transaction on the
state that is rolled back at the end. No run may begin meanwhile.` +
			exits("shown", exitFailLine, exitLockLine, exitStateLine, exitUsageLine, "130 interrupted by SIGINT"),
		Example: `  impactsync plan
  impactsync plan --audience vip --limit 10      the ten people that a run would pick
  impactsync plan --diff --sample 20             20 of each trait and event, before and after
  impactsync plan --json | jq .tracking_calls`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.plan(c.Context(), n, show) },
	}
	n.flags(c)
	c.Flags().IntVar(&show.sample, "sample", show.sample, "how many deliveries of each kind to show; with --diff, of each trait and event")
	c.Flags().BoolVar(&show.diff, "diff", false, "show what would change: values before and after")
	return c
}

// shown is what a plan shows beside its numbers.
type shown struct {
	sample int
	diff   bool
}

func (a *app) plan(ctx context.Context, n narrow, show shown) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	o, err := n.options(c)
	if err != nil {
		return err
	}
	if show.sample < 0 {
		return usage("", "--sample must not be negative")
	}
	if o.Sample, o.Diff = show.sample, show.diff; o.Sample == 0 {
		o.Sample = -1 // 0 means the default
	}
	ctx, stop := withSignals(ctx)
	defer stop()
	var report impactsync.PlanReport
	err = a.withEngine(ctx, c, o.Trait,
		func(fn func(*state.DB) error) error { return a.rehearse(ctx, c, fn) },
		func(e *impactsync.Engine) (err error) {
			report, err = e.Plan(ctx, o)
			return err
		})
	if err != nil && len(report.Counts) == 0 {
		return err
	}
	return errors.Join(err, a.result(report, nil, func(w io.Writer) { writePlan(w, report) }))
}

// rehearse runs fn on the state, or on an empty one if there is none. Nothing that
// fn does lasts.
func (a *app) rehearse(ctx context.Context, c *config.Config, fn func(*state.DB) error) error {
	rehearsal := func(path string) error {
		db, err := a.open(ctx, state.Options{Path: path, Neighbours: c.Neighbours, Rehearsal: true, Binding: binding(c), HashKey: []byte(c.Privacy.HashKey)})
		if err != nil {
			return err
		}
		return errors.Join(fn(db), db.Close())
	}
	if _, err := os.Stat(c.State.Path); !errors.Is(err, fs.ErrNotExist) {
		return a.holding(c, func() error { return rehearsal(c.State.Path) })
	}
	return a.withEmpty(ctx, c, rehearsal)
}

// withEmpty calls fn with an empty state, which is removed then.
func (a *app) withEmpty(ctx context.Context, c *config.Config, fn func(path string) error) error {
	dir, err := os.MkdirTemp("", "impactsync-plan-")
	if err != nil {
		return fmt.Errorf("make an empty state (TMPDIR says where): %w", err)
	}
	path := filepath.Join(dir, "state.db")
	empty, err := state.Open(ctx, state.Options{Path: path, Create: true, Binding: binding(c)})
	if err == nil {
		err = errors.Join(empty.Close(), fn(path))
	}
	return errors.Join(err, os.RemoveAll(dir))
}

func writePlan(w io.Writer, r impactsync.PlanReport) {
	if len(r.Traits) > 0 {
		table(w, func(w io.Writer) {
			head(w, "TRAIT", "JOINS OR VALUES", "EXITS", "UNCHANGED", "HELD", "REFUSED", "")
			for _, t := range r.Traits {
				row(w, t.Key, t.Joins, t.Exits, t.Unchanged, t.Held, t.Refused, t.Guard)
			}
		})
		fmt.Fprintln(w)
	}
	table(w, func(w io.Writer) {
		head(w, "HOST", "CALLS", "TAKES AT LEAST", "")
		row(w, "tracking", r.TrackingCalls, took(r.Seconds.TrackingHost), trackingCalls(r))
		row(w, "api", r.APICalls, took(r.Seconds.APIHost), count(r.APICalls, "conversion"))
		if r.FileOrders > 0 {
			row(w, "files", "-", "-", count(r.FileOrders, "conversion")+" in files")
		}
	})
	for _, read := range r.Reads {
		fmt.Fprintf(w, "  reading %s of source %s takes the database: %s\n", read.Trait, read.Source, read.Takes)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Refusals)) {
		fmt.Fprintf(w, "  %s would be refused by our own rules: %s\n", count(r.Refusals[reason], "delivery"), reason)
	}
	if r.Waiting > 0 {
		fmt.Fprintf(w, "  %s would wait for a run that reads all sources of messages\n", count(r.Waiting, "conversion"))
	}
	if len(r.NewlySent) > 0 {
		fmt.Fprintln(w, "\nNewly sent by this configuration, of messages that are read from now on:")
		for i := range r.NewlySent {
			fmt.Fprintln(w, "  "+plain(impactsync.DescribeRoutes(r.NewlySent[i:i+1])))
		}
	}
	writeDiff(w, r)
	if len(r.Sample.Rows) > 0 && len(r.Diff) == 0 {
		fmt.Fprintln(w, "\nA sample of what would be sent:")
		writeTable(w, r.Sample)
	}
	writeRefunds(w, r.Refunds, r.RefundSamples)
	writeHeld(w, r.Held)
	writeUnlisted(w, r.Unlisted)
	for _, line := range asides(impactsync.Report{Counts: r.Counts, Stale: r.Stale, Missing: r.Missing, RefusedAudiences: r.RefusedAudiences}) {
		fmt.Fprintln(w, line)
	}
	if n := r.Counts["rejected"]; n > 0 {
		fmt.Fprintf(w, "%s of the input cannot be used; a run keeps them under impactsync rejected list\n", count(n, "line"))
	}
	fmt.Fprintln(w, "\nNothing was sent, and nothing was changed.")
}

// writeDiff writes what would change, of each trait and event.
func writeDiff(w io.Writer, r impactsync.PlanReport) {
	for len(r.Diff) > 0 {
		first := r.Diff[0]
		n := slices.IndexFunc(r.Diff, func(c state.Difference) bool { return c.Kind != first.Kind || c.Name != first.Name })
		if n < 0 {
			n = len(r.Diff)
		}
		title := "\n" + plain(first.Name) + ":"
		if first.Kind != state.TraitUpdate {
			title = fmt.Sprintf("\n%s (%s):", plain(first.Name), strings.ReplaceAll(string(first.Kind), "_", " "))
		}
		list(w, title, []any{"", "USER ID", "ANONYMOUS ID", "CHANGE"}, r.Diff[:n], changeCells)
		r.Diff = r.Diff[n:]
	}
}

func changeCells(c state.Difference) []any {
	sign, tint, after := "~", terminal.Warn, c.After
	switch {
	case c.Before == nil:
		sign, tint = "+", terminal.Good
	case c.After == "false":
		sign, tint = "-", terminal.Bad
	}
	if c.Kind != state.TraitUpdate {
		after = strings.TrimSpace("sent " + c.After)
	}
	change := valueText(c.Before) + " -> " + after
	if c.Doubt {
		change += ", in doubt"
	}
	return []any{tinted{sign, tint}, orDash(c.UserID), orDash(c.AnonymousID), tinted{change, tint}}
}

func trackingCalls(r impactsync.PlanReport) string {
	text := fmt.Sprintf("%s, %s of events", count(r.TrackingCalls-r.PageLoads-r.InstallCalls, "trait update"), count(r.PageLoads, "page load"))
	if r.InstallCalls > 0 {
		text += fmt.Sprintf(", %s for the click of an app install", count(r.InstallCalls, "question"))
	}
	return text
}

func writeUnlisted(w io.Writer, all []state.UnlistedStatus) {
	const title = "\nSeen, but not in the configuration (events: actionEventNames and its like; traits: traits.include):"
	list(w, title, nil, all, func(u state.UnlistedStatus) []any { return []any{"  " + u.Kind, u.Name, u.Count} })
}
