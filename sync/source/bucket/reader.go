package bucket

import (
	"bufio"
	"bytes"
	stdgzip "compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/klauspost/compress/gzip"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/impactsync/impactsync/sync/source"
)

// ErrDamaged says that an object's gzip stream is broken or ends in the
// middle; what came before it was right.
var ErrDamaged = errors.New("damaged gzip")

// bufferSize is what is read from a bucket at a time. An object that is smaller
// has a smaller buffer: there may be a million of them.
const bufferSize = 256 << 10

// unzippers are at rest: one takes 40 kB.
var unzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// Reader reads the decoded bytes of one object in bounded memory. It is for
// one goroutine.
type Reader struct {
	b       *Bucket
	object  source.Object
	blob    *blob.Reader
	decoded io.Reader
	readErr error // of the bucket, in contrast to the gzip stream's
	taken   int64 // bytes that came from the bucket and nobody has asked about

	zipped bool
	given  int64 // decoded bytes that the caller got
	slow   bool  // the standard gzip reader is at it

	unzipper *gzip.Reader
}

// Taken gives the bytes that came from the bucket since it was last asked, as
// the object is stored: for progress.
func (r *Reader) Taken() int64 {
	n := r.taken
	r.taken = 0
	return n
}

// stored opens an object's first length bytes (all, if negative) as they are
// stored. Google, and Go's own HTTP client in front of Azure, would else unzip
// an object with Content-Encoding: gzip on the way: its size is unknown then,
// damage looks like a lost connection, and Google cannot resume one.
func (b *Bucket) stored(ctx context.Context, o source.Object, length int64) (*blob.Reader, error) {
	ctx = policy.WithHTTPHeader(ctx, http.Header{"Accept-Encoding": {"identity"}}) // Azure alone looks at it
	return b.blob.NewRangeReader(ctx, keyOf(o), 0, length, &blob.ReaderOptions{BeforeRead: func(as func(any) bool) error {
		var google **storage.ObjectHandle
		if as(&google) {
			*google = (*google).ReadCompressed(true)
		}
		return nil
	}})
}

// Open opens an object for reading from its start. Whether it is gzip (one or
// more members) its first two bytes tell, never its name or its metadata:
// Segment's files carry Content-Encoding: gzip, which some clients undo and
// some do not.
func (b *Bucket) Open(ctx context.Context, o source.Object) (*Reader, error) {
	raw, err := b.stored(ctx, o, -1)
	return b.newReader(raw, o, err)
}

// OpenStart opens an object to read only what its first bytes hold. size is
// counted before decoding.
func (b *Bucket) OpenStart(ctx context.Context, o source.Object, size int64) (*Reader, error) {
	raw, err := b.stored(ctx, o, min(size, o.Size))
	return b.newReader(raw, o, err)
}

func (b *Bucket) newReader(raw *blob.Reader, o source.Object, err error) (*Reader, error) {
	if codeOf(err) == gcerrors.NotFound {
		return nil, fmt.Errorf("%s: open %q: %w", b.name, o.Name, source.ErrGone)
	}
	if err != nil {
		return nil, b.explain(fmt.Sprintf("open %q", o.Name), err)
	}
	r := &Reader{b: b, object: o, blob: raw}
	if r.differs(raw.Size(), raw.ModTime()) {
		err = r.changed()
	} else {
		err = r.detect()
	}
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return r, nil
}

func (r *Reader) detect() error {
	buffered := bufio.NewReaderSize(noted{r}, int(min(bufferSize, r.object.Size)))
	magic, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return r.explain(err)
	}
	var content io.Reader = buffered
	if bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		r.zipped = true
		if r.slow {
			content, err = stdgzip.NewReader(buffered)
		} else {
			z := unzippers.Get().(*gzip.Reader) //nolint:forcetypeassert // nothing else is in there
			content, r.unzipper, err = z, z, z.Reset(buffered)
		}
		if err != nil {
			return r.explain(err)
		}
	}
	r.decoded = &text{src: content}
	return nil
}

// slowly reads a broken gzip stream once more with the standard library, which
// gives everything before the break; the fast reader holds back its last block.
func (r *Reader) slowly() error {
	raw, err := r.b.stored(context.Background(), r.object, -1)
	if err != nil {
		return r.b.explain(fmt.Sprintf("open %q", r.object.Name), err)
	}
	if err := r.blob.Close(); err != nil {
		return errors.Join(err, raw.Close())
	}
	r.blob, r.slow = raw, true
	if err := r.detect(); err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, r.decoded, r.given); err != nil {
		return r.explain(err)
	}
	return nil
}

// noted remembers an error of the bucket, so that it is not taken for one of
// the gzip stream, nor for the end: a lost connection is neither.
type noted struct{ *Reader }

func (n noted) Read(p []byte) (int, error) {
	count, err := n.blob.Read(p)
	n.taken += int64(count)
	if err == nil || err == io.EOF { //nolint:errorlint // a wrapped EOF is a lost connection, not the end
		return count, err
	}
	n.readErr = err
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		n.readErr = fmt.Errorf("the connection was lost: %s", err.Error())
	}
	return count, n.readErr
}

// Read implements io.Reader. Its error wraps [ErrDamaged] for a broken gzip
// stream. After Close it gives [os.ErrClosed].
func (r *Reader) Read(p []byte) (int, error) {
	if r.decoded == nil {
		return 0, os.ErrClosed
	}
	n, err := r.decoded.Read(p)
	r.given += int64(n)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	if r.zipped && !r.slow && r.readErr == nil {
		return n, r.slowly()
	}
	return n, r.explain(err)
}

func (r *Reader) explain(err error) error {
	switch {
	case codeOf(r.readErr) == gcerrors.NotFound:
		return fmt.Errorf("%s: read %q: %w", r.b.name, r.object.Name, source.ErrGone)
	case r.readErr != nil:
		return r.b.explain(fmt.Sprintf("read %q", r.object.Name), r.readErr)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("%w: it ends in the middle: was the upload cut off?", ErrDamaged)
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// Verify looks whether the object is still the one that was listed. It costs
// one request.
func (r *Reader) Verify(ctx context.Context) error {
	now, err := r.b.blob.Attributes(ctx, keyOf(r.object))
	if codeOf(err) == gcerrors.NotFound {
		return fmt.Errorf("%s: look at %q again: %w", r.b.name, r.object.Name, source.ErrGone)
	}
	if err != nil {
		return r.b.explain(fmt.Sprintf("look at %q again", r.object.Name), err)
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
	if r.unzipper != nil {
		unzippers.Put(r.unzipper)
		r.unzipper = nil
	}
	r.decoded = nil
	return r.blob.Close()
}

func (r *Reader) changed() error {
	return fmt.Errorf("%s: %q: %w", r.b.name, r.object.Name, source.ErrChanged)
}

// differs compares with the listing. A size of 0 or less is an unknown one: a
// server that unzips on the way cannot tell it. Some answers have times in
// whole seconds where listings have fractions.
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
