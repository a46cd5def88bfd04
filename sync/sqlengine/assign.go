package sqlengine

import (
	"database/sql"
	"fmt"
	"math/big"
	"strconv"
	"time"
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
	if d, ok := dest.(**int64); ok && text == nil {
		*d = nil
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
	case **int64:
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		*d = &n
	case *int:
		*d, err = strconv.Atoi(text)
	case *bool:
		*d, err = strconv.ParseBool(text)
	default:
		return fmt.Errorf("a value cannot be read into %T", dest)
	}
	return err
}

// AssignValue copies a value that an engine gave in a type of its own, as [Assign] does
// a text. Into an any, it goes as it is.
func AssignValue(dest, value any) error {
	if d, ok := dest.(*any); ok {
		*d = value
		return nil
	}
	if value == nil {
		return Assign(dest, nil)
	}
	return Assign(dest, textOf(value))
}

func textOf(value any) []byte {
	switch v := value.(type) {
	case string:
		return []byte(v)
	case []byte:
		return v
	case int64:
		return strconv.AppendInt(nil, v, 10)
	case float64:
		return strconv.AppendFloat(nil, v, 'g', -1, 64)
	case time.Time:
		return v.UTC().AppendFormat(nil, time.RFC3339Nano)
	case *big.Rat:
		return []byte(v.FloatString(9)) // the places of NUMERIC
	}
	return fmt.Append(nil, value)
}
