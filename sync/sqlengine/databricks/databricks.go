//go:build warehouse

// Package databricks reaches Databricks SQL warehouses.
package databricks

import (
	"database/sql"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	_ "github.com/databricks/databricks-sql-go" // for database/sql
	"github.com/databricks/databricks-sql-go/logger"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// Open returns the database at an address such as
//
//	databricks://token:dapi0123@adb-1.azuredatabricks.net:443/sql/1.0/warehouses/abc?catalog=main&schema=prod_web
//
// which it does not reach yet.
func Open(cfg sqlengine.Config) (sqlengine.Engine, error) {
	u, err := url.Parse(cfg.DSN)
	if err != nil || u.Scheme != "databricks" || u.Hostname() == "" || u.Path == "" {
		return nil, errAddress
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "443")
	}
	q := u.Query()
	q.Set("timezone", "UTC") // in which times without a zone are compared
	q.Set("userAgentEntry", "impactsync")
	q.Set("enableTelemetry", "false")
	if seconds := int64((cfg.Timeout + time.Second - 1) / time.Second); seconds > 0 {
		q.Set("timeout", strconv.FormatInt(seconds, 10))
	}
	u.RawQuery = q.Encode()
	logger.SetLogOutput(io.Discard) // it would write statements to standard error
	pool, err := sql.Open("databricks", strings.TrimPrefix(u.String(), "databricks://"))
	if err != nil { // its text may show the token
		return nil, errAddress
	}
	pool.SetMaxOpenConns(4)
	pool.SetConnMaxIdleTime(time.Minute)
	return &sqlengine.DB{
		Pool: pool, How: sqlengine.Databricks(), Timeout: cfg.Timeout, Classify: classify, Refuse: sqlengine.OnlyReads, Args: named,
	}, nil
}

var errAddress = errors.New("the DSN is not an address of the form databricks://token:TOKEN@host:443/sql/1.0/warehouses/ID?catalog=CATALOG&schema=SCHEMA")

// named gives parameters the names that the dialect gives them.
func named(args []any) []any {
	all := make([]any, len(args))
	for i, arg := range args {
		all[i] = sql.Named("p"+strconv.Itoa(i+1), arg)
	}
	return all
}

// kinds are the kinds of errors by the words in their texts
// (https://docs.databricks.com/en/error-messages/error-classes.html); the first counts.
var kinds = []struct {
	words string
	kind  error
}{
	{"TABLE_OR_VIEW_NOT_FOUND", sqlengine.ErrNoTable}, {"SCHEMA_NOT_FOUND", sqlengine.ErrNoTable}, {"UNRESOLVED_COLUMN", sqlengine.ErrNoColumn},
	{"INSUFFICIENT_PERMISSIONS", sqlengine.ErrDenied}, {"PERMISSION_DENIED", sqlengine.ErrDenied}, {"does not have permission", sqlengine.ErrDenied},
	{"PARSE_SYNTAX_ERROR", sqlengine.ErrStatement}, {"CAST_INVALID_INPUT", sqlengine.ErrStatement}, {"DATATYPE_MISMATCH", sqlengine.ErrStatement},
	{"timed out", sqlengine.ErrTimeout}, {"401", sqlengine.ErrLogin}, {"403", sqlengine.ErrLogin}, {"request error", sqlengine.ErrUnreachable},
}

func classify(err error) error {
	var network net.Error
	for _, k := range kinds {
		if strings.Contains(err.Error(), k.words) {
			return &sqlengine.Error{Kind: k.kind, Text: err.Error()}
		}
	}
	if errors.As(err, &network) {
		return &sqlengine.Error{Kind: sqlengine.ErrUnreachable, Text: err.Error()}
	}
	return err
}
