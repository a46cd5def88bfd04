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

func (a *app) refusedCommand() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "refused",
		Short: "List, retry or drop what impact.com or its documented rules refused",
		Long: `List what was refused for a reason that a retry does not cure, make it due again, or
give it up. What is refused becomes due by itself when its value, the mapping or
the configuration changes.` + exits("done", exitFailLine, exitStateLine, exitUsageLine),
	})
	c.AddCommand(
		a.listing(&cobra.Command{
			Use:   "list",
			Short: "List what is refused, newest first",
			Long:  "List what is refused, newest first: who, what, why and since when." + exits("listed", exitFailLine, exitReadLine, exitUsageLine),
		}, "Nothing is refused.", (*state.DB).Refused, "class", "audience", "older-than", "limit"),
		a.changing(&cobra.Command{
			Use:   "retry",
			Short: "Make refused deliveries due again",
			Long:  "Make what is refused due again: the next run sends it once more." + exits("done", exitFailLine, exitStateLine, exitUsageLine),
		}, "retried", "made due again, for the next run", (*state.DB).RetryRefused, "class", "audience", "older-than"),
		a.changing(&cobra.Command{
			Use:   "drop",
			Short: "Give up refused deliveries for good",
			Long: `Give up what is refused: events are never sent, and a trait value counts as delivered
until it changes.` + exits("done", exitFailLine, exitStateLine, exitUsageLine),
		}, "dropped", "given up for good", (*state.DB).DropRefused, "class", "audience", "older-than", "all"),
	)
	return c
}

func (a *app) rejectedCommand() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "rejected",
		Short: "List or drop input that could not be used",
		Long: `List the lines and objects of the input that could not be used, with the reason, or
forget them. The lines themselves are not kept. Entries expire after 30 days.` +
			exits("done", exitFailLine, exitStateLine, exitUsageLine),
	})
	c.AddCommand(
		a.listing(&cobra.Command{
			Use:   "list",
			Short: "List rejected input, newest first",
			Long:  "List rejected input, newest first: source, object, line (0 for the object as a whole) and reason." + exits("listed", exitFailLine, exitReadLine, exitUsageLine),
		}, "Nothing is rejected.", (*state.DB).Rejected, "source", "limit"),
		a.changing(&cobra.Command{
			Use:   "drop",
			Short: "Forget rejected input",
			Long:  "Forget rejected input. The objects are not read again." + exits("done", exitFailLine, exitStateLine, exitUsageLine),
		}, "dropped", "forgotten", (*state.DB).DropRejected, "source", "older-than", "all"),
	)
	return c
}

// listing makes a command list what read returns.
func (a *app) listing(c *cobra.Command, none string, read func(*state.DB, context.Context, state.Filter) (state.Table, error), flags ...string) *cobra.Command {
	chosen := choice(c, flags)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return a.viewed(c.Context(), func(db *state.DB) error {
			t, err := read(db, c.Context(), chosen())
			return a.result(objects(t), err, func(w io.Writer) {
				if len(t.Rows) == 0 {
					fmt.Fprintln(w, none)
					return
				}
				writeTable(w, t)
			})
		})
	}
	return c
}

// changing makes a command do something with what is chosen, and print with how
// much: in JSON under this word, otherwise before this text.
func (a *app) changing(c *cobra.Command, word, text string, do func(*state.DB, context.Context, state.Filter) (int64, error), flags ...string) *cobra.Command {
	chosen := choice(c, flags)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return a.changed(c.Context(), func(db *state.DB) error {
			n, err := do(db, c.Context(), chosen())
			return a.result(map[string]int64{word: n}, err, func(w io.Writer) { fmt.Fprintln(w, n, text) })
		})
	}
	return c
}

// choice adds flags to a command, and checks what they say before it runs. The
// function that it returns says what they choose. With the flag all, something must
// be chosen: a forgotten flag must not drop everything.
func choice(c *cobra.Command, flags []string) func() state.Filter {
	c.Args = cobra.NoArgs
	var f state.Filter
	var olderThan time.Duration
	var all bool
	for _, flag := range flags {
		switch flag {
		case "class":
			c.Flags().StringVar(&f.Class, flag, "", "only this class: "+strings.Join(impactsync.RefusalClasses, ", "))
		case "audience":
			c.Flags().StringVar(&f.Trait, flag, "", "only this trait `key`")
		case "source":
			c.Flags().StringVar(&f.Source, flag, "", "only this source")
		case "older-than":
			c.Flags().DurationVar(&olderThan, flag, 0, "only what is older than this, such as 168h")
		case "limit":
			c.Flags().IntVar(&f.Limit, flag, 100, "show at most this many; 0 for all")
		case "all":
			c.Flags().BoolVar(&all, flag, false, "all of them")
		}
	}
	c.PreRunE = func(*cobra.Command, []string) error {
		if slices.Contains(flags, "all") && !all && f == (state.Filter{}) && olderThan == 0 {
			return usage("", "say which: name a flag, or --all")
		}
		return checkClass(f.Class)
	}
	return func() state.Filter {
		if olderThan > 0 {
			f.Before = time.Now().Add(-olderThan)
		}
		return f
	}
}

// checkClass refuses an unknown class, of which nothing would be found.
func checkClass(class string) error {
	switch {
	case class == "" || slices.Contains(impactsync.RefusalClasses, class):
		return nil
	case class == "credentials" || class == "scope":
		return usage("correct the credentials, then: impactsync run", "--class %s: credentials and scopes stop a run (exit 11) and mark nothing refused", class)
	}
	return usage("", "--class %q is not one of %s", class, strings.Join(impactsync.RefusalClasses, ", "))
}
