package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
)

func (a *app) resendCommand() *cobra.Command {
	var risk bool
	c := &cobra.Command{
		Use:   "resend ORDER",
		Short: "Make one order due again that impact.com did not count",
		Long: `Make one order due again: the next run sends it. What is not kept of it any more is read
again from where its message came from.

It refuses an order of which impact.com has an action that counts: sending that again
would count it twice once impact.com has forgotten the order id, and be dropped before.
It also refuses one whose verdict is not known, unless --risk is given. An order that
impact.com accepted and credited to no partner may be sent again; while impact.com
remembers the order id, it answers CONV_DUPLICATE, and nothing changes.` +
			exits("due again", "1   it would double, is not settled, or its message is gone; or the state does not know it", exitLockLine, exitStateLine, exitUsageLine),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := withSignals(c.Context())
			defer stop()
			cfg, err := a.load()
			if err != nil {
				return err
			}
			var n int
			err = a.withEngine(ctx, cfg, "",
				func(fn func(*state.DB) error) error {
					return a.holding(cfg, func() error { return a.opened(ctx, cfg, state.Options{Binding: binding(cfg)}, fn) })
				},
				func(e *impactsync.Engine) (err error) {
					n, err = e.Resend(ctx, args[0], risk)
					return err
				})
			return a.result(map[string]int{"due": n}, unsendable(err, args[0]), func(w io.Writer) {
				fmt.Fprintf(w, "order %s is due again; the next run sends it\n", plain(args[0]))
			})
		},
	}
	c.Flags().BoolVar(&risk, "risk", false, "also an order of which impact.com may still make an action")
	return c
}

// unsendable says what to do about an order that is not sent again.
func unsendable(err error, order string) error {
	for _, known := range []struct {
		err  error
		hint string
	}{
		{impactsync.ErrWouldDouble, "impactsync reconcile, then impactsync explain " + order},
		{impactsync.ErrNoMessage, "put the file back where the source reads it"},
		{impactsync.ErrNotSent, "impactsync explain " + order},
		{state.ErrNotFound, "ids are byte-exact; impactsync explain shows orders, too"},
		{state.ErrNotResendable, "impactsync explain " + order},
	} {
		if errors.Is(err, known.err) {
			return &failure{impactsync.ExitFailed, err, known.hint}
		}
	}
	return err
}
