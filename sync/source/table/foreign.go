package table

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ErrSQLTable says that a file is what a SQL client shows on a screen.
var ErrSQLTable = errors.New("the table that a SQL client draws on the screen, with lines and blanks: export CSV (psql --csv, mysql --batch)")

// Foreign names a file that is not text, by its first bytes, or nothing.
func Foreign(start []byte) error {
	for _, f := range [...]struct{ magic, name string }{
		{"PK\x03\x04", "an Excel workbook (xlsx) or a zip file"},
		{"\xd0\xcf\x11\xe0", "an Excel workbook (xls)"},
		{"PAR1", "Parquet"},
		{"ORC", "ORC"},
		{"Obj\x01", "Avro"},
		{"\x28\xb5\x2f\xfd", "zstd"},
		{"BZh", "bzip2"},
		{"\xfd7zXZ", "xz"},
		{"7z\xbc\xaf", "7-Zip"},
		{"SQLite format 3", "SQLite"},
		{"%PDF", "PDF"},
		{"{\\rtf", "RTF"},
	} {
		if bytes.HasPrefix(start, []byte(f.magic)) && (len(f.magic) > 3 || bytes.IndexByte(start, 0) >= 0) {
			return fmt.Errorf("%s: save it as CSV", f.name)
		}
	}
	switch text := Trim(start); {
	case bytes.HasPrefix(text, []byte("<")):
		return errors.New("XML or a web page: save it as CSV")
	case bytes.IndexByte(start, 0) >= 0:
		return errors.New("not text, for it holds zero bytes: save it as CSV")
	}
	return nil
}

// Trim takes off a byte order mark and the space around.
func Trim(start []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(start, []byte("\ufeff")))
}

// isRule reports whether a line is one of those that SQL clients draw.
func isRule(line []byte) bool {
	return bytes.Contains(line, []byte("--")) && len(bytes.Trim(line, "+-|=: \t\r")) == 0
}

// isFooter reports whether a line is the count below a SQL client's result:
// "(2 rows)", "2 rows selected.", "2 rows in set (0.00 sec)".
func isFooter(line string) bool {
	return strings.Contains(line, " row") && footer(strings.TrimSpace(line))
}

var footer = regexp.MustCompile(`^\(?[0-9][0-9,]* rows?(\)|\.| selected\.?| in set| affected\)?)?( \(.*)?$`).MatchString
