package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/notify"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
)

func (a *app) notifyCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "notify", Short: "Try the webhooks", Long: "Try what notify: in the configuration names." + exits("done", exitFailLine, exitUsageLine)})
	c.AddCommand(&cobra.Command{
		Use:   "test [NAME...]",
		Short: "Send a test notice to the webhooks",
		Long: `Send a test notice to each webhook under notify.webhooks, or to those named, and a
line of log to notify.ping (URL/log, which changes nothing at healthchecks.io). With
PagerDuty it opens an alert of severity info, to be resolved by hand.

It needs neither the state nor impact.com.` + exits("all were sent", "1   some could not be sent", exitUsageLine),
		Example: "  impactsync notify test\n  impactsync notify test on-call",
		RunE:    func(c *cobra.Command, args []string) error { return a.notifyTest(c.Context(), args) },
	})
	return c
}

// sent is what became of a test notice.
type sent struct {
	Name  string `json:"name"`
	Error string `json:"error,omitempty"`
}

func (a *app) notifyTest(ctx context.Context, names []string) error {
	if several := a.several(); len(several) > 0 { // which have them in common
		a.destination = several[0].name
	}
	c, err := a.load()
	if err != nil {
		return err
	}
	all := c.Notify.Webhooks
	for _, name := range names {
		if !slices.ContainsFunc(all, func(w config.Webhook) bool { return w.Name == name }) {
			return usage("", "there is no webhook %q under notify.webhooks in %s", name, a.config)
		}
	}
	if len(all) == 0 && c.Notify.Ping == "" {
		return usage("docs/notify.md shows how to write one", "%s has neither notify.webhooks nor notify.ping", a.config)
	}
	results := a.tests(ctx, c, names)
	err = a.result(results, nil, func(w io.Writer) {
		for _, r := range results {
			fmt.Fprintf(w, "%s: %s\n", r.Name, orSent(r.Error))
		}
	})
	if slices.ContainsFunc(results, func(r sent) bool { return r.Error != "" }) {
		return &failure{impactsync.ExitFailed, fmt.Errorf("some notices could not be sent"), "look at the address (its file), the proxy, and what the receiver says"}
	}
	return err
}

func orSent(problem string) string {
	if problem == "" {
		return "sent"
	}
	return "not sent: " + problem
}

// tests sends a test notice to the webhooks named, or to all and to the ping.
func (a *app) tests(ctx context.Context, c *config.Config, names []string) []sent {
	ctx, cancel := context.WithTimeout(ctx, mostTelling)
	defer cancel()
	var sending sync.WaitGroup // one that hangs takes no time from the others
	results := make([]sent, 0, len(c.Notify.Webhooks)+1)
	add := func(name string, send func() error) {
		results = append(results, sent{Name: name})
		r := &results[len(results)-1]
		sending.Go(func() {
			if err := send(); err != nil {
				r.Error = err.Error()
			}
		})
	}
	for _, w := range c.Notify.Webhooks {
		if len(names) > 0 && !slices.Contains(names, w.Name) {
			continue
		}
		n := notify.New(notify.Test, notify.Test, destination(c), time.Now(), time.Now())
		n.Summary, n.Hint = "a test: notices will look like this one", "nothing is to be done"
		add(w.Name, func() error { return sender().Send(ctx, webhook(w), dressed(n)) })
	}
	if c.Notify.Ping != "" && len(names) == 0 {
		add("ping", func() error { return sender().Ping(ctx, string(c.Notify.Ping), notify.Log, "", "a test of impactsync") })
	}
	sending.Wait()
	return results
}

func webhook(w config.Webhook) *notify.Webhook {
	return &notify.Webhook{Name: w.Name, Format: w.Format, URL: string(w.URL), Token: string(w.Token)}
}

func sender() *notify.Sender {
	name, _ := build()
	return &notify.Sender{UserAgent: "impactsync/" + name}
}

// pings tells a monitor of one run.
type pings struct {
	run     string // a UUID; "" before it begins
	started sync.WaitGroup
}

// start tells that a run begins, beside it.
func (a *app) pingStart(ctx context.Context, c *config.Config) {
	if c.Notify.Ping == "" || a.turn != nil { // several runs are one to the monitor
		return
	}
	a.pings.run = newUUID()
	a.pings.started.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, mostTelling)
		defer cancel()
		a.unsent("ping", sender().Ping(ctx, string(c.Notify.Ping), notify.Start, a.pings.run, ""))
	})
}

// pingEnd tells how it ended: as a success if the program exits with 0. If another run
// holds the state, that one is the one to watch.
func (a *app) pingEnd(ctx context.Context, e *ending) {
	a.pings.started.Wait()
	run := a.pings.run
	a.pings.run = ""
	if e.config.Notify.Ping == "" || a.turn != nil || e.exit == impactsync.ExitLocked {
		return
	}
	kind := notify.Success
	if e.exit != impactsync.ExitOK {
		kind = notify.Fail
	}
	a.unsent("ping", sender().Ping(ctx, string(e.config.Notify.Ping), kind, run, e.line()))
}

// unsent logs why something was not sent.
func (a *app) unsent(name string, err error) {
	if err != nil {
		a.log.Warn("a notice was not sent; impactsync notify test tries again", "name", name, "error", strings.TrimSpace(err.Error()))
	}
}
