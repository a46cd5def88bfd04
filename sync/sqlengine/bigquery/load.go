package bigquery

import (
	"bufio"
	"context"
	"io"
	"strings"

	"cloud.google.com/go/bigquery"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

var _ sqlengine.Loader = (*engine)(nil)

// Load implements [sqlengine.Loader] with a load job, which is free of charge.
func (e *engine) Load(ctx context.Context, table sqlengine.Table, columns []string) sqlengine.Load {
	encode := func(w *bufio.Writer, values []any) error {
		row, err := sqlengine.JSONRow(columns, values)
		if err != nil {
			return err
		}
		_, err = w.Write(append(row, '\n'))
		return err
	}
	return sqlengine.StartLoad(encode, func(from io.Reader) error {
		ctx, cancel := sqlengine.WithTimeout(ctx, e.timeout)
		defer cancel()
		if err := e.load(ctx, table, from); err != nil {
			return classify(ctx, err)
		}
		return nil
	})
}

func (e *engine) load(ctx context.Context, table sqlengine.Table, from io.Reader) error {
	c, err := e.client(ctx)
	if err != nil {
		return err
	}
	source := bigquery.NewReaderSource(from)
	source.SourceFormat = bigquery.JSON
	project, dataset := e.project, table.Schema
	if before, after, found := strings.Cut(dataset, "."); found {
		project, dataset = before, after
	}
	l := c.DatasetInProject(project, dataset).Table(table.Name).LoaderFrom(source)
	l.JobTimeout, l.CreateDisposition, l.WriteDisposition = e.timeout, bigquery.CreateNever, bigquery.WriteAppend
	return wait(ctx, l.Run)
}
