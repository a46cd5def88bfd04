package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/spf13/cobra"
)

func (a *app) stateBackup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE|URL",
		Short: "Copy the state to a new file or object, even during a run",
		Long: `Copy the state to a new, self-contained file with mode 0600, even during a run, and
its checksum to FILE.sha256, which sha256sum -c and state restore understand. An
existing file is not overwritten.

A URL (s3://, gs:// or azblob://, with the parameters that a source's url takes) copies
it to a bucket: the temporary folder holds the copy meanwhile. If the URL ends in a
slash, the object's name is made from the time. The credentials must be able to write
objects there.` + exits("copied", exitFailLine, exitReadLine, exitUsageLine),
		Example: `  impactsync state backup state-copy.db
  impactsync state backup 's3://your-bucket/backups/?region=eu-west-1'`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := withSignals(c.Context())
			defer stop()
			cfg, err := a.look()
			if err != nil {
				return err
			}
			return a.opened(ctx, cfg, state.Options{ReadOnly: true, Older: true}, func(db *state.DB) error { return a.backup(ctx, db, args[0]) })
		},
	}
}

// copied is a backup that was made.
type copied struct {
	File   string `json:"file"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func (a *app) backup(ctx context.Context, db *state.DB, to string) error {
	copyTo := copyToFile
	if isURL(to) {
		copyTo = copyToBucket
	}
	made, err := copyTo(ctx, db, to)
	return a.result(made, impactsync.Cause(ctx, err), func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s, sha256 %s\n", made.File, humanize.IBytes(uint64(made.Bytes)), made.SHA256)
	})
}

func copyToFile(ctx context.Context, db *state.DB, file string) (copied, error) {
	if err := db.Backup(ctx, file); err != nil {
		return copied{}, err
	}
	sum, err := os.ReadFile(file + state.SumSuffix)
	hex, _, _ := strings.Cut(string(sum), " ")
	return copied{file, sizeOf(file), hex}, err
}

// copyToBucket writes the checksum last: a backup that has one is complete.
func copyToBucket(ctx context.Context, db *state.DB, url string) (made copied, err error) {
	b, name, err := openObject(ctx, url)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if name == "" {
		name = time.Now().UTC().Format("state-20060102T150405Z.db")
	}
	err = inTemp(func(dir string) error {
		if made, err = copyToFile(ctx, db, filepath.Join(dir, name)); err != nil {
			return err
		}
		if err := upload(ctx, b, dir, name); err != nil {
			return err
		}
		return upload(ctx, b, dir, name+state.SumSuffix)
	})
	made.File = strings.TrimSuffix(b.URL(), "/") + "/" + name
	return made, err
}

// inTemp runs fn with a folder of its own, which only this user may read.
func inTemp(fn func(dir string) error) (err error) {
	dir, err := os.MkdirTemp("", "impactsync-state-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return fn(dir)
}

func upload(ctx context.Context, b *bucket.Bucket, dir, name string) error {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	return b.Create(ctx, name, f)
}

func download(ctx context.Context, b *bucket.Bucket, dir, name string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(b.Get(ctx, name, f), f.Close())
}

func isURL(name string) bool { return strings.Contains(name, "://") }

// openObject opens the bucket of an object and returns the object's name.
func openObject(ctx context.Context, url string) (*bucket.Bucket, string, error) {
	if strings.HasPrefix(url, "file:") {
		return nil, "", usage("", "%q: write the path of the file, without file://", url)
	}
	folder, name, err := bucket.Split(url)
	if err != nil {
		return nil, "", usage("", "%w", err)
	}
	b, err := bucket.Open(ctx, folder, bucket.Options{})
	if err != nil {
		return nil, "", usage("", "%w", err)
	}
	return b, name, nil
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
		Use:   "restore FILE|URL",
		Short: "Replace the state with a backup",
		Long: `Check a backup and put it in the place of the state file. The present file is kept
beside it as PATH.before-restore-TIME. Before anything is touched, the backup is compared
with FILE.sha256, if that is there, and its length with what its header says: a copy
that was cut short is refused (exit 12). From a bucket, the checksum must be there.

What impact.com was sent after the backup was made is not known. So every value that
it was ever sent is put in doubt, and the next run sends them all again: members as
true, those who left as an explicit false. Events since then are read and sent again;
impact.com drops a repeated conversion within its own window, but not a repeated page
load.` +
			exits("restored", exitFailLine, exitLockLine, "12  the backup is damaged, not a state, or newer than this program; or it, or the state, is bound to another destination", exitUsageLine),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, stop := withSignals(c.Context())
			defer stop()
			cfg, err := a.look()
			if err != nil {
				return err
			}
			return a.holding(cfg, func() error {
				if isURL(args[0]) {
					return impactsync.Cause(ctx, a.restoreFromBucket(ctx, cfg, args[0]))
				}
				return impactsync.Cause(ctx, a.restore(ctx, cfg, args[0]))
			})
		},
	}
}

func (a *app) restoreFromBucket(ctx context.Context, c *config.Config, url string) (err error) {
	b, name, err := openObject(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if name == "" {
		return usage("", "%s: name the backup", b.URL())
	}
	return inTemp(func(dir string) error {
		switch err := download(ctx, b, dir, name+state.SumSuffix); {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%w, or that backup is not complete: its checksum is written last; list the folder, and name another backup", err)
		case err != nil:
			return err
		}
		if err := download(ctx, b, dir, name); err != nil {
			return err
		}
		if err := a.restore(ctx, c, filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("%s/%s: %w", strings.TrimSuffix(b.URL(), "/"), name, err)
		}
		return nil
	})
}

func (a *app) restore(ctx context.Context, c *config.Config, backup string) error {
	path := c.State.Path
	r, err := state.Restore(ctx, path, backup, binding(c), time.Now())
	if err == nil && !r.Summed {
		a.log.Warn("there was no checksum beside the backup to compare it with; its structure is sound", "missing", backup+state.SumSuffix)
	}
	return a.result(map[string]any{"due": r.Doubts, "replaced": r.Old, "checksum_compared": r.Summed}, err, func(w io.Writer) {
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
