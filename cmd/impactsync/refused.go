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
		return usage("mend the credentials, then: impactsync run", "--class %s: credentials and scopes stop a run (exit 11) and mark nothing refused", class)
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

func (o *choice) age(c *cobra.Command) {
	c.Flags().DurationVar(&o.olderThan, "older-than", 0, "only what is older than this, such as 168h")
}

func (o *choice) refused(c *cobra.Command) *cobra.Command {
	c.Args = cobra.NoArgs
	c.Flags().StringVar(&o.filter.Class, "class", "", "only this class: "+strings.Join(impactsync.RefusalClasses, ", "))
	c.Flags().StringVar(&o.filter.Trait, "audience", "", "only this trait `key`")
	o.age(c)
	c.PreRunE = func(*cobra.Command, []string) error { return o.known() }
	return c
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
	c := o.refused(&cobra.Command{
		Use:   "list",
		Short: "List what is refused, newest first",
		Long:  "List what is refused, newest first: who, what, why and since when." + exits("listed", exitFailLine, exitReadLine, exitUsageLine),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.viewed(c.Context(), func(db *state.DB) error {
				t, err := db.Refused(c.Context(), o.state())
				if err != nil {
					return err
				}
				return a.page(t, "Nothing is refused.")
			})
		},
	})
	c.Flags().IntVar(&o.filter.Limit, "limit", 100, "show at most this many; 0 for all")
	return c
}

func (a *app) refusedRetry() *cobra.Command {
	var o choice
	return o.refused(&cobra.Command{
		Use:   "retry",
		Short: "Make refused deliveries due again",
		Long:  "Make what is refused due again: the next run sends it once more." + exits("done", exitFailLine, exitStateLine, exitUsageLine),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.move(c.Context(), "retried", "made due again; the next run sends %s", func(db *state.DB) (int64, error) {
				return db.RetryRefused(c.Context(), o.state())
			})
		},
	})
}

func (a *app) refusedDrop() *cobra.Command {
	var o choice
	c := o.refused(&cobra.Command{
		Use:   "drop",
		Short: "Give up refused deliveries for good",
		Long: `Give up what is refused: events are never sent, and a trait value counts as delivered
until it changes.` + exits("done", exitFailLine, exitStateLine, exitUsageLine),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.chosen(); err != nil {
				return err
			}
			return a.move(c.Context(), "dropped", "given up; nothing of %s will be sent", func(db *state.DB) (int64, error) {
				return db.DropRefused(c.Context(), o.state())
			})
		},
	})
	c.Flags().BoolVar(&o.all, "all", false, "everything that is refused")
	return c
}

// move changes some deliveries and tells how many.
func (a *app) move(ctx context.Context, word, text string, fn func(*state.DB) (int64, error)) error {
	return a.changed(ctx, func(db *state.DB) error {
		n, err := fn(db)
		if err != nil {
			return err
		}
		them := "them"
		if n == 1 {
			them = "it"
		}
		return a.result(map[string]int64{word: n}, func(w io.Writer) { fmt.Fprintf(w, "%d "+text+"\n", n, them) })
	})
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
	c := &cobra.Command{
		Use:   "list",
		Short: "List rejected input, newest first",
		Long:  "List rejected input, newest first: source, object, line (0 for the object as a whole) and reason." + exits("listed", exitFailLine, exitReadLine, exitUsageLine),
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.viewed(c.Context(), func(db *state.DB) error {
				t, err := db.Rejected(c.Context(), o.state())
				if err != nil {
					return err
				}
				return a.page(t, "Nothing is rejected.")
			})
		},
	}
	c.Flags().StringVar(&o.filter.Source, "source", "", "only this source")
	c.Flags().IntVar(&o.filter.Limit, "limit", 100, "show at most this many; 0 for all")
	return c
}

func (a *app) rejectedDrop() *cobra.Command {
	var o choice
	c := &cobra.Command{
		Use:   "drop",
		Short: "Forget rejected input",
		Long:  "Forget rejected input. The objects are not read again." + exits("done", exitFailLine, exitStateLine, exitUsageLine),
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.chosen(); err != nil {
				return err
			}
			return a.changed(c.Context(), func(db *state.DB) error {
				n, err := db.DropRejected(c.Context(), o.state())
				if err != nil {
					return err
				}
				return a.result(map[string]int64{"dropped": n}, func(w io.Writer) { fmt.Fprintf(w, "%s forgotten\n", count(n, "rejected line")) })
			})
		},
	}
	c.Flags().StringVar(&o.filter.Source, "source", "", "only this source")
	c.Flags().BoolVar(&o.all, "all", false, "everything that is rejected")
	o.age(c)
	return c
}
