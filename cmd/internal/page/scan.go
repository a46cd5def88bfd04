package page

import (
	"database/sql"
	"time"
)

// orZero scans a column, and NULL as the zero value.
type orZero[T any] struct{ to *T }

func (o orZero[T]) Scan(from any) error {
	var n sql.Null[T]
	err := n.Scan(from)
	*o.to = n.V
	return err
}

func null[T any](to *T) orZero[T] { return orZero[T]{to} }

// moment scans a time as the views write it; NULL is the zero time.
type moment struct{ to *time.Time }

func (m moment) Scan(from any) error {
	var text string
	if err := null(&text).Scan(from); err != nil || text == "" {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	*m.to = at
	return err
}
