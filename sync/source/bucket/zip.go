package bucket

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strings"
)

// mostDirectory is how much of a zip is read at most to find its one file.
const mostDirectory = 4 << 20

var errDirectory = errors.New("its directory is longer than 4 MiB: does it hold just one file?")

// openZip opens the one file in a zip.
func (r *Reader) openZip() (io.Reader, error) {
	at := &ranged{r: r, left: mostDirectory}
	z, err := zip.NewReader(at, r.object.Size)
	if errors.Is(err, zip.ErrFormat) && r.readErr == nil {
		err = io.ErrUnexpectedEOF // its directory is at its end
	}
	if err != nil {
		return nil, r.Damaged(err)
	}
	at.left = math.MaxInt64
	file, err := onlyMember(z)
	if err != nil {
		return nil, err
	}
	content, err := file.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		return nil, unsupported(fmt.Sprintf("a zip with the method %d", file.Method), "pack it with the usual method (deflate), or with gzip")
	}
	if err != nil {
		return nil, r.Damaged(err)
	}
	r.closers = append(r.closers, func() { _ = content.Close() }) // it is only read from
	return content, nil
}

// onlyMember returns the one file of a zip. What macOS adds, and folders, do not
// count.
func onlyMember(z *zip.Reader) (*zip.File, error) {
	var files []*zip.File
	for _, f := range z.File {
		switch base := path.Base(f.Name); {
		case f.Name == "[Content_Types].xml":
			return nil, unsupported("an Excel workbook (xlsx)", "export it as CSV (UTF-8)")
		case f.Name == "mimetype", strings.HasSuffix(f.Name, ".iwa"):
			return nil, unsupported("a workbook (OpenDocument or Numbers)", "export it as CSV (UTF-8)")
		case strings.HasSuffix(f.Name, "/"), strings.HasPrefix(f.Name, "__MACOSX/"), strings.HasPrefix(base, "."), base == "Thumbs.db":
		default:
			files = append(files, f)
		}
	}
	switch {
	case len(files) == 0:
		return nil, unsupported("a zip without a file in it", "pack one file")
	case len(files) > 1:
		return nil, unsupported(fmt.Sprintf("a zip of %d files", len(files)), "put each of them into the folder by itself")
	case files[0].Flags&1 != 0:
		return nil, unsupported("a zip with a password", "pack it without")
	}
	return files[0], nil
}
