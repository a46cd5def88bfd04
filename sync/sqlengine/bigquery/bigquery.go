// Package bigquery reaches Google BigQuery by its REST API.
package bigquery

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/bigquery"
	"github.com/dustin/go-humanize"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// Open returns the database at an address such as
//
//	bigquery://my-project/prod_web?location=EU&maxBytesBilled=100000000000
//
// which it does not reach yet. The credentials are those of the machine (Application
// Default Credentials), or of the key file that credentialsFile names. The dataset is
// that of names without one.
func Open(cfg sqlengine.Config) (sqlengine.Engine, error) {
	a, err := parse(cfg.DSN)
	if err != nil {
		return nil, err
	}
	return &engine{address: a, timeout: cfg.Timeout}, nil
}

// engine implements [sqlengine.Engine] and [sqlengine.Estimator].
type engine struct {
	address
	timeout time.Duration

	mu   sync.Mutex
	used *bigquery.Client // nil: not opened yet
}

var _ sqlengine.Estimator = (*engine)(nil)

// Dialect implements [sqlengine.Engine].
func (e *engine) Dialect() sqlengine.Dialect { return sqlengine.BigQuery() }

// Close implements [sqlengine.Engine].
func (e *engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.used == nil {
		return nil
	}
	return e.used.Close()
}

// client returns the client. Making one looks for credentials, perhaps by the network.
func (e *engine) client(ctx context.Context) (*bigquery.Client, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.used != nil {
		return e.used, nil
	}
	c, err := bigquery.NewClient(context.WithoutCancel(ctx), e.project, e.options()...)
	if err != nil {
		return nil, &sqlengine.Error{Kind: sqlengine.ErrLogin, Text: err.Error()}
	}
	c.Location = e.location
	e.used = c
	return c, nil
}

// Query implements [sqlengine.Engine]. A dry run, which costs nothing, says first
// whether the statement only reads: BigQuery has no read-only transactions.
func (e *engine) Query(ctx context.Context, statement string, args ...any) (sqlengine.Rows, error) {
	ctx, cancel := sqlengine.WithTimeout(ctx, e.timeout)
	it, err := e.query(ctx, statement, args)
	if err != nil {
		err = classify(ctx, err)
		cancel()
		return nil, err
	}
	r := &rows{ctx: ctx, cancel: cancel, it: it, ahead: true}
	r.err = it.Next(&r.row) // before that, the names of the columns are not known
	if err := r.Err(); err != nil {
		cancel()
		return nil, err
	}
	return r, nil
}

func (e *engine) query(ctx context.Context, statement string, args []any) (*bigquery.RowIterator, error) {
	if _, err := e.dryRun(ctx, statement, args); err != nil {
		return nil, err
	}
	q, err := e.prepare(ctx, statement, args)
	if err != nil {
		return nil, err
	}
	q.JobTimeout, q.MaxBytesBilled = e.timeout, e.maxBytes
	return q.Read(ctx)
}

// Estimate implements [sqlengine.Estimator]: what BigQuery bills is what it reads.
func (e *engine) Estimate(ctx context.Context, statement string, args ...any) (string, error) {
	bytes, err := e.dryRun(ctx, statement, args)
	if err != nil {
		return "", classify(ctx, err)
	}
	return humanize.Bytes(bytes) + " read", nil
}

func (e *engine) dryRun(ctx context.Context, statement string, args []any) (bytes uint64, err error) {
	q, err := e.prepare(ctx, statement, args)
	if err != nil {
		return 0, err
	}
	q.DryRun = true
	job, err := q.Run(ctx)
	if err != nil {
		return 0, err
	}
	stats, _ := job.LastStatus().Statistics.Details.(*bigquery.QueryStatistics)
	if stats == nil || stats.StatementType != "SELECT" {
		return 0, &sqlengine.Error{Kind: sqlengine.ErrStatement, Text: "it does more than read"}
	}
	return uint64(max(0, stats.TotalBytesProcessed)), nil
}

func (e *engine) prepare(ctx context.Context, statement string, args []any) (*bigquery.Query, error) {
	c, err := e.client(ctx)
	if err != nil {
		return nil, err
	}
	q := c.Query(statement)
	if e.dataset != "" {
		q.DefaultProjectID, q.DefaultDatasetID = e.project, e.dataset
	}
	for i, arg := range args {
		q.Parameters = append(q.Parameters, bigquery.QueryParameter{Name: "p" + strconv.Itoa(i+1), Value: arg})
	}
	return q, nil
}

// address is what a DSN says.
type address struct {
	project, dataset, location, keyFile, endpoint string
	maxBytes                                      int64
}

var errAddress = errors.New("the DSN is not an address of the form bigquery://project/dataset?location=EU")

// parse reads a DSN. Its errors do not show it.
func parse(dsn string) (a address, err error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "bigquery" || u.Host == "" || u.User != nil {
		return a, errAddress
	}
	a.project, a.dataset = u.Host, strings.Trim(u.Path, "/")
	for key, values := range u.Query() {
		switch key {
		case "location":
			a.location = values[0]
		case "credentialsFile":
			a.keyFile = values[0]
		case "maxBytesBilled":
			if a.maxBytes, err = strconv.ParseInt(values[0], 10, 64); err != nil || a.maxBytes < 0 {
				return a, errors.New("maxBytesBilled in the DSN is not a number of bytes")
			}
		case "endpoint":
			a.endpoint = values[0]
		default:
			return a, errors.New("the DSN has a setting that is none of location, credentialsFile, maxBytesBilled and endpoint")
		}
	}
	if a.endpoint != "" && !loopback(a.endpoint) {
		return a, errors.New("endpoint in the DSN is for a server on this machine")
	}
	return a, nil
}

func loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && addr.IsLoopback()
}

func (a *address) options() (all []option.ClientOption) {
	switch {
	case a.endpoint != "":
		return []option.ClientOption{option.WithEndpoint(a.endpoint), option.WithoutAuthentication()}
	case a.keyFile != "":
		return []option.ClientOption{option.WithAuthCredentialsFile(option.ServiceAccount, a.keyFile)}
	}
	return nil
}

// rows implement [sqlengine.Rows].
type rows struct {
	ctx    context.Context
	cancel context.CancelFunc
	it     *bigquery.RowIterator
	row    []bigquery.Value
	ahead  bool // row was read before it was asked for
	err    error
}

// Columns implements [sqlengine.Rows].
func (r *rows) Columns() (names []string, err error) {
	for _, f := range r.it.Schema {
		names = append(names, f.Name)
	}
	return names, nil
}

// Next implements [sqlengine.Rows].
func (r *rows) Next() bool {
	if r.err != nil {
		return false
	}
	if r.ahead {
		r.ahead = false
		return true
	}
	r.err = r.it.Next(&r.row)
	return r.err == nil
}

// Scan implements [sqlengine.Rows].
func (r *rows) Scan(dest ...any) error {
	if len(dest) != len(r.row) {
		return errors.New("the row has another number of columns")
	}
	for i, d := range dest {
		if err := sqlengine.AssignValue(d, r.row[i]); err != nil {
			return err
		}
	}
	return nil
}

// Err implements [sqlengine.Rows].
func (r *rows) Err() error {
	if errors.Is(r.err, iterator.Done) {
		return nil
	}
	return classify(r.ctx, r.err)
}

// Close implements [sqlengine.Rows].
func (r *rows) Close() error {
	r.cancel()
	return nil
}
