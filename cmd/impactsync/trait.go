package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
)

// unknownKey makes a trait key that the state does not know a matter of usage.
func unknownKey(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return &failure{code: usageExit, err: err, hint: "impactsync status lists the keys; impactsync key NAME makes one of a name"}
	}
	return err
}

func (a *app) approveCommand() *cobra.Command {
	var most int64
	c := &cobra.Command{
		Use:   "approve KEY --exits N",
		Short: "Let up to N held exits of a trait through",
		Long: `Let up to N of the exits that the guard holds for this trait through, within the
next 24 hours. Look at the list first: a broken one looks like a mass exit. The next
run sends them.` + exits("approved", exitFailLine, exitStateLine, "64  usage or configuration, or a key that the state does not know"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if most <= 0 {
				return usage("impactsync status shows how many are held", "--exits N is required, and more than 0")
			}
			return a.changed(c.Context(), func(db *state.DB) error {
				held, err := db.Approve(c.Context(), args[0], most)
				if err != nil {
					return unknownKey(err)
				}
				v := struct {
					Key      string `json:"key"`
					Approved int64  `json:"approved"`
					Held     int64  `json:"held"`
				}{args[0], most, held}
				return a.result(v, func(w io.Writer) {
					fmt.Fprintf(w, "%s: %s approved for 24 hours; %s held now. The next run sends them.\n", v.Key, count(most, "exit"), count(held, "value"))
				})
			})
		},
	}
	c.Flags().Int64Var(&most, "exits", 0, "how many exits may go")
	return c
}

func (a *app) adoptCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "adopt KEY",
		Short: "Take what is wanted of a trait as delivered, and send nothing",
		Long: `Read the inputs as run would, then take what is wanted of this trait as delivered,
and send nothing: for a trait that Segment's hosted connection has told impact.com
of until now. Switch that connection off first; from then on run sends changes only.` +
			exits("adopted", exitFailLine, exitLockLine, exitStateLine, "64  usage or configuration, or no input has the key", "130 interrupted by SIGINT"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := withSignals(c.Context())
			defer stop()
			cfg, err := a.load()
			if err != nil {
				return err
			}
			report, err := a.pass(ctx, cfg, impactsync.Options{Adopt: args[0]})
			if errors.Is(err, state.ErrNotFound) {
				return unknownKey(err)
			}
			if report.Run != 0 && err == nil {
				err = a.result(report, func(w io.Writer) {
					fmt.Fprintf(w, "%s: %s adopted; nothing was sent (%s)\n", args[0], count(report.Adopted, "value"), took(report.Seconds))
				})
			}
			return outcome(report, err)
		},
	}
}

func (a *app) resyncCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "resync KEY",
		Short: "Say again everything that impact.com was told of a trait",
		Long: `Set doubt on every value of this trait that impact.com was ever told, so that the
next run says it again: members as true, those who left as an explicit false.
Nothing is forgotten.` + exits("done", exitFailLine, exitLockLine, exitStateLine, "64  usage or configuration, or a key that the state does not know"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.locked(c.Context(), func(db *state.DB) error {
				n, err := db.Resync(c.Context(), args[0])
				if err != nil {
					return unknownKey(err)
				}
				return a.result(map[string]int64{"due": n}, func(w io.Writer) {
					fmt.Fprintf(w, "%s: %s due again; the next run sends them\n", args[0], count(n, "value"))
				})
			})
		},
	}
}

func (a *app) forgetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "forget USER",
		Short: "Remove a person from the state for good",
		Long: `Remove the person with this user id, else with this anonymous id or e-mail address
(or its SHA-1): ids, trait values, events and attempts.

It does not reach what impact.com holds of the person, nor backups of the state, nor
the input: somebody who is still on a list, or in messages that come again, is read
again as a stranger. Delete the person in Segment first, and ask impact.com.` +
			exits("removed", "1   nobody of this id is known", exitLockLine, exitStateLine, exitUsageLine),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.locked(c.Context(), func(db *state.DB) error {
				n, err := forget(c.Context(), db, idOf(args[0]))
				if err != nil {
					return err
				}
				return a.result(map[string]int64{"removed_rows": n}, func(w io.Writer) {
					fmt.Fprintf(w, `Removed: %s of this person.
Not removed: what impact.com holds, backups of the state, and the input. Who is on a list or in messages that are read again comes back as a stranger.
The bytes stay in the file's free pages until: impactsync state compact
`, count(n, "row"))
				})
			})
		},
	}
}

// forget tries the id as each kind of id, in the order in which the state keys people.
func forget(ctx context.Context, db *state.DB, id string) (n int64, err error) {
	for _, p := range []state.Person{{UserID: id}, {AnonymousID: id}, {EmailSHA1: id}} {
		if n, err = db.Forget(ctx, p); !errors.Is(err, state.ErrNotFound) {
			return n, err
		}
	}
	return 0, &failure{code: 1, err: err, hint: "ids are byte-exact; impactsync explain USER looks without changing anything"}
}
