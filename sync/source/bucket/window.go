package bucket

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"github.com/impactsync/impactsync/sync/source"
)

// DefaultMaxLine is how long a line may be where nothing else is configured,
// in bytes. Segment takes calls of at most 32 KB
// (https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/#max-request-size).
const DefaultMaxLine = 1 << 20

// ErrTooLong says that a line is longer than the window's limit. The line is
// passed over, so reading can go on behind it.
var ErrTooLong = errors.New("line too long")

// Window cuts decoded bytes into lines, in memory of at most the longest line
// allowed and one buffer, and knows the position of what was taken. It is for
// one goroutine.
type Window struct {
	src  io.Reader
	buf  []byte
	r, w int // the unread part of buf
	max  int

	offset, line int64
	sum          hash.Hash // nil: no hash is wanted
	hashed       int       // buf[hashed:r] was taken but is not in sum yet

	limit int64 // no more than this many bytes are taken from src, while >= 0
	open  bool  // the last line taken had no newline
	err   error // of src
}

// NewWindow makes a window over src for lines of at most maxLine bytes
// ([DefaultMaxLine] for 0). Only with a hash its position is one to resume
// from; the hash costs about as much as reading.
func NewWindow(src io.Reader, maxLine int, withHash bool) *Window {
	if maxLine <= 0 {
		maxLine = DefaultMaxLine
	}
	size := min(bufferSize, maxLine+1)
	if r, ok := src.(*Reader); ok {
		size = int(min(int64(size), 4096+8*r.object.Size)) // about what it is unzipped
	}
	w := &Window{src: src, buf: make([]byte, size), max: maxLine, limit: -1}
	if withHash {
		w.sum = sha256.New()
	}
	return w
}

// Position is the position behind what was taken.
func (w *Window) Position() source.Position {
	p := source.Position{Offset: w.offset, Line: w.line}
	if w.sum != nil {
		w.addHash()
		p.Hash = w.sum.Sum(nil)
	}
	return p
}

// Lines is how many lines were taken.
func (w *Window) Lines() int64 { return w.line }

// Line takes the next line, without its line end. It is valid until the next
// call. At the end it gives io.EOF; a last line need not have a line end.
// After [ErrTooLong] the next call gives the line behind the long one.
func (w *Window) Line() ([]byte, error) {
	line, size, err := w.peekLine()
	if err != nil {
		return nil, err
	}
	w.take(size)
	w.endLine(size > len(line))
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

// peekLine gives the next line and its size with its newline, and takes
// nothing, except for a line that is too long.
func (w *Window) peekLine() (line []byte, size int, err error) {
	w.closeLine()
	for scanned := 0; ; {
		unread := w.buf[w.r:w.w]
		if i := bytes.IndexByte(unread[scanned:], '\n'); i >= 0 && scanned+i <= w.max {
			return unread[:scanned+i], scanned + i + 1, nil
		}
		if len(unread) > w.max {
			return nil, 0, w.dropLine()
		}
		scanned = len(unread)
		if w.fill() {
			continue
		}
		if scanned > 0 && errors.Is(w.err, io.EOF) {
			return unread, scanned, nil
		}
		return nil, 0, w.err
	}
}

// closeLine takes the newline that a line at the former end of a grown object
// has got since.
func (w *Window) closeLine() {
	if !w.open || w.r == w.w && !w.fill() {
		return
	}
	w.open = false
	if w.buf[w.r] == '\n' {
		w.take(1)
	}
}

// dropLine takes the rest of a line without holding it.
func (w *Window) dropLine() error {
	for {
		unread := w.buf[w.r:w.w]
		if i := bytes.IndexByte(unread, '\n'); i >= 0 {
			w.take(i + 1)
			w.endLine(true)
			return ErrTooLong
		}
		w.take(len(unread))
		if w.fill() {
			continue
		}
		if !errors.Is(w.err, io.EOF) {
			return w.err
		}
		w.endLine(false)
		return ErrTooLong
	}
}

func (w *Window) endLine(closed bool) {
	w.line++
	w.open = !closed
}

// take moves on by n bytes that are in the buffer.
func (w *Window) take(n int) {
	w.r += n
	w.offset += int64(n)
}

func (w *Window) addHash() {
	if w.sum != nil {
		w.sum.Write(w.buf[w.hashed:w.r])
	}
	w.hashed = w.r
}

// fill reads more behind the unread part and reports whether it got any.
func (w *Window) fill() bool {
	if w.err != nil {
		return false
	}
	if w.w == len(w.buf) {
		w.makeRoom()
	}
	room := w.buf[w.w:]
	if w.limit >= 0 {
		room = room[:min(int64(len(room)), w.limit-w.offset-int64(w.w-w.r))]
	}
	if len(room) == 0 {
		w.err = io.EOF
		return false
	}
	for range 100 {
		n, err := w.src.Read(room)
		w.w += n
		w.err = err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	w.err = io.ErrNoProgress
	return false
}

func (w *Window) makeRoom() {
	w.addHash()
	to := w.buf
	if w.r < len(w.buf)/2 {
		to = make([]byte, min(2*len(w.buf), w.max+bufferSize))
	}
	w.w = copy(to, w.buf[w.r:w.w])
	w.buf, w.r, w.hashed = to, 0, 0
}

// Resume runs step, which takes one record and gives io.EOF at the end, up to a
// position that an earlier reading gave, and reports whether the bytes before
// it are still the same. If so, reading goes on behind it; else the window is
// of no more use.
func (w *Window) Resume(from source.Position, step func() error) (same bool, err error) {
	w.limit = from.Offset
	for err == nil && w.offset < from.Offset {
		err = step()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if at := w.Position(); at.Offset != from.Offset || !bytes.Equal(at.Hash, from.Hash) {
		return false, nil
	}
	w.limit = -1
	if errors.Is(w.err, io.EOF) {
		w.err = nil
	}
	return true, nil
}
