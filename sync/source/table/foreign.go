package table

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
)

// ErrSQLTable says that a file is what a SQL client shows on the screen.
var ErrSQLTable = errors.New("the table that a SQL client draws on the screen, with lines and blanks: export CSV (psql --csv, mysql --batch)")

// Foreign returns why a file that begins like this cannot be a list in text form, or
// nil. Formats with a magic number are recognised earlier, see
// [bucket.ErrUnsupported].
func Foreign(start []byte) error {
	switch text := Trim(start); {
	case bytes.HasPrefix(text, []byte(`{\rtf`)):
		return errors.New("RTF: save it as CSV")
	case bytes.HasPrefix(text, []byte("<")):
		return errors.New("XML or a web page: save it as CSV")
	case bytes.IndexByte(start, 0) >= 0:
		return errors.New("not text, because it holds zero bytes: save it as CSV")
	}
	return nil
}

// Trim removes a byte order mark, and space at both ends.
func Trim(start []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(start, []byte("\ufeff")))
}

// isRule reports whether a line is a ruler that SQL clients draw.
func isRule(line []byte) bool {
	return bytes.Contains(line, []byte("--")) && len(bytes.Trim(line, "+-|=: \t\r")) == 0
}

// isFooter reports whether a line is the count below a SQL client's result:
// "(2 rows)", "2 rows selected.", "2 rows in set (0.00 sec)".
func isFooter(line string) bool {
	return strings.Contains(line, " row") && footer(strings.TrimSpace(line))
}

var footer = regexp.MustCompile(`^\(?[0-9][0-9,]* rows?(\)|\.| selected\.?| in set| affected\)?)?( \(.*)?$`).MatchString
