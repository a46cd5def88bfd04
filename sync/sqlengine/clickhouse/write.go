package clickhouse

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

var _ sqlengine.Writer = (*engine)(nil)

// Write implements [sqlengine.Writer]. ClickHouse has no transactions: what ran before a
// statement that fails stays. Rows for a Distributed table are with its servers when Write
// returns.
func (e *engine) Write(ctx context.Context, statements ...sqlengine.Statement) error {
	ctx, cancel := sqlengine.WithTimeout(ctx, e.timeout)
	defer cancel()
	for _, s := range statements {
		text, err := bind(s.Text, s.Args)
		if err == nil {
			err = e.write(ctx, text)
		}
		if err != nil {
			return unreached(ctx, err)
		}
	}
	return nil
}

func (e *engine) write(ctx context.Context, statement string) (err error) {
	settings := e.settings()
	settings.Del("readonly")
	settings.Set("insert_distributed_sync", "1")
	resp, err := e.send(ctx, settings, statement)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-ClickHouse-Exception-Code") != "" {
		return refusal(resp)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
