package spool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Config says where a spool is and how large it may get. All fields are required but
// Synced.
type Config struct {
	Dir         string        // made if it is not there; for one process at a time
	MaxBytes    int64         // nothing more is taken once the files have this size
	MinFree     int64         // nor when the disk has less than this left
	RotateBytes int64         // a file is complete when it has this size
	RotateEvery time.Duration // or when it is this old
	Synced      func(took time.Duration)
	Log         *slog.Logger
}

// Errors of a spool.
var (
	// ErrFull says that nothing is taken until somebody has made room.
	ErrFull = errors.New("the spool is full")
	// ErrLocked says that another process has the spool.
	ErrLocked = errors.New("another process has the spool")
	// ErrClosed says that the spool was closed.
	ErrClosed = errors.New("the spool is closed")
)

const (
	suffix = ".ndjson.gz"
	part   = ".part" // after suffix, while a file grows

	// gathering is how long the first lines of a group wait for others, so that a
	// busy spool needs some hundred syncs a second, whatever the disk could do.
	gathering = 4 * time.Millisecond
	mostGroup = 4 << 20
	lookEvery = 5 * time.Second
)

// Spool is an open spool. It is safe for concurrent use.
type Spool struct {
	cfg   Config
	lock  *os.File
	queue chan *entry
	quit  chan struct{}
	done  chan struct{}
	room  atomic.Pointer[Room]
	added atomic.Int64 // bytes since room was looked at
	// broken is why nothing is tried until the folder is looked at again.
	broken atomic.Pointer[error]

	// The goroutine's own.
	file     file
	failures int // since something was stored
}

// entry is what one Put brings. Either the spool takes its lines, or a sender who waits no
// longer takes them back, so that they hold no memory while a disk hangs.
type entry struct {
	lines atomic.Pointer[[]byte]
	taken []byte // by the spool
	done  chan error
}

// take returns the lines to whoever asks first; nil to everybody else.
func (e *entry) take() []byte {
	if lines := e.lines.Swap(nil); lines != nil {
		return *lines
	}
	return nil
}

// Open opens a spool, and completes the files that an earlier process left.
func Open(cfg Config) (*Spool, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the spool's folder: %w", err)
	}
	lock, err := acquire(filepath.Join(cfg.Dir, ".lock"))
	if err != nil {
		return nil, err
	}
	s := &Spool{cfg: cfg, lock: lock, queue: make(chan *entry, 1024), quit: make(chan struct{}), done: make(chan struct{})}
	if err = s.recover(); err == nil {
		err = s.look()
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	go s.run()
	return s, nil
}

// Put adds lines, each with its line end, and returns when they are on disk. After an
// error they may be there or not.
func (s *Spool) Put(ctx context.Context, lines []byte) error {
	if err := s.Full(); err != nil {
		return err
	}
	e := &entry{done: make(chan error, 1)}
	e.lines.Store(&lines)
	select {
	case s.queue <- e:
	case <-s.quit:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		e.take()
		return context.Cause(ctx)
	case <-s.done:
	}
	select { // it may have been the last
	case err := <-e.done:
		return err
	default:
		return ErrClosed
	}
}

// Close completes the file and releases the spool. It is called once.
func (s *Spool) Close() error {
	close(s.quit)
	<-s.done
	return errors.Join(s.complete(), s.lock.Close())
}

// run stores what is put, until the spool is closed.
func (s *Spool) run() {
	defer close(s.done)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case first := <-s.queue:
			s.commit(s.gather(first))
		case <-s.file.due():
			s.rotate()
		case <-tick.C:
			s.tend()
		case <-s.quit:
			s.drain()
			return
		}
	}
}

// gather returns an entry with those that came while it waited, as far as their senders
// still wait.
func (s *Spool) gather(first *entry) (group []*entry) {
	size := 0
	add := func(e *entry) {
		if e.taken = e.take(); e.taken != nil {
			group, size = append(group, e), size+len(e.taken)
		}
	}
	add(first)
	wait := time.NewTimer(gathering)
	defer wait.Stop()
	for size < mostGroup {
		select {
		case e := <-s.queue:
			add(e)
		case <-wait.C:
			return group
		}
	}
	return group
}

func (s *Spool) commit(group []*entry) {
	if len(group) == 0 {
		return
	}
	err := s.store(group)
	if err == nil {
		s.failures = 0
	} else {
		s.cfg.Log.Error("the spool cannot be written; senders are told to try again", "error", err)
		if s.failures++; s.failures > 1 { // another file did not help
			s.broken.Store(&err)
		}
	}
	for _, e := range group {
		e.done <- err
	}
}

// drain stores what was put before the spool was closed.
func (s *Spool) drain() {
	for {
		select {
		case first := <-s.queue:
			s.commit(s.gather(first))
		default:
			return
		}
	}
}

func (s *Spool) rotate() {
	if err := s.complete(); err != nil {
		s.cfg.Log.Error("a file of the spool cannot be completed; it is tried again", "error", err)
	}
}

// tend looks how much room there is, completes what could not be completed, and has a
// disk that could not be written tried again.
func (s *Spool) tend() {
	s.broken.Store(nil)
	err := s.look()
	if s.file.left {
		unable := s.recover()
		s.file.left = unable != nil
		err = errors.Join(err, unable)
	}
	if err != nil {
		s.cfg.Log.Error("the spool's folder cannot be looked after", "error", err)
	}
}
