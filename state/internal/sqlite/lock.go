package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// ErrLocked says that another process holds the state.
var ErrLocked = errors.New("another run holds the state")

// Lock is the right to change the state. The operating system takes it back
// when the process ends, however it ends.
type Lock struct {
	file *flock.Flock
}

// Acquire takes the lock beside the state file, or returns [ErrLocked] with who has
// held it since when. It does not wait.
func Acquire(statePath string, now time.Time) (*Lock, error) {
	path := Resolve(statePath) + ".lock"
	l := &Lock{file: flock.New(path, flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR))}
	got, err := l.file.TryLock()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: state.path: %s", ErrNoFolder, filepath.Dir(statePath))
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) { // it may be that of another user's run
		return nil, fmt.Errorf("%w: lock: %w", ErrNotWritable, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: lock %s: %w", ErrUnusable, path, err)
	}
	if !got {
		by := holder(path)
		if got, _ = l.file.TryLock(); !got { // it may only have been looked at, see [Held]
			return nil, fmt.Errorf("%w: %s, held by %s", ErrLocked, statePath, by)
		}
	}
	host, _ := os.Hostname()
	owner := fmt.Sprintf("process %d on %s since %s\n", os.Getpid(), host, now.UTC().Format(time.RFC3339))
	// The text is for people; the lock is what counts.
	_ = os.WriteFile(path, []byte(owner), 0o600)
	return l, nil
}

// Held reports whether a process holds the lock, as far as that can be seen.
func Held(statePath string) bool {
	path := Resolve(statePath) + ".lock"
	if !exists(path) {
		return false
	}
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	got, err := l.TryRLock()
	if got {
		_ = l.Unlock()
	}
	return err != nil || !got
}

// holder reads who holds the lock. It waits a moment first: a process that has just
// taken the lock may not have written its name yet.
func holder(path string) string {
	for range 10 {
		<-time.After(50 * time.Millisecond)
		text, err := os.ReadFile(path)
		if s := strings.TrimSpace(string(text)); err == nil && s != "" && len(s) < 300 {
			return s
		}
	}
	return "an unknown process"
}

// Resolve returns the path of a file without links: two names of one file must not
// make two locks.
func Resolve(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(folder, filepath.Base(path))
	}
	return path
}

// Release releases the lock. The file stays, empty: removing it would let two
// processes lock two files of one name.
func (l *Lock) Release() error {
	_ = os.Truncate(l.file.Path(), 0) // nobody holds it any more
	return l.file.Unlock()
}
