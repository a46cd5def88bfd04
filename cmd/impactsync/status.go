package main

import (
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/state"
	"github.com/spf13/cobra"
)

func (a *app) statusCommand() *cobra.Command {
	var runs int
	c := &cobra.Command{
		Use:   "status",
		Short: "Last runs, what is due, and how stale the sources are",
		Long: `Show the last runs, what is pending, refused, held and unknown, the age of the
oldest undelivered change, each trait and source, and event names and trait keys
that the configuration does not mention, most frequent first.

It only reads: no lock, no credentials, and a run may go on meanwhile.` + exits("shown", "1   there is no state yet", exitStateLine, exitUsageLine),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.viewed(c.Context(), func(db *state.DB) error {
				s, err := db.Status(c.Context(), runs)
				if err != nil {
					return err
				}
				return a.result(s, func(w io.Writer) { writeStatus(w, s, time.Now()) })
			})
		},
	}
	c.Flags().IntVar(&runs, "runs", 5, "how many of the last runs to show")
	return c
}

func writeStatus(w io.Writer, s state.Status, now time.Time) {
	table(w, func(w io.Writer) {
		row(w, "RUN", "KIND", "STARTED", "ENDED", "EXIT", "FOUND", "DELIVERED", "REFUSED", "REJECTED", "HELD", "PENDING", "NOTE")
		for _, r := range s.Runs {
			row(w, r.Run, r.Kind, r.StartedAt, ended(r), exitText(r), r.Found, r.Delivered, r.Refused, r.Rejected, r.Held, r.Pending, plain(r.Note))
		}
	})
	fmt.Fprintln(w)
	table(w, func(w io.Writer) {
		row(w, "DUE", "PENDING", "IN FLIGHT", "RETRY LATER", "UNKNOWN", "HELD", "REFUSED")
		due := func(what string, c state.Counts) {
			row(w, what, c.Pending, c.InFlight, c.RetryLater, c.Unknown, c.Held, c.Refused)
		}
		due("trait values", s.Traits)
		due("page loads", s.PageLoads)
		due("conversions", s.Conversions)
	})
	if s.Oldest != nil {
		fmt.Fprintf(w, "The oldest undelivered change is of %s (%s).\n", humanize.RelTime(*s.Oldest, now, "ago", "from now"), s.Oldest.Format(time.RFC3339))
	}
	writeAudiences(w, s.Audiences)
	writeSources(w, s.Sources, now)
	writeUnlisted(w, s.Unlisted)
}

func ended(r state.RunStatus) string {
	if r.EndedAt == "" {
		return "still running"
	}
	return r.EndedAt
}

func exitText(r state.RunStatus) string {
	if r.ExitCode == nil {
		return "-"
	}
	return fmt.Sprint(*r.ExitCode)
}

func writeAudiences(w io.Writer, all []state.AudienceStatus) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(w)
	table(w, func(w io.Writer) {
		row(w, "TRAIT", "KIND", "SOURCE", "WANTED", "DELIVERED", "PENDING", "HELD", "REFUSED", "LAST LIST", "")
		for _, t := range all {
			row(w, t.Key, t.Class, t.Source, t.Wanted, t.Delivered, t.Pending, t.Held, t.Refused, orDash(t.LastList), t.Guard)
		}
	})
}

func writeSources(w io.Writer, all []state.SourceStatus, now time.Time) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(w)
	table(w, func(w io.Writer) {
		row(w, "SOURCE", "NEWEST INPUT", "READ", "LISTS WITHOUT A FILE")
		for _, s := range all {
			newest := "none"
			if s.Newest != nil {
				newest = humanize.RelTime(*s.Newest, now, "ago", "from now")
			}
			row(w, s.Name, newest, humanize.RelTime(s.ReadAt, now, "ago", "from now"), plain(s.Missing))
		}
	})
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
