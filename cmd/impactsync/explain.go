package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/words"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/spf13/cobra"
)

func (a *app) explainCommand() *cobra.Command {
	var live bool
	c := &cobra.Command{
		Use:   "explain USER|ORDER",
		Short: "Show everything that is known about one person or order",
		Long: `Show everything that is known about one person: for each trait what is wanted, what
impact.com was sent, whether that is in doubt, and why it will or will not be sent;
every event; and every attempt that failed. Or about one order, in time order: its
message, what was sent, the answers, impact.com's actions and their changes, and the
verdict of the last reconcile.

USER is a user id, an anonymous id, or an e-mail address or its SHA-1. If several
people have the address, the first is shown with the ids of the others; it is looked
for in all profiles and all events that are due. The events of a guest, who has no id,
are found by the id of the order or message.

With --live, Segment's Profile API (segment.profileToken) is asked for the person, too:
their audiences, computed traits and external ids, and what differs from what is wanted
here. It finds people by user id or anonymous id, and by an e-mail address only if it is
given in clear.

It only reads, without lock or credentials but those of --live, and can be used during a
run.` +
			exits("shown", "1   nobody with this id is known, or there is no state yet", exitReadLine, exitUsageLine),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := a.look()
			if err != nil {
				return err
			}
			if err := checkPerson(cfg, args[0]); err != nil {
				return err
			}
			return a.opened(c.Context(), cfg, state.Options{ReadOnly: true}, func(db *state.DB) error {
				e, err := explain(c.Context(), db, args[0])
				err = a.addTold(c.Context(), db, args[0], &e, err)
				if live {
					err = a.addLive(c.Context(), cfg, db, args[0], &e, err)
				}
				if errors.Is(err, state.ErrNotFound) {
					err = &failure{impactsync.ExitFailed, err, "ids are byte-exact; only people with a trait, an event or two ids are kept, and guests' events by their order's or message's id"}
				}
				return a.result(e, err, func(w io.Writer) {
					if len(e.Orders) == 0 || len(e.Traits)+len(e.Events)+len(e.Attempts) > 0 {
						writeExplanation(w, e.Explanation)
					}
					writeOrderExplanations(w, e.Orders)
					if e.Live != nil {
						writeLive(w, e.Live)
					}
				})
			})
		},
	}
	c.Flags().BoolVar(&live, "live", false, "ask Segment what it says of the person now")
	return c
}

// explained is a person, an order, or both: a guest is found by an order's id.
type explained struct {
	state.Explanation
	Orders []state.OrderExplanation `json:"orders,omitempty"`
	Live   *live                    `json:"live,omitempty"`
}

func explain(ctx context.Context, db *state.DB, id string) (e explained, err error) {
	if e.Orders, err = db.ExplainOrder(ctx, id); err != nil {
		return e, err
	}
	e.Explanation, err = db.Explain(ctx, idOf(id))
	if errors.Is(err, state.ErrNotFound) && len(e.Orders) > 0 {
		e.Explanation = state.Explanation{Traits: []state.PersonTrait{}, Events: []state.PersonEvent{}, Attempts: []state.PersonAttempt{}}
		err = nil
	}
	return e, err
}

// showOrder prints everything known of one order.
func (a *app) showOrder(ctx context.Context, db *state.DB, order string) error {
	all, err := db.ExplainOrder(context.WithoutCancel(ctx), order)
	return a.result(map[string][]state.OrderExplanation{"orders": all}, err, func(w io.Writer) { writeOrderExplanations(w, all) })
}

func writeOrderExplanations(w io.Writer, all []state.OrderExplanation) {
	for _, o := range all {
		verdict := "not reconciled so far (impactsync reconcile)"
		if o.Verdict != "" {
			verdict = o.Verdict + ": " + words.OrderVerdicts[o.Verdict]
		}
		name := "Order " + o.OrderID
		if o.EventType != "" {
			name += " of event type " + o.EventType
		} else {
			verdict = "only refunds of it are known"
		}
		fmt.Fprintf(w, "\n%s: %s\n", plain(name), plain(verdict))
		table(w, func(w io.Writer) {
			for _, m := range o.Moments {
				row(w, "  "+m.At, m.What, m.Detail)
			}
		})
	}
}

// checkPerson refuses an id that is nobody's, such as that of a script whose
// variable is empty.
func checkPerson(c *config.Config, id string) error {
	if placeholders(c).Usable(id) {
		return nil
	}
	return usage("name the person by a user id, an anonymous id or an e-mail address; if this is one, list it under trustedIds in the configuration",
		"%q is a placeholder, not a person's id: faulty trackers and exports write it where no id is known, so nobody is stored under it", id)
}

// idOf returns an id as the state knows it, which keeps only the SHA-1 of addresses.
func idOf(text string) string {
	if id := segment.NewIdentity(text, "", ""); id.UserID == "" && id.EmailSHA1 != "" {
		return id.EmailSHA1
	}
	return text
}

func writeExplanation(w io.Writer, e state.Explanation) {
	if e.UserID+e.AnonymousID+e.EmailSHA1 == "" {
		fmt.Fprintln(w, "A guest: these events name nobody, and nothing else is known about whose they are.")
	}
	table(w, func(w io.Writer) {
		for _, id := range [][2]string{
			{"user id", e.UserID}, {"anonymous id", e.AnonymousID}, {"e-mail SHA-1", e.EmailSHA1}, {"last click id", e.ClickID},
			{"absorbed into", e.AbsorbedInto}, {"absorbed ids", strings.Join(e.Anonymous, ", ")}, {"same address", strings.Join(e.SameAddress, ", ")},
		} {
			if id[1] != "" {
				row(w, id[0], id[1])
			}
		}
	})
	for _, t := range e.Traits {
		fmt.Fprintf(w, "\n%s: wanted %s, delivered %s; %s\n", t.Key, valueText(t.Wanted), valueText(t.Delivered), plain(words.Why(t)))
		table(w, func(w io.Writer) {
			row(w, "  changed", t.ChangedAt, t.Origin)
			if t.DeliveredAt != "" {
				row(w, "  delivered", t.DeliveredAt)
			}
		})
	}
	list(w, "\nEvents, newest first:", nil, e.Events, func(v state.PersonEvent) []any {
		return []any{"  " + v.At, v.Kind, v.Event, v.Status, orDash(v.OrderID), fmt.Sprintf("%s:%d", v.Object, v.Line), words.WhyEvent(v)}
	})
	list(w, "\nAttempts that did not end well, newest first:", nil, e.Attempts, func(t state.PersonAttempt) []any {
		return []any{"  " + t.At, fmt.Sprintf("run %d", t.Run), t.Detail, t.Outcome, t.Error}
	})
}

func valueText(v *string) string {
	if v == nil {
		return "nothing"
	}
	return plain(*v)
}
