package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/impactsync/impactsync/sync/source"
)

// mostFetched is how large an object may be that is fetched whole, before it is opened.
// Of larger ones the time is in reading them.
const mostFetched = 4 << 20

// fetched is an object that is being fetched, or was.
type fetched struct {
	ready chan struct{}
	keep  func() bool // stops its removal at the end of the context
	data  []byte
	err   error
}

// Fetch begins to fetch an object that is going to be opened, so that a server that is
// far away is not waited for; [Bucket.Open] then takes what came. It is kept in memory
// until then, or until the context ends: the caller bounds how many there are. A large
// object, and one of file://, is left alone. A failure shows when it is opened.
func (b *Bucket) Fetch(ctx context.Context, o source.Object) {
	if b.dir != "" || o.Size <= 0 || o.Size > mostFetched {
		return
	}
	f := &fetched{ready: make(chan struct{})}
	b.fetching.Store(keyOf(o), f)
	f.keep = context.AfterFunc(ctx, func() { b.fetching.CompareAndDelete(keyOf(o), f) })
	go func() {
		defer close(f.ready)
		f.data, f.err = b.fetch(ctx, o)
	}()
}

// fetch reads all of an object and verifies it.
func (b *Bucket) fetch(ctx context.Context, o source.Object) ([]byte, error) {
	raw, err := b.stored(ctx, o, 0, -1)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	r := &Reader{b: b, object: o}
	if r.differs(raw.Size(), raw.ModTime()) {
		return nil, r.changed()
	}
	data := make([]byte, o.Size)
	if _, err := io.ReadFull(raw, data); err != nil {
		return nil, err
	}
	if n, err := raw.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%q goes on after its size", o.Name)
	}
	return data, r.Verify(ctx)
}

// take returns an object that was fetched, or nil: then it is to be opened as if it had
// never been.
func (b *Bucket) take(ctx context.Context, o source.Object) *Reader {
	v, found := b.fetching.LoadAndDelete(keyOf(o))
	if !found {
		return nil
	}
	f := v.(*fetched) //nolint:forcetypeassert // nothing else is in there
	f.keep()
	select {
	case <-f.ready:
	case <-ctx.Done():
		return nil
	}
	if f.err != nil || int64(len(f.data)) != o.Size {
		return nil
	}
	return &Reader{b: b, object: o, blob: io.NopCloser(bytes.NewReader(f.data)), ctx: ctx, verified: true}
}
