package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
)

// Of several destinations each has its turn: the command is done by an app of its own, as
// if that destination were the only one.

// goesOver are the commands that go over all destinations if none is named. All others
// want a name, or see to it themselves.
var goesOver = map[string]way{
	"impactsync run": {}, "impactsync plan": {whole: true}, "impactsync reconcile": {whole: true}, "impactsync config check": {whole: true},
	"impactsync status": {}, "impactsync doctor": {}, "impactsync audiences": {}, "impactsync audit": {}, "impactsync refused list": {}, "impactsync rejected list": {}, "impactsync file list": {},
	"impactsync state check": {}, "impactsync state migrate": {}, "impactsync state compact": {},
	"impactsync explain": {anywhere: true}, "impactsync forget": {anywhere: true},
}

// way is how a command goes over destinations.
type way struct {
	whole    bool // a problem of the configuration is said once; run tells webhooks of it
	anywhere bool // what is found at one need not be at the others
}

// turn is what comes of a destination's turn.
type turn struct {
	name    string
	config  *config.Config
	out     bytes.Buffer // what it printed
	err     error
	summary summary            // of a run
	metrics *telemetry.Metrics // after a run
	began   time.Time          // when the first of the command's turns began
	left    int                // turns of the account, from this one on
}

// slice returns how much of a deadline of the whole command this turn has: an equal
// share of what is left.
func (t *turn) slice(most time.Duration) time.Duration {
	if t == nil {
		return most
	}
	return max(most-time.Since(t.began), time.Second) / time.Duration(max(t.left, 1))
}

// overAll makes the commands of goesOver do so.
func (a *app) overAll(c *cobra.Command) {
	if _, ok := goesOver[c.CommandPath()]; ok {
		own := c.RunE
		c.RunE = func(c *cobra.Command, args []string) error {
			all := a.several()
			if len(all) == 0 {
				return own(c, args)
			}
			return a.goOver(c, all)
		}
	}
	for _, sub := range c.Commands() {
		a.overAll(sub)
	}
}

// several returns the turns of the destinations if there are several and none is named.
func (a *app) several() (all []*turn) {
	if a.destination != "" {
		return nil
	}
	c, err := config.Look(a.config, os.LookupEnv)
	if err != nil {
		return nil // which the command will say
	}
	for _, one := range c.Each {
		all = append(all, &turn{name: one.Name, config: one})
	}
	return all
}

// goOver does a command for each destination.
func (a *app) goOver(c *cobra.Command, all []*turn) error {
	flag := func(name string) string {
		if f := c.Flags().Lookup(name); f != nil {
			return f.Value.String()
		}
		return ""
	}
	if csv := flag("csv"); csv != "" {
		return usage("", "--csv %s: name one destination with --destination, since all of them would write it", csv)
	}
	if every, err := c.Flags().GetDuration("every"); err == nil && flag("watch") == "true" {
		return a.again(c.Context(), watching{true, every}, func(ctx context.Context) error {
			a.inOrder(ctx, all)
			if err := ctx.Err(); err != nil {
				return err
			}
			return a.print(c, all)
		})
	}
	if goesOver[c.CommandPath()].whole {
		if _, err := config.Load(a.config, os.LookupEnv); err != nil {
			return badConfig(err) // once, not by each destination
		}
	}
	ctx, stop := withSignals(c.Context())
	defer stop()
	switch {
	case c.CommandPath() == "impactsync run" && flag("dry-run") != "true":
		return a.runAll(ctx, c, all, flag("report"), flag("summary-file"))
	case c.CommandPath() == "impactsync reconcile":
		a.turns(ctx, all, (*app).same)
	default:
		a.inOrder(ctx, all)
	}
	return a.print(c, all)
}

// inOrder does the command for one destination after the other.
func (a *app) inOrder(ctx context.Context, all []*turn) {
	for _, t := range all {
		a.take(ctx, t, (*app).same)
	}
}

// take has do done for one destination, unless the command was interrupted.
func (a *app) take(ctx context.Context, t *turn, do func(*app, context.Context) error) {
	t.out.Reset()
	if t.err = context.Cause(ctx); t.err == nil {
		t.err = do(a.of(t), ctx)
	}
}

// of returns the app of a destination's turn.
func (a *app) of(t *turn) *app {
	own := &app{
		stdin: a.stdin, outFile: &t.out, stdout: a.screen.Writer(&t.out), stderr: a.stderr, screen: a.screen, errScreen: a.errScreen,
		speech: a.speech, config: a.config, json: a.json, network: a.network, named: a.named, next: a.next, metricsFile: a.metricsFile,
		args: a.args, destination: t.name, turn: t,
	}
	own.log = own.logger(own.stderr)
	return own
}

// same does what the command line says.
func (a *app) same(ctx context.Context) error {
	root := a.command() //nolint:contextcheck // cobra hands the context on
	root.SetArgs(a.args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	return root.ExecuteContext(ctx)
}

// mostAccounts is how many accounts are worked on at a time.
const mostAccounts = 4

// turns has do done for each destination: of one account for one after the other, since
// they share its quota, and beside those of other accounts. One that fails does not stop
// the others.
func (a *app) turns(ctx context.Context, all []*turn, do func(*app, context.Context) error) {
	began := time.Now()
	var working sync.WaitGroup
	free := make(chan struct{}, mostAccounts)
	for _, account := range accounts(ctx, all) {
		working.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			for i, t := range account {
				t.began, t.left = began, len(account)-i
				a.take(ctx, t, do)
			}
		})
	}
	working.Wait()
}

// accounts returns the turns by account. In an account, who sent the least of late comes
// first, so that a long queue of one does not use up the quota of the others.
func accounts(ctx context.Context, all []*turn) (groups [][]*turn) {
	sent := map[*turn]int64{}
	for _, t := range all {
		sent[t] = sentLastDay(ctx, t.config.State.Path)
		i := slices.IndexFunc(groups, func(g []*turn) bool { return slices.Contains(g[0].config.Neighbours, t.config.State.Path) })
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], t)
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(x, y *turn) int { return cmp.Compare(sent[x], sent[y]) })
	}
	return groups
}

// sentLastDay returns how many requests a destination sent to the API host. One whose
// state cannot be read comes first, and will say so.
func sentLastDay(ctx context.Context, path string) int64 {
	db, err := state.Open(ctx, state.Options{Path: path, ReadOnly: true, AsIs: true, Older: true})
	if err != nil {
		return 0
	}
	defer db.Close()
	n, _ := db.SentLastDay(ctx, state.HostAPI)
	return n
}

// part is what became of a destination, for JSON.
type part struct {
	Destination string          `json:"destination"`
	ExitCode    int             `json:"exit_code"`
	Result      json.RawMessage `json:"result,omitempty"`
	Error       string          `json:"error,omitempty"`
	Hint        string          `json:"hint,omitempty"`
}

// print prints what came of all turns, and returns an error with the exit code that counts.
func (a *app) print(c *cobra.Command, all []*turn) error {
	if goesOver[c.CommandPath()].anywhere {
		all = found(all)
	}
	var err error
	if a.json {
		err = a.printJSON(all)
	} else {
		err = a.printText(all)
	}
	codes := []int{impactsync.ExitCode(err)}
	for _, t := range all {
		codes = append(codes, a.of(t).fail(t.err))
	}
	if code := impactsync.FirstExit(codes...); code != impactsync.ExitOK {
		return &said{code, err}
	}
	return err
}

// found leaves out the destinations that do not know what was asked for, if another does.
func found(all []*turn) []*turn {
	unknown := func(t *turn) bool { return errors.Is(t.err, state.ErrNotFound) }
	known := slices.DeleteFunc(slices.Clone(all), unknown)
	if slices.ContainsFunc(known, func(t *turn) bool { return t.err == nil }) {
		return known
	}
	return all
}

func (a *app) printJSON(all []*turn) error {
	parts := make([]part, len(all))
	for i, t := range all {
		parts[i] = part{Destination: t.name, ExitCode: impactsync.ExitCode(t.err)}
		if t.out.Len() > 0 {
			parts[i].Result = t.out.Bytes()
		}
		if t.err != nil {
			parts[i].Error, parts[i].Hint = t.err.Error(), a.of(t).here(hintFor(t.err))
		}
	}
	return a.result(map[string]any{"destinations": parts}, nil, nil)
}

// printText prints each destination's output under its name.
func (a *app) printText(all []*turn) error {
	var text bytes.Buffer
	for _, t := range all {
		if t.out.Len() > 0 && text.Len() > 0 {
			text.WriteByte('\n')
		}
		if t.out.Len() > 0 {
			fmt.Fprintf(&text, "%s:\n%s", t.name, t.out.Bytes())
		}
	}
	return a.write(text.Bytes())
}

// said is an error that was printed, but for what could not be.
type said struct {
	code int
	err  error
}

func (s *said) Error() string { return fmt.Sprintf("the destinations' exit code is %d", s.code) }
func (s *said) Unwrap() error { return s.err }
func (s *said) ExitCode() int { return s.code }

// runAll makes a run of each destination, and tells of all of them together.
func (a *app) runAll(ctx context.Context, c *cobra.Command, all []*turn, report, summaryFile string) error {
	a.writeSummary(summaryFile, unfinished)
	shared := all[0].config
	a.pingStart(ctx, shared)
	a.turns(ctx, all, (*app).same)
	err := a.print(c, all)
	a.writeSummary(summaryFile, summaries(all))
	a.afterAll(ctx, all, report)
	a.tellAll(ctx, all, impactsync.ExitCode(err))
	return err
}

// tellAll writes the metrics of all, and tells the monitor how they ended.
func (a *app) tellAll(ctx context.Context, all []*turn, exit int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mostTelling)
	defer cancel()
	shared := all[0].config
	if file := cmp.Or(a.metricsFile, shared.Metrics.File); file != "" {
		var metrics []*telemetry.Metrics
		for _, t := range all {
			if t.metrics != nil {
				metrics = append(metrics, t.metrics)
			}
		}
		if err := telemetry.WriteFile(file, metrics...); err != nil {
			a.log.Warn("the metrics were not written", "error", ofFile(file, err))
		}
	}
	a.pingEnd(ctx, &ending{config: shared, exit: exit, err: &said{code: exit}})
}

// summaries is the line of JSON of several runs: the sums, and each one's.
func summaries(all []*turn) string {
	sum := manySummaries{Each: map[string]summary{}}
	var codes []int
	for _, t := range all {
		s := t.summary
		codes = append(codes, s.ExitCode)
		sum.Found += s.Found
		sum.Delivered += s.Delivered
		sum.Refused += s.Refused
		sum.Rejected += s.Rejected
		sum.Held += s.Held
		s.Note, s.Hint = shortened(s.Note, 2000/len(all)), ""
		sum.Each[t.name] = s
	}
	sum.ExitCode = impactsync.FirstExit(codes...)
	return jsonLine(sum)
}

// manySummaries is the summary of several runs.
type manySummaries struct {
	summary
	Each map[string]summary `json:"destinations"`
}
