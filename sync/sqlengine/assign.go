package sqlengine

import (
	"database/sql"
	"fmt"
	"strconv"
)

// Assign copies a value that an engine gave as text to where a row is scanned to, as
// [database/sql.Rows.Scan] does. A nil text is NULL. A [database/sql.RawBytes] is the
// text itself, not a copy.
func Assign(dest any, text []byte) error {
	switch d := dest.(type) {
	case *sql.RawBytes:
		*d = text
		return nil
	case *sql.NullString:
		*d = sql.NullString{String: string(text), Valid: text != nil}
		return nil
	case sql.Scanner:
		return d.Scan(scanned(text))
	case *any:
		*d = scanned(text)
		return nil
	}
	if text == nil {
		return fmt.Errorf("NULL does not fit into %T", dest)
	}
	return assign(dest, string(text))
}

func scanned(text []byte) any {
	if text == nil {
		return nil
	}
	return string(text)
}

func assign(dest any, text string) (err error) {
	switch d := dest.(type) {
	case *string:
		*d = text
	case *[]byte:
		*d = []byte(text)
	case *int64:
		*d, err = strconv.ParseInt(text, 10, 64)
	case *int:
		*d, err = strconv.Atoi(text)
	case *bool:
		*d, err = strconv.ParseBool(text)
	default:
		return fmt.Errorf("a value cannot be read into %T", dest)
	}
	return err
}
