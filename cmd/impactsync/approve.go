package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/impactsync/impactsync/state"
	"github.com/spf13/cobra"
)

// approvals are the flags of approve: one of them says what goes.
type approvals struct {
	exits, joins, conversions, suppressions int64
	computation                             string
}

func (a *app) approveCommand() *cobra.Command {
	var n approvals
	c := &cobra.Command{
		Use:   "approve [KEY] --exits N | --joins N | --computation ID | --conversions N | --suppressions N",
		Short: "Let through some of what the guard holds",
		Long: `Let through some of what the guard holds; impactsync status shows what that is, and
why. Look at the input first: a broken list looks like a mass exit.

  approve KEY --exits N         up to N people may leave the trait
  approve KEY --joins N         up to N people may join it
  approve KEY --computation ID  accept the changes of a new computation (or space)
                                under this key for good; its exits and joins are
                                then judged like any others
  approve --conversions N       up to N conversions may go, the oldest first
  approve --suppressions N      up to N people on the suppression list may be
                                suppressed

An approval covers what is held now, and the next run within 24 hours, which sends it.
Whatever that run no longer finds held, for example because the list was fixed, is no
longer approved. Until then status shows the approval.` +
			exits("approved", "1   failed; or nothing like it is held", exitStateLine, "64  usage or configuration, or a key that the state does not know"),
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			what, err := n.approval(args)
			if err != nil {
				return err
			}
			return a.changed(c.Context(), func(db *state.DB) error { return a.approve(c.Context(), db, what) })
		},
	}
	f := c.Flags()
	f.Int64Var(&n.exits, "exits", 0, "how many exits may go")
	f.Int64Var(&n.joins, "joins", 0, "how many joins may go")
	f.Int64Var(&n.conversions, "conversions", 0, "how many conversions may go")
	f.Int64Var(&n.suppressions, "suppressions", 0, "how many people may be suppressed")
	f.StringVar(&n.computation, "computation", "", "the computation's id, or the space's if it has none")
	return c
}

const approveHint = "impactsync status shows what is held, with the command for it"

func (n approvals) approval(args []string) (state.Approval, error) {
	var what state.Approval
	given := 0
	for _, is := range []bool{n.exits != 0, n.joins != 0, n.conversions != 0, n.suppressions != 0, n.computation != ""} {
		if is {
			given++
		}
	}
	switch {
	case given > 1:
		return what, usage(approveHint, "one of --exits, --joins, --conversions, --suppressions and --computation at a time")
	case n.exits > 0:
		what = state.Approval{Direction: state.Exits, Most: n.exits}
	case n.joins > 0:
		what = state.Approval{Direction: state.Joins, Most: n.joins}
	case n.conversions > 0:
		what = state.Approval{Direction: state.ConversionBatch, Most: n.conversions}
	case n.suppressions > 0:
		what = state.Approval{Direction: state.Suppressions, Most: n.suppressions}
	case n.computation != "":
		what = state.Approval{Direction: state.NewComputation, Computation: n.computation}
	default:
		return what, usage(approveHint, "one of --exits N, --joins N, --conversions N, --suppressions N (more than 0) and --computation ID is required")
	}
	if (len(args) == 0) != (what.Direction == state.ConversionBatch || what.Direction == state.Suppressions) {
		return what, usage(approveHint, "a trait key goes with --exits, --joins and --computation, and none with --conversions and --suppressions")
	}
	if len(args) > 0 {
		what.Key = args[0]
	}
	return what, nil
}

func (a *app) approve(ctx context.Context, db *state.DB, what state.Approval) error {
	got, err := db.Approve(ctx, what)
	if errors.Is(err, state.ErrNothingHeld) {
		return &failure{code: 1, err: err, hint: approveHint}
	}
	if err != nil {
		return unknownKey(err)
	}
	v := struct {
		Key       string          `json:"key,omitempty"`
		Direction state.Direction `json:"direction"`
		Approved  int64           `json:"approved"`
		Held      int64           `json:"held"`
	}{what.Key, what.Direction, got.Granted, got.Held}
	return a.result(v, func(w io.Writer) {
		switch what.Direction {
		case state.NewComputation:
			fmt.Fprintf(w, "%s: computation %s approved; %s held for it now. The next run judges them as any others.\n", v.Key, what.Computation, count(v.Held, "change"))
		case state.Suppressions:
			fmt.Fprintf(w, "%s approved for 24 hours; %d held now. The next run takes these people out.\n", count(v.Approved, "suppression"), v.Held)
		case state.ConversionBatch:
			fmt.Fprintf(w, "%s approved for 24 hours; %d held now. The next run sends them.\n", count(v.Approved, "conversion"), v.Held)
		default:
			fmt.Fprintf(w, "%s: %s approved for 24 hours; %d held now. The next run sends them.\n", v.Key, count(v.Approved, oneOf[what.Direction]), v.Held)
		}
	})
}
