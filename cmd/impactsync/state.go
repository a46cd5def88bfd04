package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
)

func (a *app) stateCommand() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "state",
		Short: "Check, back up, restore, migrate or compact the state file",
		Long:  "Look after the state file." + exits("done", exitFailLine, exitLockLine, exitStateLine, exitUsageLine),
	})
	c.AddCommand(a.stateCheck(), a.stateBackup(), a.stateRestore(), a.stateMigrate(), a.stateCompact())
	return c
}

func (a *app) stateCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Look for damage and recount everything",
		Long: `Look for damage in the state file: SQLite's own integrity check, rows without an
owner, statuses that contradict their values, and counters that do not add up. It
reads the whole file and changes nothing.` + exits("the state is sound", "1   there is no state yet", "12  problems, listed on stdout", exitUsageLine),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.viewed(c.Context(), func(db *state.DB) error {
				problems, err := db.Check(c.Context())
				if err != nil {
					return err
				}
				v := struct {
					OK       bool     `json:"ok"`
					Problems []string `json:"problems,omitempty"`
				}{len(problems) == 0, problems}
				err = a.result(v, nil, func(w io.Writer) {
					for _, p := range problems {
						fmt.Fprintln(w, p)
					}
					if v.OK {
						fmt.Fprintf(w, "%s: sound\n", db.Path())
					}
				})
				if err == nil && !v.OK {
					err = &failure{impactsync.ExitState, fmt.Errorf("%s: %s", db.Path(), count(int64(len(problems)), "problem")),
						"keep a copy of the file and report this; impactsync state restore FILE restores a backup"}
				}
				return err
			})
		},
	}
}

func (a *app) stateBackup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the state to a new file, even during a run",
		Long: `Copy the state to a new, self-contained file with mode 0600, even during a run. An
existing file is not overwritten.` + exits("copied", exitFailLine, exitReadLine, exitUsageLine),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := a.look()
			if err != nil {
				return err
			}
			return a.opened(c.Context(), cfg, state.Options{ReadOnly: true, Older: true}, func(db *state.DB) error {
				err := db.Backup(c.Context(), args[0])
				size := sizeOf(args[0])
				return a.result(map[string]any{"file": args[0], "bytes": size}, err, func(w io.Writer) {
					fmt.Fprintf(w, "%s: %s\n", args[0], humanize.IBytes(uint64(size)))
				})
			})
		},
	}
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func (a *app) stateRestore() *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Replace the state with a backup",
		Long: `Check a backup and put it in the place of the state file. The present file is kept
beside it as PATH.before-restore-TIME.

What impact.com was sent after the backup was made is not known. So every value that
it was ever sent is put in doubt, and the next run sends them all again: members as
true, those who left as an explicit false. Events since then are read and sent again;
impact.com drops a repeated conversion within its own window, but not a repeated page
load.` +
			exits("restored", exitFailLine, exitLockLine, "12  the backup is damaged, not a state, or newer than this program; or it, or the state, is bound to another destination", exitUsageLine),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := a.look()
			if err != nil {
				return err
			}
			return a.holding(cfg, func() error { return a.restore(c.Context(), cfg, args[0]) })
		},
	}
}

func (a *app) restore(ctx context.Context, c *config.Config, backup string) error {
	path := c.State.Path
	r, err := state.Restore(ctx, path, backup, binding(c), time.Now())
	return a.result(map[string]any{"due": r.Doubts, "replaced": r.Old}, err, func(w io.Writer) {
		if r.Old != "" {
			fmt.Fprintf(w, "What was there before is kept as %s.\n", r.Old)
		}
		fmt.Fprintf(w, `Restored %s.
%s in doubt: the next run sends them again, because it is not known what impact.com was sent since the backup.
Events since the backup are read and sent again: repeated conversions are dropped by impact.com within its own window, repeated page loads are not.
Look first: impactsync plan
`, path, count(r.Doubts, "value"))
	})
}

func (a *app) stateMigrate() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the state to this program's schema, as the next run does",
		Long: `Bring a state of an older version to this program's schema. The next run does so by
itself. Until then, status and other commands refuse the older state; backup and plan
accept it. The only way back is a backup.` + exits("it has this program's schema", exitFailLine, exitLockLine, exitStateLine, exitUsageLine),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.locked(c.Context(), func(db *state.DB) error { // opening migrates it
				return a.result(map[string]any{"file": db.Path(), "ok": true}, nil, func(w io.Writer) {
					fmt.Fprintf(w, "%s: has this program's schema\n", db.Path())
				})
			})
		},
	}
}

func (a *app) stateCompact() *cobra.Command {
	return &cobra.Command{
		Use:   "compact",
		Short: "Return free pages to the disk",
		Long: `Rewrite the state file without its free pages. While it works it needs as much free
disk space as the file takes.` + exits("done", "1   failed, for example because the disk is full; nothing is lost", exitLockLine, exitStateLine, exitUsageLine),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.locked(c.Context(), func(db *state.DB) error {
				before := sizeOf(db.Path())
				err := db.Compact(c.Context())
				after := sizeOf(db.Path())
				return a.result(map[string]int64{"bytes_before": before, "bytes": after}, err, func(w io.Writer) {
					fmt.Fprintf(w, "%s: %s, was %s\n", db.Path(), humanize.IBytes(uint64(after)), humanize.IBytes(uint64(before)))
				})
			})
		},
	}
}
