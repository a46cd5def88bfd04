package bucket

import (
	"fmt"
	"io"
	"math"
)

// ranged reads parts of an object as they are stored, with a request each, for
// formats that have their directory at the end; so nothing has to be written to
// disk. Small reads are served from one buffer.
type ranged struct {
	r    *Reader
	buf  []byte
	at   int64 // of buf in the object
	left int64 // bytes that may still be fetched
}

// ReadAt implements io.ReaderAt.
func (a *ranged) ReadAt(p []byte, off int64) (n int, err error) {
	size := a.r.object.Size
	if off < 0 || off >= size {
		return 0, io.EOF
	}
	want := int(min(int64(len(p)), size-off))
	if want >= bufferSize {
		n, err = a.fetch(p[:want], off)
	} else {
		if err = a.cover(off, want); err == nil {
			n = copy(p[:want], a.buf[off-a.at:])
		}
	}
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// cover fills the buffer with a part that includes these bytes: they and what
// follows them, or the object's end.
func (a *ranged) cover(off int64, want int) error {
	if off >= a.at && off+int64(want) <= a.at+int64(len(a.buf)) {
		return nil
	}
	size := a.r.object.Size
	length := min(bufferSize, size)
	at := min(off, size-length)
	if int64(cap(a.buf)) < length {
		a.buf = make([]byte, length)
	}
	n, err := a.fetch(a.buf[:length], at)
	a.buf, a.at = a.buf[:n], at
	return err
}

func (a *ranged) fetch(p []byte, off int64) (int, error) {
	if a.left -= int64(len(p)); a.left < 0 {
		return 0, errDirectory
	}
	r := a.r
	raw, err := r.b.stored(r.ctx, r.object, off, int64(len(p)))
	if err != nil {
		r.readErr = err
		return 0, err
	}
	defer raw.Close()
	if r.differs(raw.Size(), raw.ModTime()) {
		r.readErr = r.changed()
		return 0, r.readErr
	}
	n, err := io.ReadFull(raw, p)
	r.taken += int64(n)
	if err != nil {
		r.readErr = fmt.Errorf("the connection was lost: %s", err.Error())
		return n, r.readErr
	}
	return n, nil
}

// Parquet returns the object itself if it is a Parquet file. These are read from
// their end, not by Read. The caller passes errors to [Reader.Damaged].
func (r *Reader) Parquet() (at io.ReaderAt, size int64, ok bool) {
	if r.format != formatParquet {
		return nil, 0, false
	}
	return &ranged{r: r, left: math.MaxInt64}, r.object.Size, true
}
