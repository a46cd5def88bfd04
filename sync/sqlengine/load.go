package sqlengine

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
)

// Loader is an engine that takes many rows for a table in a faster way than statements.
type Loader interface {
	Load(ctx context.Context, table Table, columns []string) Load
}

// Load are rows on their way to a table, where they are all together when End returned
// nil.
type Load interface {
	// Add adds a row: a string, an int64 or a bool for each column.
	Add(values ...any) error
	// End waits until the rows are there. With an error, it gives them up and returns that.
	End(err error) error
}

// StartLoad returns a load whose rows are encoded one after another. Take reads them in
// the background.
func StartLoad(encode func(w *bufio.Writer, values []any) error, take func(io.Reader) error) Load {
	r, w := io.Pipe()
	l := &load{encode: encode, pipe: w, to: bufio.NewWriterSize(w, 64<<10), taken: make(chan error, 1)}
	go func() {
		err := take(r)
		_ = r.CloseWithError(errTaken)
		l.taken <- err
	}()
	return l
}

// errTaken means that no more is taken; take itself says why.
var errTaken = errors.New("the rows were not taken to their end")

type load struct {
	encode func(*bufio.Writer, []any) error
	pipe   *io.PipeWriter
	to     *bufio.Writer
	taken  chan error
}

// Add implements [Load].
func (l *load) Add(values ...any) error { return l.encode(l.to, values) }

// End implements [Load].
func (l *load) End(err error) error {
	if err == nil {
		err = l.to.Flush()
	}
	_ = l.pipe.CloseWithError(err) // nil: that was all
	taken := <-l.taken
	if errors.Is(err, errTaken) {
		return cmp.Or(taken, err)
	}
	return cmp.Or(err, taken)
}

// JSONRow returns a row as an object in JSON.
func JSONRow(columns []string, values []any) ([]byte, error) {
	row := make(map[string]any, len(values))
	for i, v := range values {
		row[columns[i]] = v
	}
	return json.Marshal(row)
}
