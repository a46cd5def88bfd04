package bucket

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/klauspost/compress/zstd"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/impactsync/impactsync/sync/source"
)

// ErrDamaged says that a packed object is broken or ends in the middle; what was
// read before is right.
var ErrDamaged = errors.New("damaged")

// bufferSize is how much is read from a bucket at a time. Smaller objects have
// smaller buffers: there may be a million of them.
const bufferSize = 256 << 10

// Reader reads the decoded bytes of one object in bounded memory. It is for
// one goroutine.
type Reader struct {
	b       *Bucket
	object  source.Object
	blob    io.ReadCloser
	decoded io.Reader
	readErr error // an error of the bucket, not of the gzip stream
	taken   int64 // bytes that came from the bucket since Taken was called

	ctx    context.Context //nolint:containedctx // ranges are read long after Open
	format format          // of the outermost layer

	verified bool // it was fetched whole, and then looked at again

	closers []func() // of what the layers hold
}

// Taken returns how many bytes came from the bucket since the last call, counted as
// the object is stored. It is for progress.
func (r *Reader) Taken() int64 {
	n := r.taken
	r.taken = 0
	return n
}

// stored opens length bytes of an object (all, if negative) as they are stored.
// Google, and Go's own HTTP client in front of Azure, would otherwise unzip
// an object with Content-Encoding: gzip on the way: its size is unknown then,
// damage looks like a lost connection, and Google cannot resume one.
func (b *Bucket) stored(ctx context.Context, o source.Object, offset, length int64) (*blob.Reader, error) {
	ctx = policy.WithHTTPHeader(ctx, http.Header{"Accept-Encoding": {"identity"}}) // Azure alone looks at it
	return b.blob.NewRangeReader(ctx, keyOf(o), offset, length, &blob.ReaderOptions{BeforeRead: func(as func(any) bool) error {
		var google **storage.ObjectHandle
		if as(&google) {
			*google = (*google).ReadCompressed(true)
		}
		return nil
	}})
}

// Open opens an object for reading from its start. Its first bytes decide whether it
// is packed (gzip, zstd or bzip2 with one or more members, or a zip of one file),
// never its name or its metadata: Segment's files carry Content-Encoding: gzip,
// which some clients undo and some do not. Other formats are [ErrUnsupported]; for
// Parquet see [Reader.Parquet].
func (b *Bucket) Open(ctx context.Context, o source.Object) (*Reader, error) {
	return b.open(ctx, o, -1)
}

// OpenStart opens an object to read only its first bytes. size is counted before
// decoding.
func (b *Bucket) OpenStart(ctx context.Context, o source.Object, size int64) (*Reader, error) {
	return b.open(ctx, o, min(size, o.Size))
}

func (b *Bucket) open(ctx context.Context, o source.Object, length int64) (r *Reader, err error) {
	if length < 0 {
		r = b.take(ctx, o)
	}
	if r == nil {
		r, err = b.request(ctx, o, length)
	}
	if err != nil {
		return nil, err
	}
	if err := r.detect(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// request begins to read an object, unless it is not the one that was listed.
func (b *Bucket) request(ctx context.Context, o source.Object, length int64) (*Reader, error) {
	raw, err := b.stored(ctx, o, 0, length)
	if codeOf(err) == gcerrors.NotFound {
		return nil, fmt.Errorf("%s: open %q: %w", b.name, o.Name, source.ErrGone)
	}
	if err != nil {
		return nil, b.explain(fmt.Sprintf("open %q", o.Name), err)
	}
	r := &Reader{b: b, object: o, blob: raw, ctx: ctx}
	if r.differs(raw.Size(), raw.ModTime()) {
		return nil, errors.Join(r.changed(), r.Close())
	}
	return r, nil
}

// noted remembers an error of the bucket, so that a lost connection is not taken for
// damage of the gzip stream or for its end.
type noted struct{ *Reader }

func (n noted) Read(p []byte) (int, error) {
	if n.readErr != nil {
		return 0, n.readErr
	}
	count, err := n.blob.Read(p)
	n.taken += int64(count)
	if err == nil || err == io.EOF { // a wrapped EOF is a lost connection, not the end
		return count, err
	}
	n.readErr = err
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		n.readErr = fmt.Errorf("the connection was lost: %s", err.Error())
	}
	return count, n.readErr
}

// Read implements io.Reader. Its error wraps [ErrDamaged] for a broken
// stream. After Close it is [os.ErrClosed].
func (r *Reader) Read(p []byte) (int, error) {
	switch {
	case r.decoded == nil && r.format == formatParquet:
		return 0, unsupported("Parquet of messages", "write JSON lines, packed or not")
	case r.decoded == nil:
		return 0, os.ErrClosed
	}
	n, err := r.decoded.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	return n, r.Damaged(err)
}

// Damaged returns an error that occurred while the object was read: as one of the
// bucket if it came from there, else as damage of the object ([ErrDamaged]).
func (r *Reader) Damaged(err error) error {
	switch {
	case codeOf(r.readErr) == gcerrors.NotFound:
		return fmt.Errorf("%s: read %q: %w", r.b.name, r.object.Name, source.ErrGone)
	case errors.Is(r.readErr, source.ErrChanged):
		return r.readErr
	case r.readErr != nil:
		return r.b.explain(fmt.Sprintf("read %q", r.object.Name), r.readErr)
	case errors.Is(err, ErrUnsupported):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return unsupported("zstd with a window of more than 32 MiB", "compress it without --long and --ultra")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("%w %s: it ends in the middle: was the upload cut off?", ErrDamaged, r.format)
	}
	return fmt.Errorf("%w %s: %w", ErrDamaged, r.format, err)
}

// Verify checks that the object is still the one that was listed. It costs
// one request.
func (r *Reader) Verify(ctx context.Context) error {
	if r.verified {
		return nil
	}
	now, err := r.b.blob.Attributes(ctx, keyOf(r.object))
	if codeOf(err) == gcerrors.NotFound {
		return fmt.Errorf("%s: check %q: %w", r.b.name, r.object.Name, source.ErrGone)
	}
	if err != nil {
		return r.b.explain(fmt.Sprintf("check %q", r.object.Name), err)
	}
	tag := hex.EncodeToString(now.MD5)
	swapped := r.b.dir == "" && tag != "" && len(r.object.ETag) == len(tag) && tag != r.object.ETag
	if swapped || r.differs(now.Size, now.ModTime) {
		return r.changed()
	}
	return nil
}

// Close ends the reading.
func (r *Reader) Close() error {
	r.rest()
	r.decoded = nil
	return r.blob.Close()
}

func (r *Reader) changed() error {
	return fmt.Errorf("%s: %q: %w", r.b.name, r.object.Name, source.ErrChanged)
}

// differs compares size and time with the listing. A size of 0 or less is unknown: a
// server that unzips on the way cannot tell it. Some answers have times in whole
// seconds although the listing had fractions.
func (r *Reader) differs(size int64, at time.Time) bool {
	if size > 0 && size != r.object.Size {
		return true
	}
	listed := r.object.ModTime
	if listed.Nanosecond() == 0 || at.Nanosecond() == 0 {
		return !listed.Truncate(time.Second).Equal(at.Truncate(time.Second))
	}
	return !listed.Equal(at)
}
