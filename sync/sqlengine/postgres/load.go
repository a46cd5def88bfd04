package postgres

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// loader is an engine with COPY FROM STDIN, which Redshift does not have.
type loader struct{ engine }

var _ sqlengine.Loader = loader{}

// Load implements [sqlengine.Loader].
func (l loader) Load(ctx context.Context, table sqlengine.Table, columns []string) sqlengine.Load {
	names := make([]string, len(columns))
	for i, name := range columns {
		names[i] = l.How.Quote(name)
	}
	statement := "COPY " + sqlengine.Name(l.How, table) + " (" + strings.Join(names, ", ") + ") FROM STDIN (FORMAT csv)"
	return sqlengine.StartLoad(writeCSV, func(from io.Reader) error {
		ctx, cancel := sqlengine.WithTimeout(ctx, l.Timeout)
		defer cancel()
		err := l.copy(ctx, statement, from)
		if err == nil {
			return nil
		}
		return cmp.Or(context.Cause(ctx), classify(err))
	})
}

func (l loader) copy(ctx context.Context, statement string, from io.Reader) (err error) {
	conn, err := l.Pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return conn.Raw(func(driver any) error {
		_, err := driver.(*stdlib.Conn).Conn().PgConn().CopyFrom(ctx, from, statement)
		return err
	})
}

var quotes = strings.NewReplacer(`"`, `""`)

// writeCSV writes a row as COPY reads it. Every value stands between quotes: without them
// "" would be NULL.
func writeCSV(w *bufio.Writer, values []any) error {
	for i, v := range values {
		if i > 0 {
			_ = w.WriteByte(',')
		}
		_ = w.WriteByte('"')
		if text, ok := v.(string); ok {
			_, _ = w.WriteString(quotes.Replace(strings.ToValidUTF8(text, "\uFFFD")))
		} else {
			_, _ = fmt.Fprint(w, v)
		}
		_ = w.WriteByte('"')
	}
	return w.WriteByte('\n') // which repeats an earlier error
}
