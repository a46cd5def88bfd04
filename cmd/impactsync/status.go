package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/terminal"
	"github.com/impactsync/impactsync/cmd/internal/words"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
)

func (a *app) statusCommand() *cobra.Command {
	var runs int
	var w watching
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the last runs, what is due, and how stale the sources are",
		Long: `Show the last runs, what is pending, refused, held and unknown, the age of the
oldest undelivered change, how long it takes to send everything at the known rates, each
trait and source, ids that several people share, what impact.com made of
conversions, orders that were taken back and are not settled, and event names and trait keys that the configuration does not mention,
most frequent first.

It only reads, without lock or credentials, and can be used during a run.` + exits("shown", "1   there is no state yet", exitReadLine, exitUsageLine),
		Example: `  impactsync status
  impactsync status --watch              again every 2 s, until Ctrl-C
  impactsync status --json | jq .oldest`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.status(c.Context(), runs, w) },
	}
	c.Flags().IntVar(&runs, "runs", 5, "how many of the last runs to show")
	c.Flags().BoolVarP(&w.on, "watch", "w", false, "show it again and again, until interrupted")
	c.Flags().DurationVar(&w.every, "every", 2*time.Second, "how often, with --watch")
	return c
}

// statusReport is the state's status, and how long it takes to send what is due.
type statusReport struct {
	state.Status
	Seconds impactsync.Seconds `json:"seconds"`                        // at the known rates
	InFiles int64              `json:"conversions_in_files,omitempty"` // of those due: in files, or about to be
	// RefusedAudiences were not applied by the last run because of what Segment says: why, by key.
	RefusedAudiences map[string]string `json:"refused_audiences,omitempty"`
}

func (a *app) status(ctx context.Context, runs int, every watching) error {
	c, err := a.look()
	if err != nil {
		return err
	}
	return a.again(ctx, every, func(ctx context.Context) error { return a.statusOnce(ctx, c, runs) })
}

func (a *app) statusOnce(ctx context.Context, c *config.Config, runs int) error {
	return a.opened(ctx, c, state.Options{ReadOnly: true}, func(db *state.DB) (err error) {
		var s statusReport
		if s.Status, err = db.Status(ctx, runs); err == nil && len(c.Neighbours) > 0 { // what a host takes is the account's
			s.Hosts, err = db.Hosts(ctx)
		}
		known, errKnown := db.Catalogue(ctx)
		s.RefusedAudiences, err = known.Refused, errors.Join(err, errKnown)
		now := time.Now()
		roads, errRoads := db.Roads(ctx)
		s.InFiles = min(impactsync.InFiles(roads, c.Conversions.Route == string(impactsync.ByFile)), s.Conversions.Open())
		err = errors.Join(err, errRoads)
		rates := impactsync.Rates{PageLoadsPerSecond: c.Delivery.PageLoadsPerSecond, ConversionsPerHour: c.Delivery.ConversionsPerHour}
		s.Seconds = rates.Take(s.Hosts, s.Traits.Open()+s.PageLoads.Open(), s.Conversions.Open()-s.InFiles, now)
		return a.result(s, err, func(w io.Writer) { writeStatus(w, s, now) })
	})
}

func writeStatus(w io.Writer, s statusReport, now time.Time) {
	table(w, func(w io.Writer) {
		head(w, "RUN", minor("KIND"), "STARTED", "TOOK", "EXIT", "FOUND", "DELIVERED", "REFUSED", "REJECTED", "HELD", "PENDING", "NOTE")
		for _, r := range s.Runs {
			row(w, r.Run, r.Kind, moment(r.StartedAt), tookText(r), exitText(r), r.Found, r.Delivered, r.Refused, r.Rejected, r.Held, r.Pending, r.Note)
		}
	})
	fmt.Fprintln(w)
	table(w, func(w io.Writer) {
		head(w, "DUE", "PENDING", "IN FLIGHT", "RETRY LATER", "UNKNOWN", "HELD", "REFUSED")
		for i, c := range []state.Counts{s.Traits, s.PageLoads, s.Conversions} {
			row(w, []string{"trait values", "page loads", "conversions"}[i], c.Pending, c.InFlight, c.RetryLater, c.Unknown, c.Held, c.Refused)
		}
	})
	if !s.Oldest.IsZero() {
		fmt.Fprintf(w, "The oldest undelivered change is from %s (%s).\n", relative(s.Oldest, now), s.Oldest.Format(time.RFC3339))
	}
	writeHosts(w, s, now)
	if s.InFiles > 0 {
		fmt.Fprintf(w, "%s of those due in files, or about to be: they take no requests and no quota (impactsync file list).\n", count(s.InFiles, "conversion"))
	}
	if line := refundLine(s.Refunds); line != "" {
		fmt.Fprintf(w, "\nO%s (impactsync plan shows some of them, impactsync explain ORDER one).\n", line[1:])
	}
	writeAudiences(w, s.Audiences)
	writeRefusedAudiences(w, s.RefusedAudiences)
	writeHeld(w, s.Held)
	writeCrowds(w, s.Crowds)
	writeVerdicts(w, s.Verdicts)
	writeSources(w, s.Sources, now)
	writeUnlisted(w, s.Unlisted)
}

func exitText(r state.RunStatus) any {
	if r.ExitCode == nil {
		return "-"
	}
	return tinted{fmt.Sprint(*r.ExitCode), exitTint(int(*r.ExitCode))}
}

// exitTint returns the colour of an exit code.
func exitTint(code int) terminal.Tint {
	switch code {
	case impactsync.ExitOK:
		return terminal.Good
	case impactsync.ExitRefused, impactsync.ExitUnfinished, impactsync.ExitHeld, impactsync.ExitInterrupted, impactsync.ExitLocked:
		return terminal.Warn
	}
	return terminal.Bad
}

// tookText says how long a run took.
func tookText(r state.RunStatus) any {
	began, err := time.Parse(time.RFC3339Nano, r.StartedAt)
	ended, err2 := time.Parse(time.RFC3339Nano, r.EndedAt)
	switch {
	case r.Killed:
		return tinted{"killed", terminal.Bad}
	case err != nil || err2 != nil:
		return tinted{cmp.Or(r.EndedAt, "still running"), terminal.Now}
	}
	return took(ended.Sub(began).Seconds())
}

func writeHosts(w io.Writer, s statusReport, now time.Time) {
	list(w, "", []any{"HOST", "SENT LAST HOUR", "QUOTA", "DUE TAKES ABOUT", ""}, s.Hosts, func(h state.HostStatus) []any {
		left, takes, paused := "not told", s.Seconds.TrackingHost, ""
		if h.Host == state.HostAPI {
			takes = s.Seconds.APIHost
		}
		if h.Remaining != nil {
			left = fmt.Sprintf("%d of %d left until %s", *h.Remaining, h.Quota, h.ResetAt.UTC().Format(time.TimeOnly))
		}
		if !h.PausedUntil.IsZero() {
			paused = "impact.com asked for quiet (429), " + relative(h.PausedUntil, now)
		}
		return []any{h.Host, h.SentLastHour, left, took(takes), paused}
	})
}

// crowdText says why an id is taken to be shared by several people.
func crowdText(c state.Crowd) string {
	if c.Messages > 0 {
		return fmt.Sprintf("%s of %s messages of a run", humanize.Comma(c.Messages), humanize.Comma(c.Of))
	}
	return fmt.Sprintf("more than %s anonymous ids", humanize.Comma(c.Visitors-1))
}

const crowdHint = "add it to placeholderIds in the configuration if it is nobody's, to trustedIds if it is one person's"

func writeCrowds(w io.Writer, all []state.Crowd) {
	const title = "\nIds with more visitors or messages than one person has. Nothing more is merged into them, and they share no click id:"
	list(w, title, []any{"ID", "KIND", "WHY", "SINCE"}, all, func(c state.Crowd) []any {
		return []any{c.ID, strings.ReplaceAll(c.Kind, "_", " "), crowdText(c), moment(c.FoundAt.Format(time.RFC3339))}
	})
	if len(all) > 0 {
		fmt.Fprintln(w, "For each: "+crowdHint+".")
	}
}

func writeVerdicts(w io.Writer, all []state.VerdictStatus) {
	const title = "\nWhat impact.com made of conversions, so far as they were looked up (conversions.verify):"
	list(w, title, []any{"VERDICT", "CONVERSIONS", "ERROR TYPE", "REASONS", ""}, all, func(v state.VerdictStatus) []any {
		return []any{v.Verdict, v.Count, orDash(v.ErrorType), orDash(v.Reasons), words.Verdicts[v.Verdict]}
	})
}

func writeAudiences(w io.Writer, all []state.AudienceStatus) {
	list(w, "", []any{"TRAIT", minor("KIND"), minor("SOURCE"), "WANTED", "DELIVERED", "PENDING", "HELD", "REFUSED", "LAST LIST", ""}, all, func(t state.AudienceStatus) []any {
		return []any{t.Key, t.Class, t.Source, t.Wanted, t.Delivered, t.Pending, t.Held, t.Refused, moment(orDash(t.LastList)), t.Guard}
	})
}

func writeRefusedAudiences(w io.Writer, refused map[string]string) {
	list(w, "\nNot applied because of what Segment says (impactsync audiences shows what it says now):", []any{"AUDIENCE", "WHY"}, slices.Sorted(maps.Keys(refused)), func(key string) []any {
		return []any{key, refused[key]}
	})
}

func writeHeld(w io.Writer, all []state.HeldSet) {
	for _, h := range all {
		of := ""
		if h.Key != "" {
			of = " of " + h.Key
		}
		head, foot := fmt.Sprintf("The guard holds %s%s since %s", count(h.Held, oneOf(h.Direction)), of, h.HeldAt), "If that is right: impactsync "+h.Command
		if h.Direction == state.Refusal {
			head = fmt.Sprintf("%s of %s held since %s because of what Segment says", count(h.Held, "change"), h.Key, h.HeldAt)
			foot = "A run sends them once Segment says otherwise, or if you " + h.Command
		}
		if h.Direction == state.Unanswered {
			head = "delivery.unknown: hold keeps " + count(h.Held, strings.ReplaceAll(string(h.Kind), "_", " "))
			foot = "The next run releases them if you " + h.Command
		}
		fmt.Fprintf(w, "\n%s: %s.\n", head, plain(h.Reason))
		for _, line := range h.Sample {
			fmt.Fprintln(w, "  "+plain(line))
		}
		fmt.Fprintln(w, plain(foot))
		if h.Approved > 0 {
			fmt.Fprintf(w, "Approved of that: %d. The next run releases them, within 24 hours.\n", h.Approved)
		}
	}
}

func writeSources(w io.Writer, all []state.SourceStatus, now time.Time) {
	list(w, "", []any{"SOURCE", "NEWEST INPUT", "READ", "LISTS WITHOUT A FILE"}, all, func(s state.SourceStatus) []any {
		newest, read := "none", "never"
		if !s.Newest.IsZero() {
			newest = relative(s.Newest, now)
		}
		if !s.ReadAt.IsZero() {
			read = relative(s.ReadAt, now)
		}
		return []any{s.Name, newest, read, s.Missing}
	})
}

func relative(at, now time.Time) string { return humanize.RelTime(at, now, "ago", "from now") }

func orDash(s string) string { return cmp.Or(s, "-") }
