package bigquery

import (
	"context"

	"cloud.google.com/go/bigquery"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

var _ sqlengine.Writer = (*engine)(nil)

// Write implements [sqlengine.Writer]. Each statement is a transaction of its own.
func (e *engine) Write(ctx context.Context, statements ...sqlengine.Statement) error {
	ctx, cancel := sqlengine.WithTimeout(ctx, e.timeout)
	defer cancel()
	for _, s := range statements {
		if err := e.write(ctx, s); err != nil {
			return classify(ctx, err)
		}
	}
	return nil
}

func (e *engine) write(ctx context.Context, s sqlengine.Statement) error {
	q, err := e.prepare(ctx, s.Text, s.Args)
	if err != nil {
		return err
	}
	q.JobTimeout, q.MaxBytesBilled = e.timeout, e.maxBytes
	return wait(ctx, q.Run)
}

// wait runs a job to its end.
func wait(ctx context.Context, run func(context.Context) (*bigquery.Job, error)) error {
	job, err := run(ctx)
	if err != nil {
		return err
	}
	status, err := job.Wait(ctx)
	if err != nil {
		return err
	}
	return status.Err()
}
