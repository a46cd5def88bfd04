package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// fileStatuses are the statuses of files, from those that need nothing.
var fileStatuses = []string{state.FileComplete, state.FileSent, state.FileWriting, state.FileLeaving, state.FileWithdrawn, state.FileRetried, state.FileUnknown}

func (a *app) fileCommand() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "file",
		Short: "List files of conversions, look at one, or send its orders again",
		Long: `Conversions go to impact.com in files where conversions.route says so. A file is sent,
then complete once impact.com's list of files says so; its orders are in doubt until
then. One that impact.com never completes is unknown after conversions.file.unknownAfter,
and nothing of it is sent again until somebody says so.` + exits("done", exitFailLine, exitStateLine, exitUsageLine),
	})
	c.AddCommand(a.fileListCommand(), a.fileShowCommand(), a.fileRetryCommand())
	return c
}

func (a *app) fileListCommand() *cobra.Command {
	var status string
	var limit int
	c := &cobra.Command{
		Use:   "list",
		Short: "List files of conversions, newest first",
		Long: `List files of conversions, newest first: how many orders each has, how many of them are
open or were refused, and what impact.com says of it.` + exits("listed", exitFailLine, exitReadLine, exitUsageLine),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if status != "" && !slices.Contains(fileStatuses, status) {
				return usage("", "--status %q is not one of %s", status, strings.Join(fileStatuses, ", "))
			}
			return a.viewed(c.Context(), func(db *state.DB) error {
				t, err := db.ConversionFiles(c.Context(), status, limit)
				return a.result(objects(t), err, func(w io.Writer) {
					if len(t.Rows) == 0 {
						fmt.Fprintln(w, "No file of conversions.")
						return
					}
					writeTable(w, t)
				})
			})
		},
	}
	c.Flags().StringVar(&status, "status", "", "only files of this status: "+strings.Join(fileStatuses, ", "))
	c.Flags().IntVar(&limit, "limit", 100, "show at most this many; 0 for all")
	return c
}

func (a *app) fileShowCommand() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:   "show FILE",
		Short: "Show what is known of a file of conversions",
		Long: `Show what is known of a file of conversions: when it was sent where, what impact.com
says of it, and of which orders and items impact.com says something.` + exits("shown", "1   failed; or there is no such file", exitReadLine, exitUsageLine),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.viewed(c.Context(), func(db *state.DB) error {
				file, said, err := db.ConversionFile(c.Context(), args[0], limit)
				if err != nil {
					return unknownFile(err)
				}
				v := struct {
					File   map[string]string   `json:"file"`
					Errors []map[string]string `json:"errors"`
				}{objects(file)[0], objects(said)}
				return a.result(v, nil, func(w io.Writer) { writeFile(w, file, said) })
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 100, "show at most this many of its errors; 0 for all")
	return c
}

func unknownFile(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return &failure{impactsync.ExitFailed, err, "impactsync file list shows the files there are"}
	}
	return err
}

func writeFile(w io.Writer, file, said state.Table) {
	values := objects(file)[0]
	table(w, func(w io.Writer) {
		for i, name := range file.Columns {
			if cell := file.Rows[0][i]; cell != "" && name != "id" {
				row(w, name, moment(cell))
			}
		}
	})
	if len(said.Rows) > 0 {
		fmt.Fprintln(w)
		writeTable(w, said)
	}
	if hint := fileHint(values["status"], values["file"]); hint != "" {
		fmt.Fprintln(w)
		fmt.Fprintln(w, hint)
	}
}

// fileHint says what can be done about a file.
func fileHint(status, name string) string {
	switch status {
	case state.FileSent:
		return "Its orders are in doubt until impact.com completes it. A folder is not impact.com: has somebody uploaded it, or is it fetched from there?"
	case state.FileUnknown:
		return "Look for it in impact.com's list of uploads. If impact.com has it, nothing is to be done: once its list shows it, its orders are settled.\n" +
			"If impact.com certainly has not: impactsync file retry " + name
	}
	return ""
}

func (a *app) fileRetryCommand() *cobra.Command {
	var anyway bool
	c := &cobra.Command{
		Use:   "retry FILE",
		Short: "Make the orders of a file due again that impact.com never completed",
		Long: `Make the orders of an unknown file due again: the next run sends them once more, in
another file or by the API. If impact.com took the file nevertheless, it drops the
repeated orders within the event type's own window, and counts them twice after it.
So look for the file in impact.com's list of uploads first.

A file that was sent less than conversions.file.unknownAfter ago is not unknown yet;
--anyway sends its orders again nevertheless.` + exits("done", "1   failed; or nothing of the file can be sent again", exitStateLine, exitUsageLine),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.changed(c.Context(), func(db *state.DB) error {
				n, err := db.RetryFile(c.Context(), args[0], anyway)
				switch {
				case errors.Is(err, state.ErrFileOpen):
					err = &failure{impactsync.ExitFailed, err, "wait, or look for it in impact.com's list of uploads; if it is certainly not there: impactsync file retry --anyway " + args[0]}
				case errors.Is(err, state.ErrFileSettled):
					err = &failure{impactsync.ExitFailed, err, "impactsync file show " + args[0]}
				default:
					err = unknownFile(err)
				}
				return a.result(map[string]int64{"retried": n}, err, func(w io.Writer) { fmt.Fprintln(w, n, "made due again, for the next run") })
			})
		},
	}
	c.Flags().BoolVar(&anyway, "anyway", false, "also a file that impact.com may still complete")
	return c
}
