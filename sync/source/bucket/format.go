package bucket

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// format is what an object's first bytes say it is.
type format int

const (
	formatPlain format = iota // text, or anything unknown
	formatGzip
	formatZstd
	formatBzip2
	formatZip
	formatParquet
)

// String returns the format's name for people.
func (f format) String() string {
	return [...]string{"file", "gzip", "zstd", "bzip2", "zip", "Parquet"}[f]
}

// ErrUnsupported says that an object's format, or the way it is packed, is not
// supported. The error's text names it and says what to do.
var ErrUnsupported = errors.New("this format is not read")

func unsupported(what, do string) error {
	return &reworded{ErrUnsupported, what + " is not read: " + do}
}

const (
	doExport = "export CSV, JSON lines or Parquet"
	doPack   = "pack it with gzip, zstd, bzip2 or zip, or not at all"
)

// foreign are formats that are recognised only to be named, so that nobody looks for
// a missing header.
var foreign = []struct{ magic, what, do string }{
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook (xls)", "export it as CSV (UTF-8)"},
	{"Obj\x01", "Avro", doExport},
	{"ORC", "ORC", doExport},
	{"ARROW1\x00\x00", "Arrow (Feather)", doExport},
	{"FEA1", "Feather", doExport},
	{"PARE", "encrypted Parquet", "write it without encryption"},
	{"SQLite format 3\x00", "a SQLite file", doExport},
	{"%PDF-", "PDF", doExport},
	{"\xfd7zXZ\x00", "xz", doPack},
	{"7z\xbc\xaf\x27\x1c", "7-Zip", doPack},
	{"Rar!\x1a\x07", "RAR", doPack},
	{"\x04\x22\x4d\x18", "lz4", doPack},
	{"\xff\x06\x00\x00sNaPpY", "a Snappy stream", doPack},
	{"\x1f\x9d", "compress (.Z)", doPack},
	{"-----BEGIN PGP ", "an encrypted file (PGP)", "decrypt it first"},
	{"age-encryption.org/", "an encrypted file (age)", "decrypt it first"},
}

// formatOf returns the format of an object that begins like this. If it is not read,
// the error is [ErrUnsupported].
func formatOf(start []byte) (format, error) {
	has := func(magic string) bool { return bytes.HasPrefix(start, []byte(magic)) }
	switch {
	case has("\x1f\x8b"):
		return formatGzip, nil
	case has("\x28\xb5\x2f\xfd"), len(start) > 4 && start[0]&0xf0 == 0x50 && bytes.HasPrefix(start[1:], []byte("\x2a\x4d\x18")):
		return formatZstd, nil
	case len(start) > 9 && has("BZh") && (string(start[4:10]) == "1AY&SY" || string(start[4:10]) == "\x17\x72\x45\x38\x50\x90"):
		return formatBzip2, nil
	case has("PK\x03\x04"), has("PK\x05\x06"), has("PK\x07\x08PK"):
		return formatZip, nil
	case has("PAR1") && !isText(start[4:]):
		return formatParquet, nil
	case len(start) >= 265 && string(start[257:262]) == "ustar":
		return 0, unsupported("tar", "put its files into the folder by themselves")
	}
	for _, f := range foreign {
		// The header of a CSV may begin with the letters of a short magic number.
		if has(f.magic) && (len(f.magic) > 4 || !isText([]byte(f.magic)) || !isText(start[len(f.magic):])) {
			return 0, unsupported(f.what, f.do)
		}
	}
	return formatPlain, nil
}

// isText reports whether the start of a file looks like text: without control
// bytes, and valid UTF-8 except for a rune that is cut off at the end.
func isText(start []byte) bool {
	for i := 0; i < len(start); {
		r, size := utf8.DecodeRune(start[i:])
		switch {
		case r == utf8.RuneError && size <= 1 && len(start)-i >= utf8.UTFMax:
			return false
		case r < ' ' && r != '\t' && r != '\n' && r != '\r':
			return false
		}
		i += max(size, 1)
	}
	return len(start) > 0
}
