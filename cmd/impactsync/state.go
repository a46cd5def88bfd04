package main

import (
	"fmt"
	"io"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
)

func (a *app) stateCommand() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "state",
		Short: "Check, back up, restore, migrate, compact or move the state",
		Long:  "Look after the state file." + exits("done", exitFailLine, exitLockLine, exitStateLine, exitUsageLine),
	})
	c.AddCommand(a.stateCheck(), a.stateBackup(), a.stateRestore(), a.stateMigrate(), a.stateCompact(), a.stateMove())
	return c
}

func (a *app) stateCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Look for damage and recount everything",
		Long: `Look for damage in the state file: SQLite's own integrity check, rows without an
owner, statuses that contradict their values, and counters that do not add up. It
reads the whole file and changes nothing. With diff: warehouse, it also looks whether the
tables there are this state's, and have lost rows.` + exits("the state is sound", "1   there is no state yet", "12  problems, listed on stdout", exitUsageLine),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.viewed(c.Context(), func(db *state.DB) error {
				problems, err := db.Check(c.Context())
				hint := "keep a copy of the file and report this; impactsync state restore FILE restores a backup"
				if err == nil && len(problems) == 0 {
					hint = "the state file is sound, the table in the warehouse is not: docs/state.md says what to do if it is lost"
				}
				if err == nil {
					problems, err = a.checkElsewhere(c.Context(), db, problems)
				}
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
					err = &failure{impactsync.ExitState, fmt.Errorf("%s: %s", db.Path(), count(int64(len(problems)), "problem")), hint}
				}
				return err
			})
		},
	}
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
