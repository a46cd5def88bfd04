package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"golang.org/x/sys/unix"
)

func (d *doctor) checkState(ctx context.Context) {
	path := d.config.State.Path
	d.checkDisk(path)
	if err := d.local(d.config); err != nil {
		d.failed("state", "", err)
	}
	db, err := state.Open(ctx, state.Options{Path: path, Neighbours: d.config.Neighbours, ReadOnly: true, Binding: binding(d.config)})
	switch {
	case errors.Is(err, state.ErrNoFolder):
		return // the disk's check says it
	case errors.Is(err, state.ErrMissing):
		d.ok("state", "%s: not there yet; the first run creates it", path)
		d.checkToldAlone(ctx)
		return
	case err != nil:
		d.failed("state", "", err)
		return
	}
	defer db.Close()
	d.ok("state", "%s: %s, of this destination", path, humanize.IBytes(uint64(sizeOf(path))))
	s, err := db.Status(ctx, 1)
	if err != nil {
		d.failed("state", "impactsync state check", err)
		return
	}
	for _, c := range s.Crowds {
		d.warn("id "+c.ID, crowdHint, "%s under one %s: probably not one person's; nothing more is merged into it, and it shares no click id", crowdText(c), strings.ReplaceAll(c.Kind, "_", " "))
	}
	d.checkLock(s)
	d.checkQuota(ctx, db)
	d.checkTold(ctx, db)
}

// checkTold looks at the tables of what impact.com was told.
func (d *doctor) checkTold(ctx context.Context, db *state.DB) {
	if _, any, err := keptElsewhere(ctx, db); err == nil && !any && !keepsTold(d.config) {
		return
	}
	err := d.elsewhere(ctx, d.config, db, true, false, func(e *impactsync.Elsewhere) error {
		bad := map[*impactsync.Place]bool{}
		e.Ready(ctx, func(at *impactsync.Place, err error) {
			bad[at] = true
			d.failed("told", "make the schema with the statements in docs/sources.md; impactsync told create then makes its tables and shows that it may", err)
		})
		for _, at := range e.Places {
			switch {
			case bad[at]:
			case e.There(at):
				d.ok("told", "schema %s: the tables are there, of this state, and have lost no rows", at.Name)
			default:
				d.ok("told", "schema %s: no tables yet; impactsync told create, or the first run, makes them", at.Name)
			}
		}
		return nil
	})
	if err != nil {
		d.failed("told", "", err)
	}
}

// checkToldAlone looks at these tables as a run that begins with an empty state would, if
// there is no state.
func (d *doctor) checkToldAlone(ctx context.Context) {
	if !keepsTold(d.config) {
		return
	}
	err := d.withEmpty(ctx, d.config, func(path string) error {
		db, err := state.Open(ctx, state.Options{Path: path, ReadOnly: true, Binding: binding(d.config)})
		if err != nil {
			return err
		}
		d.checkTold(ctx, db)
		return db.Close()
	})
	if err != nil {
		d.failed("told", "", err)
	}
}

// checkToldOnline looks at these tables with the state, if there is one.
func (d *doctor) checkToldOnline(ctx context.Context) {
	if !keepsTold(d.config) {
		return
	}
	db, err := state.Open(ctx, state.Options{Path: d.config.State.Path, Neighbours: d.config.Neighbours, ReadOnly: true, Binding: binding(d.config)})
	switch {
	case errors.Is(err, state.ErrMissing), errors.Is(err, state.ErrNoFolder):
		d.checkToldAlone(ctx)
	case err != nil:
		d.failed("state", "", err)
	default:
		defer db.Close()
		d.checkTold(ctx, db)
	}
}

// checkLock tries the lock only if the state has a run without an end, so that it
// does not get in the way of a run that begins.
func (d *doctor) checkLock(s state.Status) {
	if len(s.Runs) == 0 || s.Runs[0].EndedAt != "" {
		d.ok("lock", "no run is under way")
		return
	}
	lock, err := state.Acquire(d.config.State.Path, time.Now())
	if err != nil {
		d.ok("lock", "%v", err)
		return
	}
	_ = lock.Release()
	d.warn("lock", "nothing: the next run continues where it stopped", "run %d exited before finishing", s.Runs[0].Run)
}

func (d *doctor) checkQuota(ctx context.Context, db *state.DB) {
	api, err := db.HostStatus(ctx, state.HostAPI)
	if err != nil {
		d.failed("quota", "impactsync state check", err)
		return
	}
	switch used, most := api.SentLastHour, int64(d.config.Delivery.ConversionsPerHour); {
	case most == 0:
		d.ok("quota", "%s to the API host in the last hour; no limit of our own", count(used, "request"))
	case used >= most:
		d.warn("quota", "runs wait or exit with 4 until the hour is over", "%d of our own %d requests an hour used", used, most)
	default:
		d.ok("quota", "%d of our own %d requests an hour to the API host used", used, most)
	}
}

// checkDisk checks that there is room for the state to grow and for a copy of it.
func (d *doctor) checkDisk(path string) {
	folder := filepath.Dir(path)
	var fs unix.Statfs_t
	err := unix.Statfs(folder, &fs)
	if errors.Is(err, unix.ENOENT) {
		d.failed("disk", noFolderHint, fmt.Errorf("%w: state.path: %s", state.ErrNoFolder, folder))
		return
	}
	if err != nil {
		d.failed("disk", "create the folder, or mount the volume", &failure{code: impactsync.ExitState, err: &os.PathError{Op: "look at", Path: folder, Err: err}})
		return
	}
	if err := unix.Access(folder, unix.W_OK); err != nil {
		d.failed("disk", "let this user write to the folder: SQLite also writes beside the file", &failure{code: impactsync.ExitState, err: &os.PathError{Op: "write to", Path: folder, Err: err}})
		return
	}
	free := uint64(fs.Bavail) * uint64(fs.Bsize) //nolint:unconvert // the types differ between systems
	const least = 256 << 20
	if free < least+uint64(sizeOf(path)) {
		d.warn("disk", "free some space, enlarge the volume, or: impactsync state compact", "%s free in %s", humanize.IBytes(free), folder)
		return
	}
	d.ok("disk", "%s free in %s", humanize.IBytes(free), folder)
}
