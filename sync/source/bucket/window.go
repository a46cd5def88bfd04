package bucket

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/impactsync/impactsync/sync/source"
)

// DefaultMaxLine is how long a line may be by default, in bytes. Segment accepts
// calls of at most 32 KB
// (https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/#max-request-size).
const DefaultMaxLine = 1 << 20

// ErrTooLong says that a line is longer than the window's limit. The line is
// skipped, so reading can continue after it.
var ErrTooLong = errors.New("line too long")

var newline = []byte("\n")

// Window cuts decoded bytes into lines and knows the position after them. It needs
// memory for the longest line allowed and one buffer. It is for one goroutine.
//
// Bytes are taken, which moves the position, only when their record is returned.
type Window struct {
	src   *bufio.Reader
	limit *io.LimitedReader // below src
	max   int
	held  []byte // a record that does not fit into src's buffer

	offset, line int64
	sum          hash.Hash // XXH64 of what was taken
	oldSum       hash.Hash // SHA-256 of it, while resuming from a position that has that

	resuming bool
	open     bool // the last line taken had no newline
}

// NewWindow returns a window over src for lines of at most maxLine bytes
// ([DefaultMaxLine] for 0).
func NewWindow(src io.Reader, maxLine int) *Window {
	if maxLine <= 0 {
		maxLine = DefaultMaxLine
	}
	size := min(bufferSize, maxLine+1)
	if r, ok := src.(*Reader); ok {
		size = int(min(int64(size), 4096+8*r.object.Size)) // about its size when unzipped
	}
	limit := &io.LimitedReader{R: src, N: math.MaxInt64}
	return &Window{src: bufio.NewReaderSize(limit, size), limit: limit, max: maxLine, sum: xxhash.New()}
}

// Position returns the position after what was taken.
func (w *Window) Position() source.Position {
	return source.Position{Offset: w.offset, Line: w.line, Hash: w.sum.Sum(nil)}
}

// Lines returns how many lines were taken.
func (w *Window) Lines() int64 { return w.line }

// Line takes the next line and returns it without its line end, valid until the
// next call. At the end it returns [io.EOF]; the last line need not have a line
// end. After [ErrTooLong] the next call returns the line after the long one.
func (w *Window) Line() ([]byte, error) {
	line, err := w.readLine()
	if err != nil {
		return nil, err
	}
	w.take(line)
	w.endLine(line)
	return bytes.TrimSuffix(bytes.TrimSuffix(line, newline), []byte("\r")), nil
}

// readLine reads a line with its newline, but takes only one that is too long.
func (w *Window) readLine() (line []byte, err error) {
	w.closeLine()
	w.held = w.held[:0]
	for tooLong := false; ; {
		part, err := w.src.ReadSlice('\n')
		more := errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !more && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if line = part; more || len(w.held) > 0 {
			w.held = append(w.held, part...)
			line = w.held
		}
		if tooLong = tooLong || len(bytes.TrimSuffix(line, newline)) > w.max; tooLong {
			w.take(line)
			w.held = w.held[:0]
		}
		switch {
		case more:
		case tooLong:
			w.endLine(part)
			return nil, ErrTooLong
		case len(line) == 0:
			return nil, io.EOF
		default:
			return line, nil
		}
	}
}

// closeLine takes the newline that the last line has received since, if the object
// has grown.
func (w *Window) closeLine() {
	if !w.open {
		return
	}
	if next, err := w.src.Peek(1); err == nil {
		w.open = false
		if next[0] == '\n' {
			w.skip(1)
		}
	}
}

// endLine counts a line that was taken; line ends with its last bytes.
func (w *Window) endLine(line []byte) {
	w.line++
	w.open = !bytes.HasSuffix(line, newline)
}

// take counts bytes that were read.
func (w *Window) take(read []byte) {
	w.offset += int64(len(read))
	_, _ = w.sum.Write(read)
	if w.oldSum != nil {
		_, _ = w.oldSum.Write(read)
	}
}

// skip takes n bytes that are in the buffer.
func (w *Window) skip(n int) {
	next, _ := w.src.Peek(n)
	w.take(next)
	_, _ = w.src.Discard(n)
}

// Resume calls step, which takes one record and returns [io.EOF] at the end, until
// it reaches a position of an earlier reading. It reports whether the bytes before
// that are still the same. If so, reading continues there; if not, the window
// cannot be used any more. Nothing may have been read before. Earlier versions hashed
// with SHA-256.
func (w *Window) Resume(from source.Position, step func() error) (same bool, err error) {
	sum := w.sum
	if len(from.Hash) == sha256.Size {
		w.oldSum = sha256.New()
		sum = w.oldSum
	}
	w.limit.N, w.resuming = from.Offset, true
	for err == nil && w.offset < from.Offset {
		err = step()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	w.limit.N, w.resuming, w.oldSum = math.MaxInt64, false, nil
	return w.offset == from.Offset && bytes.Equal(sum.Sum(nil), from.Hash), nil
}
