package main

import (
	"context"
	"errors"
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
		d.bad("state", hintFor(err), err, impactsync.ExitCode(err))
	}
	db, err := state.Open(ctx, state.Options{Path: path, ReadOnly: true, Binding: binding(d.config)})
	switch {
	case errors.Is(err, state.ErrMissing):
		d.ok("state", "%s: not there yet; the first run makes it", path)
		return
	case err != nil:
		d.bad("state", hintFor(err), err, impactsync.ExitCode(err))
		return
	}
	defer db.Close()
	d.ok("state", "%s: %s, of this destination", path, humanize.IBytes(uint64(sizeOf(path))))
	s, err := db.Status(ctx, 1)
	if err != nil {
		d.bad("state", "impactsync state check", err, impactsync.ExitCode(err))
		return
	}
	for _, c := range s.Crowds {
		d.warn("id "+plain(c.ID), crowdHint, "%s under one %s: it is hardly one person's; nothing is merged into it, and it shares no click id", crowdText(c), strings.ReplaceAll(c.Kind, "_", " "))
	}
	d.checkLock(s)
	d.checkQuota(ctx, db)
}

// checkLock tries the lock only where a run without an end stands in the state,
// so as not to be in the way of one that begins.
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
	_ = lock.Release() // it was only tried
	d.warn("lock", "nothing: the next run continues where it stopped", "run %d exited before finishing", s.Runs[0].Run)
}

func (d *doctor) checkQuota(ctx context.Context, db *state.DB) {
	api, err := db.HostStatus(ctx, state.HostAPI)
	if err != nil {
		d.bad("quota", "impactsync state check", err, impactsync.ExitCode(err))
		return
	}
	used, most := api.SentLastHour, int64(d.config.Delivery.ConversionsPerHour)
	if most > 0 && used >= most {
		d.warn("quota", "runs wait or end with 4 until the hour is over", "%d of our own %d requests an hour used", used, most)
		return
	}
	if most == 0 {
		d.ok("quota", "%d requests to the API host in the last hour; no limit of our own", used)
		return
	}
	d.ok("quota", "%d of our own %d requests an hour to the API host used", used, most)
}

// checkDisk wants room for the state to grow and for a copy of it.
func (d *doctor) checkDisk(path string) {
	folder := filepath.Dir(path)
	var fs unix.Statfs_t
	if err := unix.Statfs(folder, &fs); err != nil {
		d.bad("disk", "create the folder, or mount the volume", &os.PathError{Op: "look at", Path: folder, Err: err}, impactsync.ExitState)
		return
	}
	free := uint64(fs.Bavail) * uint64(fs.Bsize) //nolint:unconvert // the types differ between systems
	if err := unix.Access(folder, unix.W_OK); err != nil {
		d.bad("disk", "SQLite writes beside the file, too: let this user write to the folder", &os.PathError{Op: "write to", Path: folder, Err: err}, impactsync.ExitState)
		return
	}
	const least = 256 << 20
	if free < least+uint64(sizeOf(path)) {
		d.warn("disk", "free some space, enlarge the volume, or: impactsync state compact", "%s free in %s", humanize.IBytes(free), folder)
		return
	}
	d.ok("disk", "%s free in %s", humanize.IBytes(free), folder)
}

func modeOf(path string) os.FileMode {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Mode().Perm()
}
