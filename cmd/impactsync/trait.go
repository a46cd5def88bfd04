package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
)

// unknownKey makes a trait key that the state does not know an error of usage.
func unknownKey(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return usage("impactsync status lists the keys; impactsync key NAME prints the key of a name", "%w", err)
	}
	return err
}

func (a *app) adoptCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "adopt KEY",
		Short: "Mark everything wanted of a trait as delivered, and send nothing",
		Long: `Read the inputs as run would, mark everything wanted of this trait as delivered, and
send nothing. Use it for a trait that Segment's hosted connection has been sending.
Switch that connection off first; from then on, run sends changes only.` +
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
				err = a.result(report, nil, func(w io.Writer) {
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
		Short: "Resend every value of a trait that impact.com was sent",
		Long: `Mark every value of this trait that impact.com was ever sent as doubtful, so that the
next run sends it again: members as true, those who left as an explicit false. Retries
become due at once; what is refused or held stays so. Nothing is forgotten.` + exits("done", exitFailLine, exitLockLine, exitStateLine, "64  usage or configuration, or a key that the state does not know"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.locked(c.Context(), func(db *state.DB) error {
				if err := a.bringTrait(c.Context(), db, args[0]); err != nil {
					return err
				}
				n, err := db.Resync(c.Context(), args[0])
				return a.result(map[string]int64{"due": n}, unknownKey(err), func(w io.Writer) {
					fmt.Fprintf(w, "%s: %s due again; the next run sends them\n", args[0], count(n, "value"))
				})
			})
		},
	}
}
