package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/spf13/cobra"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain USER",
		Short: "Show everything that is known about one person",
		Long: `Show everything that is known about one person: for each trait what is wanted, what
impact.com was told, whether that is in doubt, and why it will or will not be sent;
every event; and every attempt that failed.

USER is a user id, an anonymous id, or an e-mail address or its SHA-1. If several
people have the address, the first is shown with the ids of the others; it is looked
for in all profiles and all events that are due. The events of a guest, who has no id,
are found by the id of the order or message.

It only reads, without lock or credentials, and can be used during a run.` +
			exits("shown", "1   nobody with this id is known, or there is no state yet", exitReadLine, exitUsageLine),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.checkPerson(args[0]); err != nil {
				return err
			}
			return a.viewed(c.Context(), func(db *state.DB) error {
				e, err := db.Explain(c.Context(), idOf(args[0]))
				if errors.Is(err, state.ErrNotFound) {
					err = &failure{code: 1, err: err, hint: "ids are byte-exact; only people with a trait, an event or two ids are kept, and guests' events by their order's or message's id"}
				}
				return a.answer(e, err, func(w io.Writer) { writeExplanation(w, e) })
			})
		},
	}
}

// checkPerson refuses an id that is nobody's: a script whose variable is empty
// asks so, and nobody is kept under it.
func (a *app) checkPerson(id string) error {
	c, err := a.look()
	if err != nil {
		return err
	}
	return somebody(c, id)
}

func somebody(c *config.Config, id string) error {
	if placeholders(c).Usable(id) {
		return nil
	}
	return usage("name the person by a user id, an anonymous id or an e-mail address; if this is one, list it under trustedIds in the configuration",
		"%q is no person's id: faulty trackers and exports write such words for nobody, and nobody is known by it", id)
}

// idOf is an id as the state knows it: of addresses only the SHA-1 is kept.
func idOf(text string) string {
	if id := segment.NewIdentity(text, "", ""); id.UserID == "" && id.EmailSHA1 != "" {
		return id.EmailSHA1
	}
	return text
}

func writeExplanation(w io.Writer, e state.Explanation) {
	if e.UserID+e.AnonymousID+e.EmailSHA1 == "" {
		fmt.Fprintln(w, "A guest: these events name nobody, and nothing else is known of whose they are.")
	}
	table(w, func(w io.Writer) {
		line := func(what, value string) {
			if value != "" {
				row(w, what, plain(value))
			}
		}
		line("user id", e.UserID)
		line("anonymous id", e.AnonymousID)
		line("e-mail SHA-1", e.EmailSHA1)
		line("last click id", e.ClickID)
		line("absorbed into", e.AbsorbedInto)
		line("absorbed ids", strings.Join(e.Anonymous, ", "))
		line("same address", strings.Join(e.SameAddress, ", "))
	})
	for _, t := range e.Traits {
		fmt.Fprintf(w, "\n%s: wanted %s, delivered %s; %s\n", t.Key, valueText(t.Wanted), valueText(t.Delivered), why(t))
		table(w, func(w io.Writer) {
			row(w, "  changed", t.ChangedAt, plain(t.Origin))
			if t.DeliveredAt != "" {
				row(w, "  delivered", t.DeliveredAt)
			}
		})
	}
	writeEvents(w, e)
}

func writeEvents(w io.Writer, e state.Explanation) {
	list(w, "\nEvents, newest first:", nil, e.Events, func(v state.PersonEvent) []any {
		return []any{"  " + v.At, v.Kind, plain(v.Event), v.Status, plain(orDash(v.OrderID)), fmt.Sprintf("%s:%d", plain(v.Object), v.Line), plain(whyEvent(v))}
	})
	list(w, "\nAttempts that did not end well, newest first:", nil, e.Attempts, func(t state.PersonAttempt) []any {
		return []any{"  " + t.At, fmt.Sprintf("run %d", t.Run), plain(t.Detail), t.Outcome, plain(t.Error)}
	})
}

// whyEvent says what went wrong with an event, or what impact.com made of it.
func whyEvent(v state.PersonEvent) string {
	switch {
	case v.Verdict != "":
		return strings.TrimSpace(fmt.Sprintf("verdict %s: %s %s", v.Verdict, v.ErrorType, v.Reasons))
	case v.QueuedURI != "":
		return "queued at impact.com, its verdict was not looked up: " + v.QueuedURI
	case v.Status == "refused":
		return fmt.Sprintf("refused (%s): %s", v.Class, v.LastError)
	}
	return v.LastError
}

func valueText(v *string) string {
	if v == nil {
		return "nothing"
	}
	return plain(*v)
}

// why says whether a trait value will be sent.
func why(t state.PersonTrait) string {
	doubt := ""
	if t.Doubt {
		doubt = "; an answer never came, or nobody can vouch for it since a restore, resync or a second id"
	}
	switch t.Status {
	case "settled":
		return "nothing to send" + doubt
	case "pending":
		return "the next run sends it" + doubt
	case "in flight":
		return "a run sends it now"
	case "refused":
		return fmt.Sprintf("refused (%s): %s; sent again when the value, the mapping or the configuration changes", t.Class, plain(t.LastError))
	case "held":
		return strings.TrimSuffix("held back by the guard: "+plain(t.LastError), ": ")
	}
	return fmt.Sprintf("%s, tried again after %s: %s%s", t.Status, orDash(t.NextAttempt), plain(t.LastError), doubt)
}
