// Package clickhouse reaches ClickHouse over HTTP. It keeps to what version 18.16 and
// current ones have in common.
package clickhouse

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// Open returns the database at an address such as
//
//	clickhouse://reader:password@db.example.com:8443/segment
//
// which it does not reach yet. The server's certificate is verified; ?ca=FILE names the
// authorities that may have signed it. A loopback address, or ?secure=0, is read without
// TLS; clickhouses:// and ?secure=1 mean TLS there, too.
func Open(cfg sqlengine.Config) (sqlengine.Engine, error) {
	a, err := parse(cfg.DSN)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 15 * time.Second, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 4,
	}
	if a.authorities != "" {
		if transport.TLSClientConfig, err = trusting(a.authorities); err != nil {
			return nil, err
		}
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &engine{address: a, client: client, timeout: cfg.Timeout}, nil
}

// engine implements [sqlengine.Engine].
type engine struct {
	address
	client  *http.Client
	timeout time.Duration
}

// Dialect implements [sqlengine.Engine].
func (e *engine) Dialect() sqlengine.Dialect { return sqlengine.ClickHouse() }

// Close implements [sqlengine.Engine].
func (e *engine) Close() error {
	e.client.CloseIdleConnections()
	return nil
}

// Query implements [sqlengine.Engine].
func (e *engine) Query(ctx context.Context, statement string, args ...any) (sqlengine.Rows, error) {
	statement, err := bind(statement, args)
	if err != nil {
		return nil, err
	}
	ctx, cancel := sqlengine.WithTimeout(ctx, e.timeout)
	rows, err := e.query(ctx, statement)
	if err != nil {
		err = unreached(ctx, err)
		cancel()
		return nil, err
	}
	rows.cancel = cancel
	return rows, nil
}

func (e *engine) query(ctx context.Context, statement string) (*rows, error) {
	resp, err := e.send(ctx, e.settings(), statement)
	if err != nil {
		return nil, err
	}
	if err := refusal(resp); err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	r := newRows(ctx, resp.Body)
	if err := r.readHead(); err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	return r, nil
}

func (e *engine) send(ctx context.Context, settings url.Values, statement string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url+"?"+settings.Encode(), strings.NewReader(statement))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(e.user, e.password)
	return e.client.Do(req)
}

// settings allow nothing but reading. With readonly=1 no other setting could be given.
func (e *engine) settings() url.Values {
	v := url.Values{
		"readonly": {"2"}, "default_format": {format},
		"join_use_nulls":                     {"1"},          // as in all other databases
		"join_default_strictness":            {"ALL"},        // and so is this
		"distributed_product_mode":           {"global"},     // tables of a cluster can be joined
		"max_query_size":                     {"4194304"},    // values are part of the statement
		"max_bytes_before_external_group_by": {"2000000000"}, // rather than to fail at 10 GB
		"max_bytes_before_external_sort":     {"2000000000"},
		// The default of current versions. Without it, what the servers of a cluster grouped
		// comes together in memory.
		"distributed_aggregation_memory_efficient": {"1"},
	}
	if e.database != "" {
		v.Set("database", e.database)
	}
	if e.timeout > 0 {
		v.Set("max_execution_time", strconv.FormatInt(int64((e.timeout+time.Second-1)/time.Second), 10))
	}
	return v
}

// address is what a DSN says.
type address struct {
	url, database, user, password, authorities string
}

var errAddress = errors.New("the DSN is not an address of the form clickhouse://user:password@host:8443/database: write special characters of the password as % and two digits")

// parse reads a DSN. Its errors do not show it.
func parse(dsn string) (a address, err error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Host == "" || u.Scheme != "clickhouse" && u.Scheme != "clickhouses" {
		return a, errAddress
	}
	secure, err := isSecure(u)
	if err != nil {
		return a, err
	}
	scheme, port := "https", "8443"
	if !secure {
		scheme, port = "http", "8123"
	}
	if u.Port() != "" {
		port = u.Port()
	}
	a.url = scheme + "://" + net.JoinHostPort(u.Hostname(), port) + "/"
	a.database, a.authorities = strings.Trim(u.Path, "/"), u.Query().Get("ca")
	if a.user = u.User.Username(); a.user == "" {
		a.user = "default"
	}
	a.password, _ = u.User.Password()
	return a, nil
}

func isSecure(u *url.URL) (bool, error) {
	for key := range u.Query() {
		if key != "secure" && key != "ca" {
			return false, errors.New("the DSN has a setting that is neither secure nor ca")
		}
	}
	given := u.Query().Get("secure")
	switch {
	case u.Scheme == "clickhouses", given == "1", given == "true":
		return true, nil
	case given == "0", given == "false":
		return false, nil
	case given != "":
		return false, errors.New("secure in the DSN must be 1 (TLS) or 0 (none)")
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !addr.IsLoopback()), nil
}

// trusting returns how to verify certificates of some authorities.
func trusting(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New(file + " holds no certificate in PEM")
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}
