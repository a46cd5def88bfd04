package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
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
			key, err := hashKey(cfg, undo, mayReturn)
			if err != nil {
				return err
			}
			if err := checkPerson(cfg, args[0]); err != nil && !undo { // an older version may keep it out
				return err
			}
			return a.opened(c.Context(), cfg, state.Options{Binding: binding(cfg), HashKey: key}, func(db *state.DB) error {
				if undo {
					return a.readmit(c.Context(), db, idOf(args[0]))
				}
				return a.forget(c.Context(), db, idOf(args[0]))
			})
		},
	}
	c.Flags().BoolVar(&undo, "undo", false, "let a forgotten person in again, by any id they had")
	c.Flags().BoolVar(&mayReturn, "may-return", false, "remove only: without a hash key nothing keeps the person out")
	return c
}

// hashKey returns the hash key. A key that cannot be read does not count as none.
func hashKey(c *config.Config, undo, mayReturn bool) ([]byte, error) {
	const make = "make a key with: openssl rand -hex 32, and name its file in privacy.hashKeyFile; see docs/privacy.md"
	key := []byte(c.Privacy.HashKey)
	for _, w := range c.Warnings {
		if w.Key == "privacy.hashKey" || w.Key == "privacy.hashKeyFile" && len(key) == 0 {
			return nil, usage("", "%v", w)
		}
	}
	switch {
	case undo && mayReturn:
		return nil, usage("", "--undo and --may-return do not go together")
	case len(key) == 0 && undo:
		return nil, usage(make, "--undo needs the hash key that the person was forgotten with")
	case len(key) == 0 && !mayReturn:
		return nil, usage(make, "no hash key is configured: nothing would keep the person out (--may-return removes them anyway)")
	case len(key) > 0 && mayReturn:
		return nil, usage("", "--may-return is for configurations without a hash key")
	}
	return key, nil
}

func (a *app) forget(ctx context.Context, db *state.DB, id string) error {
	if err := a.bringPerson(ctx, db, id); err != nil {
		return err
	}
	removed, err := db.Forget(ctx, id)
	if err == nil {
		err = a.forgetElsewhere(ctx, db)
	}
	if errors.Is(err, state.ErrNotFound) {
		err = &failure{impactsync.ExitFailed, err, "ids are byte-exact; impactsync explain USER looks without changing anything"}
	}
	keptOut := db.KeepsOut()
	return a.result(map[string]any{"removed_rows": removed, "kept_out": keptOut}, err, func(w io.Writer) {
		if removed == 0 {
			fmt.Fprintln(w, "Nobody with this id is known: nothing was removed.")
		} else {
			fmt.Fprintf(w, "Removed: %s of this person.\n", count(removed, "row"))
		}
		if keptOut {
			fmt.Fprintln(w, "Kept out from now on, until: impactsync forget --undo")
		} else {
			fmt.Fprintln(w, "Not kept out: if the person is on a list, or in messages that are read again, they come back as a stranger.")
		}
		fmt.Fprintln(w, "Not removed: what impact.com holds, and backups of the state.")
		fmt.Fprintln(w, "The bytes stay in the file's free pages until: impactsync state compact")
	})
}

func (a *app) readmit(ctx context.Context, db *state.DB, id string) error {
	n, err := db.Readmit(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		err = &failure{impactsync.ExitFailed, err, "ids are byte-exact; any id that the person had when forgotten will do"}
	}
	return a.result(map[string]int64{"readmitted_ids": n}, err, func(w io.Writer) {
		fmt.Fprintf(w, "Let in again (%s). The next newer list, or the next message, makes the person known again.\n", count(n, "id"))
	})
}
