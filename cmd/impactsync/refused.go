package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
)

// choice are the flags that choose among refused or rejected things.
type choice struct {
	filter    state.Filter
	olderThan time.Duration
	all       bool
}

func (o *choice) state() state.Filter {
	f := o.filter
	if o.olderThan > 0 {
		f.Before = time.Now().Add(-o.olderThan)
	}
	return f
}

// known refuses a class that there is not, which would look like "nothing".
func (o *choice) known() error {
	class := o.filter.Class
	switch {
	case class == "" || slices.Contains(impactsync.RefusalClasses, class):
		return nil
	case class == "credentials" || class == "scope":
		return usage("correct the credentials, then: impactsync run", "--class %s: credentials and scopes stop a run (exit 11) and mark nothing refused", class)
	}
	return usage("", "--class %q is not one of %s", class, strings.Join(impactsync.RefusalClasses, ", "))
}

// chosen keeps a forgotten flag from giving everything up.
func (o *choice) chosen() error {
	f := o.filter
	if !o.all && f.Class == "" && f.Trait == "" && f.Source == "" && o.olderThan == 0 {
		return usage("", "say which: name a flag, or --all")
	}
	return nil
}

// refused adds the flags of the refused commands.
func (o *choice) refused(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&o.filter.Class, "class", "", "only this class: "+strings.Join(impactsync.RefusalClasses, ", "))
	c.Flags().StringVar(&o.filter.Trait, "audience", "", "only this trait `key`")
	c.Flags().DurationVar(&o.olderThan, "older-than", 0, "only what is older than this, such as 168h")
	c.PreRunE = func(*cobra.Command, []string) error { return o.known() }
	return c
}

// listing makes a command list what read returns.
func (a *app) listing(c *cobra.Command, o *choice, none string, read func(*state.DB, context.Context, state.Filter) (state.Table, error)) *cobra.Command {
	c.Args = cobra.NoArgs
	c.Flags().IntVar(&o.filter.Limit, "limit", 100, "show at most this many; 0 for all")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return a.viewed(c.Context(), func(db *state.DB) error {
			t, err := read(db, c.Context(), o.state())
			return a.page(t, err, none)
		})
	}
	return c
}

// moving makes a command do something with what is chosen, and tell how much that
// was: word is the key of its JSON. If all is set, something has to be chosen.
func (a *app) moving(c *cobra.Command, o *choice, all, word string, text func(n int64) string, do func(*state.DB, context.Context, state.Filter) (int64, error)) *cobra.Command {
	c.Args = cobra.NoArgs
	if all != "" {
		c.Flags().BoolVar(&o.all, "all", false, all)
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := o.chosen(); all != "" && err != nil {
			return err
		}
		return a.changed(c.Context(), func(db *state.DB) error {
			n, err := do(db, c.Context(), o.state())
			return a.answer(map[string]int64{word: n}, err, func(w io.Writer) { fmt.Fprintln(w, text(n)) })
		})
	}
	return c
}

func them(n int64) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

func (a *app) refusedCommand() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "refused",
		Short: "List, retry or drop what impact.com or its documented rules refused",
		Long: `List what was refused for a reason that a retry does not cure, make it due again, or
give it up. What is refused becomes due by itself when its value, the mapping or
the configuration changes.` + exits("done", exitFailLine, exitStateLine, exitUsageLine),
	})
	c.AddCommand(a.refusedList(), a.refusedRetry(), a.refusedDrop())
	return c
}

func (a *app) refusedList() *cobra.Command {
	var o choice
	return a.listing(o.refused(&cobra.Command{
		Use:   "list",
		Short: "List what is refused, newest first",
		Long:  "List what is refused, newest first: who, what, why and since when." + exits("listed", exitFailLine, exitReadLine, exitUsageLine),
	}), &o, "Nothing is refused.", (*state.DB).Refused)
}

func (a *app) refusedRetry() *cobra.Command {
	var o choice
	return a.moving(o.refused(&cobra.Command{
		Use:   "retry",
		Short: "Make refused deliveries due again",
		Long:  "Make what is refused due again: the next run sends it once more." + exits("done", exitFailLine, exitStateLine, exitUsageLine),
	}), &o, "", "retried", func(n int64) string { return fmt.Sprintf("%d made due again; the next run sends %s", n, them(n)) }, (*state.DB).RetryRefused)
}

func (a *app) refusedDrop() *cobra.Command {
	var o choice
	return a.moving(o.refused(&cobra.Command{
		Use:   "drop",
		Short: "Give up refused deliveries for good",
		Long: `Give up what is refused: events are never sent, and a trait value counts as delivered
until it changes.` + exits("done", exitFailLine, exitStateLine, exitUsageLine),
	}), &o, "everything that is refused", "dropped", func(n int64) string { return fmt.Sprintf("%d given up; nothing of %s will be sent", n, them(n)) }, (*state.DB).DropRefused)
}

func (a *app) rejectedCommand() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "rejected",
		Short: "List or drop input that could not be used",
		Long: `List the lines and objects of the input that could not be used, with the reason, or
forget them. The lines themselves are not kept. Entries expire after 30 days.` +
			exits("done", exitFailLine, exitStateLine, exitUsageLine),
	})
	c.AddCommand(a.rejectedList(), a.rejectedDrop())
	return c
}

func (a *app) rejectedList() *cobra.Command {
	var o choice
	c := a.listing(&cobra.Command{
		Use:   "list",
		Short: "List rejected input, newest first",
		Long:  "List rejected input, newest first: source, object, line (0 for the object as a whole) and reason." + exits("listed", exitFailLine, exitReadLine, exitUsageLine),
	}, &o, "Nothing is rejected.", (*state.DB).Rejected)
	c.Flags().StringVar(&o.filter.Source, "source", "", "only this source")
	return c
}

func (a *app) rejectedDrop() *cobra.Command {
	var o choice
	c := a.moving(&cobra.Command{
		Use:   "drop",
		Short: "Forget rejected input",
		Long:  "Forget rejected input. The objects are not read again." + exits("done", exitFailLine, exitStateLine, exitUsageLine),
	}, &o, "everything that is rejected", "dropped", func(n int64) string { return count(n, "rejected line") + " forgotten" }, (*state.DB).DropRejected)
	c.Flags().StringVar(&o.filter.Source, "source", "", "only this source")
	c.Flags().DurationVar(&o.olderThan, "older-than", 0, "only what is older than this, such as 168h")
	return c
}
