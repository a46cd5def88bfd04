package state

import (
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

const trueText, falseText = "true", "false"

// value scans a trait's value from a table, which holds true and false as 1 and 0:
// these take no room there, and nearly all values are one of them.
type value struct{ *sql.NullString }

// Scan implements [sql.Scanner].
func (v value) Scan(from any) error {
	switch from {
	case int64(1):
		from = trueText
	case int64(0):
		from = falseText
	}
	return v.NullString.Scan(from)
}

// textOf returns a trait's value from a table as text, "" for NULL.
func textOf(v *sqlite.Value) string {
	switch {
	case v.Type != sqlite.Integer:
		return v.Text
	case v.Int == 1:
		return trueText
	case v.Int == 0:
		return falseText
	}
	return strconv.FormatInt(v.Int, 10)
}

// stored returns a value as a table holds it.
func stored(v sql.NullString) any {
	switch {
	case !v.Valid:
		return nil
	case v.String == trueText:
		return 1
	case v.String == falseText:
		return 0
	}
	return v.String
}

// valueText returns the SQL for a column's value as text.
func valueText(column string) string {
	return fmt.Sprintf("CASE %[1]s WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE %[1]s END", column)
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// moment scans a time from a table, which holds it in nanoseconds. NULL is the zero
// time.
type moment struct{ *time.Time }

// Scan implements [sql.Scanner].
func (m moment) Scan(from any) error {
	var at sql.NullInt64
	err := at.Scan(from)
	if *m.Time = (time.Time{}); at.Valid {
		*m.Time = time.Unix(0, at.Int64).UTC()
	}
	return err
}

func unix(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixNano()
}
