package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// bits are a set of row numbers.
type bits []uint64

func (b *bits) set(n int64) {
	for int64(len(*b)) <= n/64 {
		*b = append(*b, make([]uint64, len(*b)+1)...)
	}
	(*b)[n/64] |= 1 << (n % 64)
}

func (b bits) has(n int64) bool { return n/64 < int64(len(b)) && b[n/64]&(1<<(n%64)) != 0 }

// look notes which rows the waiting objects have, where a source has rows that
// are old enough to be forgotten.
func (l *Listing) look(ctx context.Context) error {
	if l.before == 0 {
		return nil
	}
	source := l.wait[0].Source
	seen, known := l.seen[source]
	if !known {
		var old bool
		if err := l.conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM main.objects WHERE source = ? AND read_at < ?)`, source, l.before).Scan(&old); err != nil {
			return err
		}
		if old {
			seen = bits{0}
		}
		l.seen[source] = seen
	}
	if seen == nil {
		return nil
	}
	args := make([]any, 0, 1+listedRows)
	for i := range l.wait {
		args = append(args, l.wait[i].Name)
	}
	args = append(args, source)
	var ids sql.NullString
	query := valuesOf(`SELECT group_concat(o.id, ' ') FROM (VALUES `, `(?)`, len(l.wait)) + `) l JOIN main.objects o ON o.name = l.column1 AND o.source = ?`
	if err := l.conn.QueryRowContext(ctx, query, args...).Scan(&ids); err != nil {
		return err
	}
	for id := range strings.FieldsSeq(ids.String) {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return err
		}
		seen.set(n)
	}
	l.seen[source] = seen
	return nil
}

// mostForgotten bounds what one call forgets; the next run goes on.
const mostForgotten = 100_000

// forgetObjects leaves the newest row, whose number must not be given again,
// and what an event says it came from.
const forgetObjects = `DELETE FROM main.objects WHERE id IN (SELECT value FROM json_each(?))
	AND id < (SELECT max(id) FROM main.objects) AND id NOT IN (SELECT origin FROM main.deliveries WHERE origin IS NOT NULL)`

// Forget drops what is known of a source's objects that were read long ago and
// are not listed any more: all of their messages would be too old by now. It
// is for a source that was listed to its end.
func (l *Listing) Forget(ctx context.Context, source string) error {
	ctx = context.WithoutCancel(ctx)
	if err := l.flush(ctx); err != nil || l.seen[source] == nil || l.db.file.Rehearsal() {
		return err
	}
	gone, err := l.gone(ctx, source)
	if err != nil || len(gone) == 0 {
		return sqlite.Classify(l.db.path, err)
	}
	list, err := json.Marshal(gone)
	if err != nil {
		return err
	}
	l.db.mu.Lock()
	defer l.db.mu.Unlock()
	// On this connection, for it does not look for each row's children in all of deliveries.
	for _, q := range []struct {
		text string
		args []any
	}{
		{"BEGIN IMMEDIATE", nil},
		{forgetObjects, []any{string(list)}},
		{countCommit, nil},
		{"COMMIT", nil},
	} {
		if _, err := l.conn.ExecContext(ctx, q.text, q.args...); err != nil {
			_, _ = l.conn.ExecContext(ctx, "ROLLBACK")
			return sqlite.Classify(l.db.path, err)
		}
	}
	return nil
}

func (l *Listing) gone(ctx context.Context, source string) (gone []int64, err error) {
	seen := l.seen[source]
	rows, err := l.conn.QueryContext(ctx, `SELECT id FROM main.objects WHERE source = ? AND read_at < ?`, source, l.before) //nolint:rowserrcheck // EachRow does
	if err != nil {
		return nil, err
	}
	err = sqlite.EachRow(rows, func(rows *sql.Rows) error {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		if !seen.has(id) && len(gone) < mostForgotten {
			gone = append(gone, id)
		}
		return nil
	})
	return gone, err
}
