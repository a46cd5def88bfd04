package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/source/suppressions"
	"github.com/spf13/cobra"
)

func (a *app) forgetCommand() *cobra.Command {
	var undo, mayReturn bool
	c := &cobra.Command{
		Use:   "forget USER",
		Short: "Remove a person from the state for good, and keep them out",
		Long: `Remove the person with this user id, anonymous id, or e-mail address (or its SHA-1):
all their ids, trait values, events and attempts. An address removes everybody who is
known by it, also by an event that was not sent yet; this reads everything that is due.
An id that is nobody's is looked for in the orders and messages of guests, who have no
id. It can be used during a run.

Keyed hashes of the ids stay (HMAC-SHA-256, with privacy.hashKey or hashKeyFile of the
configuration): from now on, lists and messages are read without this person, until
--undo. Without a key nobody can be kept out, and --may-return is required: a person
who is still on a list, or in messages that come again, then returns as a stranger.

It does not change what impact.com holds about the person, nor backups of the state.
The bytes stay in free pages of the file until impactsync state compact.` +
			exits("removed, or let in again", "1   nobody with this id is known or kept out", exitStateLine, "64  usage or configuration, such as no hash key"),
		Example: `  impactsync forget u-1042
  impactsync forget --undo u-1042      let the person in again; nothing comes back by itself`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := a.look()
			if err != nil {
				return err
			}
			key, err := hashKey(cfg)
			if err != nil {
				return err
			}
			if err := checkForget(key, undo, mayReturn); err != nil {
				return err
			}
			if err := somebody(cfg, args[0]); err != nil && !undo { // an older version may have kept it out
				return err
			}
			return a.writing(c.Context(), cfg, key, func(db *state.DB) error {
				if undo {
					return a.readmit(c.Context(), db, args[0])
				}
				return a.forget(c.Context(), db, idOf(args[0]))
			})
		},
	}
	c.Flags().BoolVar(&undo, "undo", false, "let a forgotten person in again, by any id they had")
	c.Flags().BoolVar(&mayReturn, "may-return", false, "remove only: without a hash key nothing keeps the person out")
	return c
}

// hashKey is the configured one; a file that cannot be read is no missing key.
func hashKey(c *config.Config) ([]byte, error) {
	for _, w := range c.Warnings {
		if w.Key == "privacy.hashKey" || w.Key == "privacy.hashKeyFile" && c.Privacy.HashKey == "" {
			return nil, &failure{code: usageExit, err: errors.New(w.String())}
		}
	}
	return []byte(c.Privacy.HashKey), nil
}

func checkForget(key []byte, undo, mayReturn bool) error {
	const make = "make a key with: openssl rand -hex 32, and name its file in privacy.hashKeyFile; see docs/privacy.md"
	switch {
	case undo && mayReturn:
		return usage("", "--undo and --may-return do not go together")
	case len(key) == 0 && undo:
		return usage(make, "--undo needs the hash key that the person was forgotten with")
	case len(key) == 0 && !mayReturn:
		return usage(make, "no hash key is configured: nothing would keep the person out (--may-return removes them anyway)")
	case len(key) > 0 && mayReturn:
		return usage("", "--may-return is for configurations without a hash key")
	}
	return nil
}

func (a *app) forget(ctx context.Context, db *state.DB, id string) error {
	removed, err := db.Forget(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		return &failure{code: 1, err: err, hint: "ids are byte-exact; impactsync explain USER looks without changing anything"}
	}
	if err != nil {
		return err
	}
	keptOut := db.KeepsOut()
	v := struct {
		Removed int64 `json:"removed_rows"`
		KeptOut bool  `json:"kept_out"`
	}{removed, keptOut}
	return a.result(v, func(w io.Writer) {
		if removed == 0 {
			fmt.Fprintln(w, "Nobody of this id is known: nothing was removed.")
		} else {
			fmt.Fprintf(w, "Removed: %s of this person.\n", count(removed, "row"))
		}
		if keptOut {
			fmt.Fprintln(w, "Kept out from now on, until: impactsync forget --undo")
		} else {
			fmt.Fprintln(w, "Not kept out: who is on a list, or in messages that are read again, comes back as a stranger.")
		}
		fmt.Fprintln(w, "Not removed: what impact.com holds, and backups of the state.")
		fmt.Fprintln(w, "The bytes stay in the file's free pages until: impactsync state compact")
	})
}

func (a *app) readmit(ctx context.Context, db *state.DB, id string) error {
	n, err := db.Readmit(ctx, idOf(id))
	if errors.Is(err, state.ErrNotFound) {
		err = &failure{code: 1, err: err, hint: "ids are byte-exact; any id that the person had when forgotten will do"}
	}
	return a.answer(map[string]int64{"readmitted_ids": n}, err, func(w io.Writer) {
		fmt.Fprintf(w, "Let in again (%s). The next newer list, or the next message, makes the person known.\n", count(n, "id"))
	})
}

// suppressions are the lists of suppressed people that are configured.
func (w *wiring) suppressions(ctx context.Context, p config.Privacy) error {
	if p.SuppressionList != "" {
		var err error
		if w.files, err = suppressions.Open(ctx, p.SuppressionList); err != nil {
			return err
		}
		w.suppressed = append(w.suppressed, w.files)
	}
	if p.SegmentToken != "" {
		w.suppressed = append(w.suppressed, &suppressions.API{Base: p.SegmentURL, Token: string(p.SegmentToken)})
	}
	return nil
}
