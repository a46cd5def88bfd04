package bucket

import (
	"bufio"
	"compress/bzip2"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// mostLayers is how many times an object may be packed: usually once by its writer
// and once more on its way.
const mostLayers = 3

// mostWindow is the largest zstd window, which is held in memory; zstd -19 needs
// 8 MiB.
const mostWindow = 32 << 20

// unzippers holds gzip readers, of 40 kB each, for reuse: there may be a million
// objects.
var unzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// detect finds out from the first bytes how the object is packed, and unpacks it.
func (r *Reader) detect() error {
	var content io.Reader = noted{r}
	r.format = formatPlain
	for layer := range mostLayers + 1 {
		size := textStart // larger reads bypass the buffer
		if layer == 0 {
			size = int(min(bufferSize, max(r.object.Size, textStart)))
		}
		buffered := bufio.NewReaderSize(content, size)
		start, err := buffered.Peek(textStart)
		if r.readErr != nil {
			return r.Damaged(err)
		}
		// An error is ignored here: reading returns it again.
		f, err := formatOf(start)
		if err != nil {
			return err
		}
		if layer == 0 {
			r.format = f
		}
		switch {
		case f == formatPlain:
			r.decoded = asUTF8(buffered)
			return nil
		case layer > 0 && (f == formatParquet || f == formatZip):
			return unsupported(f.String()+" that is packed once more", "upload it as it is")
		case f == formatParquet:
			return nil // see [Reader.Parquet]
		}
		if content, err = r.unpack(f, buffered); err != nil {
			return err
		}
	}
	return unsupported("what is packed more than three times", doPack)
}

// unpack returns the content of one layer.
func (r *Reader) unpack(f format, packed io.Reader) (io.Reader, error) {
	switch f {
	case formatZip:
		return r.openZip()
	case formatBzip2:
		return bzip2.NewReader(packed), nil
	case formatZstd:
		z, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(mostWindow))
		if err != nil {
			return nil, r.Damaged(err)
		}
		r.closers = append(r.closers, z.Close)
		return z, nil
	}
	z := unzippers.Get().(*gzip.Reader) //nolint:forcetypeassert // nothing else is in there
	r.closers = append(r.closers, func() { unzippers.Put(z) })
	if err := z.Reset(packed); err != nil {
		return nil, r.Damaged(err)
	}
	return z, nil
}

// rest releases what the layers hold.
func (r *Reader) rest() {
	for _, done := range r.closers {
		done()
	}
	r.closers = nil
}
