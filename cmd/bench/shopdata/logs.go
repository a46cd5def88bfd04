package shopdata

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// object is a JSON object; encoding/json writes its keys in order.
type object map[string]any

// logs writes messages into segment-logs/<source>/<day in ms>/*.gz, Segment's
// layout (https://segment.com/docs/connections/storage/catalog/aws-s3/). It keeps
// the first error for the end.
type logs struct {
	dir   string
	step  int
	files map[string]*logFile // open ones, by source
	parts map[string]int      // how many files each source and slot has
	err   error
}

type logFile struct {
	slot string
	size int // before compression
	file *os.File
	zip  *gzip.Writer
	out  *bufio.Writer
}

// maxLog bounds a file; Segment's have 100 MB at most.
const maxLog = 64 << 20

// add logs a message that Segment received at a time.
func (l *logs) add(source string, received time.Time, m object) {
	line, err := json.Marshal(m)
	if err != nil {
		l.err = errors.Join(l.err, err)
		return
	}
	l.raw(source, received, line)
}

// raw logs a line as it is.
func (l *logs) raw(source string, received time.Time, line []byte) {
	f, err := l.open(source, received)
	if err != nil {
		l.err = errors.Join(l.err, err)
		return
	}
	f.size += len(line) + 1
	_, err = f.out.Write(append(bytes.Clone(line), '\n'))
	l.err = errors.Join(l.err, err)
}

// open returns the file for a source and an eight-hour slot. A slot that comes
// again gets a file of its own.
func (l *logs) open(source string, received time.Time) (*logFile, error) {
	day := received.Truncate(24 * time.Hour).UnixMilli()
	slot := fmt.Sprintf("%s/%d/%d-%02d", source, day, day, received.Hour()/8*8)
	f := l.files[source]
	if f != nil && f.slot == slot && f.size < maxLog {
		return f, nil
	}
	if f != nil {
		if err := f.close(); err != nil {
			return nil, err
		}
	}
	name := fmt.Sprintf("%s.%d.%03d.gz", slot, l.step, l.parts[slot])
	f, err := createLog(filepath.Join(l.dir, "segment-logs", name))
	if err != nil {
		return nil, err
	}
	f.slot = slot
	l.parts[slot]++
	l.files[source] = f
	return f, nil
}

func createLog(path string) (*logFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	z := gzip.NewWriter(file)
	return &logFile{file: file, zip: z, out: bufio.NewWriterSize(z, 1<<16)}, nil
}

func (f *logFile) close() error {
	return errors.Join(f.out.Flush(), f.zip.Close(), f.file.Close())
}

func (l *logs) close() error {
	var err error
	for _, f := range l.files {
		err = errors.Join(err, f.close())
	}
	return err
}
