package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"strings"
	"unicode"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
)

// approvable are the directions in which a number of held changes can be approved,
// by a flag of the same name.
var approvable = []struct {
	direction state.Direction
	one       string // of the changes
	usage     string // of the flag
	ofKey     bool   // they belong to a trait key
}{
	{state.Exits, "exit", "how many exits may go", true},
	{state.Joins, "join", "how many joins may go", true},
	{state.ConversionBatch, "conversion", "how many conversions may go", false},
	{state.Suppressions, "suppression", "how many people may be suppressed", false},
	{state.Reversals, "reversal", "how many orders may be taken back", false},
}

// oneOf returns the noun for a held change.
func oneOf(d state.Direction) string {
	for _, a := range approvable {
		if a.direction == d {
			return a.one
		}
	}
	return "change"
}

func (a *app) approveCommand() *cobra.Command {
	numbers := make([]int64, len(approvable))
	var computation, as string
	c := &cobra.Command{
		Use:   "approve [KEY] --exits N | --joins N | --computation ID | --conversions N | --suppressions N | --reversals N [--as NAME]",
		Short: "Let through some of what the guard holds",
		Long: `Let through some of what the guard holds; impactsync status shows what that is, and
why. Look at the input first: a broken list looks like a mass exit.

  approve KEY --exits N         up to N people may leave the trait
  approve KEY --joins N         up to N people may join it
  approve KEY --computation ID  accept the changes of a new computation (or
                                space) under this key for good; its exits and
                                joins are then judged like any others
  approve --conversions N       up to N conversions may go, the oldest first
  approve --suppressions N      up to N people on the suppression list may be
                                suppressed
  approve --reversals N         up to N orders that were refunded may be taken
                                back at impact.com, the oldest first

An approval covers what is held now, and the next run within 24 hours, which sends it.
Whatever that run no longer finds held, for example because the list was fixed, is no
longer approved. Until then status shows the approval. Who gave it is kept, in the view
approvals: the user of the operating system, the host, and the name given by --as.` +
			exits("approved", "1   failed; or nothing like it is held", exitStateLine, "64  usage or configuration, or a key that the state does not know"),
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			what, err := approval(numbers, computation, args)
			if err == nil {
				what.By, err = approver(as)
			}
			if err != nil {
				return err
			}
			return a.changed(c.Context(), func(db *state.DB) error { return a.approve(c.Context(), db, what) })
		},
	}
	for i, d := range approvable {
		c.Flags().Int64Var(&numbers[i], string(d.direction), 0, d.usage)
	}
	c.Flags().StringVar(&as, "as", "", "the name of who approves, for the view approvals")
	c.Flags().StringVar(&computation, "computation", "", "the computation's id, or the space's if it has none")
	return c
}

const approveHint = "impactsync status shows what is held, with the command for it"

// approval returns what the flags approve.
func approval(numbers []int64, computation string, args []string) (what state.Approval, err error) {
	given, ofKey := 0, true
	for i, n := range numbers {
		if n != 0 {
			given, ofKey, what = given+1, approvable[i].ofKey, state.Approval{Direction: approvable[i].direction, Most: n}
		}
	}
	if computation != "" {
		given, what = given+1, state.Approval{Direction: state.NewComputation, Computation: computation}
	}
	switch {
	case given > 1:
		return what, usage(approveHint, "one of --exits, --joins, --conversions, --suppressions, --reversals and --computation at a time")
	case given == 0 || what.Most < 0:
		return what, usage(approveHint, "one of --exits N, --joins N, --conversions N, --suppressions N, --reversals N (more than 0) and --computation ID is required")
	case ofKey != (len(args) > 0):
		return what, usage(approveHint, "a trait key goes with --exits, --joins and --computation, and none with --conversions, --suppressions and --reversals")
	}
	if ofKey {
		what.Key = args[0]
	}
	return what, nil
}

// mostName is how long a name may be.
const mostName = 100

// approver returns who approves.
func approver(as string) (state.Approver, error) {
	if len(as) > mostName || strings.Contains(as, "@") || strings.ContainsFunc(as, unicode.IsControl) {
		return state.Approver{}, usage("", "--as: a name of at most %d letters on one line, and no e-mail address, since the state keeps none", mostName)
	}
	host, _ := os.Hostname()
	return state.Approver{OSUser: osUser(), Host: host, As: as}, nil
}

// osUser returns the name of the operating system's user, or the number of one who
// has no name, as in most containers.
func osUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Getuid())
}

func (a *app) approve(ctx context.Context, db *state.DB, what state.Approval) error {
	got, err := db.Approve(ctx, what)
	if errors.Is(err, state.ErrNothingHeld) {
		err = &failure{impactsync.ExitFailed, err, approveHint}
	}
	v := struct {
		Key       string          `json:"key,omitempty"`
		Direction state.Direction `json:"direction"`
		Approved  int64           `json:"approved"`
		Held      int64           `json:"held"`
	}{what.Key, what.Direction, got.Granted, got.Held}
	return a.result(v, unknownKey(err), func(w io.Writer) {
		if v.Key != "" {
			fmt.Fprintf(w, "%s: ", v.Key)
		}
		if what.Direction == state.NewComputation {
			fmt.Fprintf(w, "computation %s approved; %s held for it now. The next run judges them like any others.\n", what.Computation, count(v.Held, "change"))
			return
		}
		going := got.Granted + got.Before
		does, which := "sends", "all of them"
		if what.Direction == state.Suppressions {
			does = "takes out"
		}
		if going < v.Held {
			which = humanize.Comma(going) + " of them; the rest stays held"
		}
		fmt.Fprintf(w, "approved for 24 hours: %s of %s. The next run %s %s.\n", humanize.Comma(v.Approved), count(v.Held, "held "+oneOf(what.Direction)), does, which)
	})
}
