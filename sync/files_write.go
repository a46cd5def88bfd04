package sync

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/sourcegraph/conc/iter"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/bulk"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/transport"
)

// ordersAtOnce is how many orders of a file are in memory.
const ordersAtOnce = 8000

// fileBuffer lets the SFTP client have many requests under way.
const fileBuffer = 1 << 20

// attempt is one attempt to send orders by files.
type attempt struct {
	*pass
	folder        *transport.Folder
	claimed       *state.ClaimedFiles
	items, orders output
	scribes       []*scribe
	left          []state.LeftOut
	notes         map[string]int64
}

// output is a file that is being written under its temporary name.
type output struct {
	state.FileSize
	name    string
	columns *bulk.Columns
	file    io.WriteCloser // nil until it has an order
	buffer  *bufio.Writer
}

// writeFiles sends the orders of a claim. Whatever fails before a file is about to get
// its name makes its orders due again.
func (p *pass) writeFiles(ctx context.Context, folder *transport.Folder, claimed *state.ClaimedFiles) error {
	a := &attempt{pass: p, folder: folder, claimed: claimed, notes: map[string]int64{}}
	a.items = output{FileSize: state.FileSize{ID: claimed.Items.ID}, name: claimed.Items.Name}
	a.orders = output{FileSize: state.FileSize{ID: claimed.Orders.ID}, name: claimed.Orders.Name}
	a.items.columns, a.orders.columns = bulk.NewColumns(p.Mapper.ConversionParameters())
	for range runtime.GOMAXPROCS(0) {
		a.scribes = append(a.scribes, newScribe(p.Engine, a.items.columns, a.orders.columns))
	}
	p.Progress.start("file", "of conversions", claimed.Claimed, "orders")
	defer p.Progress.done()
	if err := a.write(ctx); err != nil {
		return a.abandon(ctx, err)
	}
	return a.name(ctx)
}

// write writes both files to their ends.
func (a *attempt) write(ctx context.Context) error {
	if err := a.allLines(ctx); err != nil {
		return err
	}
	if _, err := a.State.FileTurn(ctx, a.claimed, a.left, 0, 0); err != nil {
		return fmt.Errorf("record which orders a file does not get: %w", err)
	}
	if err := errors.Join(a.items.end(a.folder), a.orders.end(a.folder)); err != nil {
		return err
	}
	a.Point("files written")
	for word, n := range a.notes {
		if err := a.State.Count(ctx, word, n); err != nil {
			return err
		}
	}
	if err := a.State.CloseFiles(ctx, a.items.FileSize, a.orders.FileSize); err != nil {
		return fmt.Errorf("record that files are whole: %w", err)
	}
	return nil
}

// allLines writes the lines of all orders. While some are written, the next ones are
// read.
func (a *attempt) allLines(ctx context.Context) error {
	reading := a.read(ctx, 0)
	for {
		some := <-reading
		if some.err != nil || len(some.claims) == 0 {
			return some.err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		reading = a.read(ctx, some.claims[len(some.claims)-1].Delivery)
		if err := a.lines(ctx, some.claims); err != nil {
			<-reading // nothing is left out any more once the attempt is abandoned
			return err
		}
		a.Progress.add(int64(len(some.claims)))
	}
}

type fileTurn struct {
	claims []*state.Claim
	err    error
}

// read reads the orders after an id, and records what the files do not get of those
// before.
func (a *attempt) read(ctx context.Context, after int64) <-chan fileTurn {
	left, done := a.left, make(chan fileTurn, 1)
	a.left = nil
	go func() {
		claims, err := a.State.FileTurn(ctx, a.claimed, left, after, ordersAtOnce)
		if err != nil {
			err = fmt.Errorf("read the orders of a file: %w", err)
		}
		done <- fileTurn{claims, err}
	}()
	return done
}

// lines writes the lines of some orders, in their order.
func (a *attempt) lines(ctx context.Context, claims []*state.Claim) error {
	parts := slices.Collect(slices.Chunk(claims, (len(claims)+len(a.scribes)-1)/len(a.scribes)))
	iter.ForEachIdx(parts, func(i int, part *[]*state.Claim) { a.scribes[i].write(ctx, *part) })
	for _, s := range a.scribes[:len(parts)] {
		if s.err != nil {
			return s.err
		}
		a.left = append(a.left, s.left...)
		for word, n := range s.notes {
			a.notes[word] += n
		}
		if err := errors.Join(a.items.take(a.folder, &s.items), a.orders.take(a.folder, &s.orders)); err != nil {
			return err
		}
	}
	return nil
}

// take appends lines.
func (o *output) take(folder *transport.Folder, s *sheet) error {
	if s.orders == 0 {
		return nil
	}
	if o.file == nil {
		if err := o.begin(folder); err != nil {
			return fmt.Errorf("make the file %s: %w", o.name, err)
		}
	}
	o.Orders, o.Lines = o.Orders+s.orders, o.Lines+s.lines
	return o.put(s.text.Bytes())
}

func (o *output) put(text []byte) error {
	n, err := o.buffer.Write(text)
	o.Bytes += int64(n)
	if err != nil {
		return fmt.Errorf("write the file %s: %w", o.name, err)
	}
	return nil
}

// begin makes the file and writes its header.
func (o *output) begin(folder *transport.Folder) (err error) {
	if o.file, err = folder.Create(temporary(o.name)); err != nil {
		return err
	}
	o.buffer = bufio.NewWriterSize(o.file, fileBuffer)
	var header bytes.Buffer
	w := bulk.NewWriter(&header, o.columns)
	if err := errors.Join(w.WriteHeader(), w.Flush()); err != nil {
		return err
	}
	return o.put(header.Bytes())
}

// end closes the file, and compares its size with what was written.
func (o *output) end(folder *transport.Folder) error {
	if o.file == nil {
		return nil
	}
	err := errors.Join(o.buffer.Flush(), o.file.Close())
	o.file = nil
	if err != nil {
		return fmt.Errorf("write the file %s: %w", o.name, err)
	}
	size, err := folder.Size(temporary(o.name))
	if err != nil {
		return fmt.Errorf("look at the file %s: %w", o.name, err)
	}
	if size != o.Bytes {
		return fmt.Errorf("the size of the file %s is %d there, and %d was written", o.name, size, o.Bytes)
	}
	return nil
}

// name gives the files their names: from then on impact.com may have them.
func (a *attempt) name(ctx context.Context) error {
	for _, o := range []*output{&a.items, &a.orders} {
		if o.Orders == 0 {
			continue
		}
		f := state.File{ID: o.ID, Name: o.name, Bytes: o.Bytes}
		a.Point("before a file gets its name")
		failed := a.folder.Rename(temporary(o.name), o.name)
		a.Point("after a file got its name")
		if err := a.wasNamed(ctx, a.folder, f); err != nil {
			return err
		}
		if failed != nil {
			return a.filesStopped(ctx, fmt.Errorf("name the file %s: %w", o.name, failed))
		}
		a.Log.InfoContext(ctx, "conversions were sent in a file", "file", o.name, "orders", o.Orders, "lines", o.Lines, "bytes", o.Bytes)
	}
	return nil
}

// abandon makes the orders of both files due again: they did not get their names.
func (a *attempt) abandon(ctx context.Context, why error) error {
	text := why.Error()
	if cause := context.Cause(ctx); cause != nil {
		text = cause.Error()
	}
	for _, o := range []*output{&a.items, &a.orders} {
		if o.file != nil {
			_ = o.file.Close() // what matters failed before
		}
		if err := a.State.WithdrawFile(ctx, o.ID, text); err != nil {
			return errors.Join(why, err)
		}
		if o == &a.orders && o.buffer == nil { // it was never begun, and the other file says why
			if err := a.State.CloseFiles(ctx, o.FileSize); err != nil {
				return errors.Join(why, err)
			}
			continue
		}
		if a.folder.Remove(temporary(o.name)) == nil {
			why = errors.Join(why, a.State.FileTidied(ctx, o.ID))
		}
	}
	return why
}

// scribe turns orders into lines. Each has its own memory, so that several can work at
// a time.
type scribe struct {
	*Engine
	dec           segment.Decoder
	items, orders sheet
	left          []state.LeftOut
	notes         map[string]int64
	err           error
}

// sheet is the lines of some orders.
type sheet struct {
	text          bytes.Buffer
	writer        *bulk.Writer
	orders, lines int64
}

func newScribe(e *Engine, items, orders *bulk.Columns) *scribe {
	s := &scribe{Engine: e, dec: segment.Decoder{Placeholders: e.Mapper.Placeholders()}}
	s.items.writer, s.orders.writer = bulk.NewWriter(&s.items.text, items), bulk.NewWriter(&s.orders.text, orders)
	return s
}

func (s *scribe) write(ctx context.Context, claims []*state.Claim) {
	s.left, s.notes = s.left[:0], map[string]int64{}
	for _, sheet := range []*sheet{&s.items, &s.orders} {
		sheet.text.Reset()
		sheet.orders, sheet.lines = 0, 0
	}
	for _, c := range claims {
		left, err := s.order(ctx, c)
		if err != nil {
			s.err = err
			return
		}
		if left != nil {
			s.left = append(s.left, *left)
		}
	}
	s.err = errors.Join(s.items.writer.Flush(), s.orders.writer.Flush())
}

// order writes the lines of an order, or returns why it is not in the file of items.
func (s *scribe) order(ctx context.Context, c *state.Claim) (*state.LeftOut, error) {
	m, err := s.message(&s.dec, c)
	if err != nil {
		return s.leave(c, err), nil
	}
	defer m.Release()
	req, err := s.request(ctx, m, c)
	if err != nil {
		return s.leave(c, err), nil
	}
	if req.Kind != mapping.Conversion { // an install has to be asked for its click first
		return &state.LeftOut{Delivery: c.Delivery, Why: state.ByAPI}, nil
	}
	for _, n := range req.Notes {
		s.notes["note_"+n.Word]++
	}
	var unfit *bulk.UnfitError
	err = s.items.add(req)
	without := errors.Is(err, bulk.ErrWithoutItems)
	if without {
		err = s.orders.add(req)
	}
	switch {
	case errors.As(err, &unfit):
		return &state.LeftOut{Delivery: c.Delivery, Why: state.ByAPI}, nil
	case err == nil && without:
		return &state.LeftOut{Delivery: c.Delivery, Why: state.WithoutItems}, nil
	}
	return nil, err
}

func (s *sheet) add(req mapping.Request) error {
	n, err := s.writer.Write(req.Params)
	if err == nil {
		s.orders, s.lines = s.orders+1, s.lines+int64(n)
	}
	return err
}

// leave returns what becomes of an order from which no conversion can be made.
func (s *scribe) leave(c *state.Claim, err error) *state.LeftOut {
	o := unmade(state.Outcome{}, err)
	left := &state.LeftOut{Delivery: c.Delivery, Why: state.ByAPI, Class: o.Class, Error: o.Error, Fingerprint: s.Mapper.Fingerprint()}
	switch o.Result {
	case state.Refused:
		left.Why = state.NotSendable
	case state.TooOld:
		left.Why = state.TooOldToSend
	}
	return left
}
