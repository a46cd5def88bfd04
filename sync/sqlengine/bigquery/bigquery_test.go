package bigquery

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
)

// No server of BigQuery's runs here. This one answers as Google's documents of its REST
// API say (https://cloud.google.com/bigquery/docs/reference/rest/v2), for what the client
// does with pages, types and errors; it knows no SQL.
type documented struct {
	pages    int
	kind     string // of statement
	status   int    // of an error
	reason   string
	message  string
	running  int // answers that say that the job is not done
	requests []string
}

func (d *documented) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	var body map[string]any
	if json.Unmarshal(text, &body) == nil { // rather than parts
		text, _ = json.Marshal(body)
	}
	d.requests = append(d.requests, r.Method+" "+r.URL.Path+" "+string(text))
	w.Header().Set("Content-Type", "application/json")
	const reference = `"jobReference":{"projectId":"proj","jobId":"j1","location":"EU"}`
	switch {
	case d.status != 0:
		w.WriteHeader(d.status)
		fmt.Fprintf(w, `{"error":{"code":%d,"message":%q,"errors":[{"message":%[2]q,"reason":%q}]}}`, d.status, d.message, d.reason)
	case strings.HasSuffix(r.URL.Path, "/jobs") && strings.Contains(string(text), `"dryRun":true`):
		fmt.Fprintf(w, `{"kind":"bigquery#job",%s,"configuration":{"query":{},"dryRun":true},"status":{"state":"DONE"},"statistics":{"totalBytesProcessed":"1234","query":{"statementType":%q,"totalBytesProcessed":"1234"}}}`, reference, d.kind)
	case strings.HasSuffix(r.URL.Path, "/jobs"), strings.HasSuffix(r.URL.Path, "/jobs/j1"):
		fmt.Fprintf(w, `{"kind":"bigquery#job",%s,"configuration":{"query":{"destinationTable":{"projectId":"proj","datasetId":"d","tableId":"t"}}},"status":{"state":"DONE"},"statistics":{"query":{"statementType":"SELECT"}}}`, reference)
	case d.running > 0:
		d.running--
		fmt.Fprintf(w, `{%s,"jobComplete":false}`, reference)
	default:
		page, _ := strconv.Atoi(r.URL.Query().Get("pageToken"))
		next := ""
		if page+1 < d.pages {
			next = fmt.Sprintf(`"pageToken":"%d",`, page+1)
		}
		fmt.Fprintf(w, `{%s,"jobComplete":true,%s"totalRows":"%d","schema":{"fields":[{"name":"a","type":"STRING"},{"name":"n","type":"INTEGER"},{"name":"b","type":"BOOLEAN"}]},"rows":[{"f":[{"v":"x%d"},{"v":"9007199254740993"},{"v":"true"}]},{"f":[{"v":null},{"v":null},{"v":null}]}]}`, reference, next, 2*d.pages, page)
	}
}

func start(t *testing.T, d *documented, timeout time.Duration) *engine {
	t.Helper()
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	e, err := Open(sqlengine.Config{DSN: "bigquery://proj/prod_web?location=EU&maxBytesBilled=1000000&endpoint=" + server.URL, Timeout: timeout})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e.(*engine)
}

func TestDocumentedAnswers(t *testing.T) {
	t.Parallel()
	d := &documented{kind: "SELECT", pages: 3}
	e := start(t, d, 0)
	got, err := enginetest.Lines(t, e, "SELECT a, n, b FROM t WHERE a = @p1", "it's")
	require.NoError(t, err)
	require.Equal(t, []string{"x0|9007199254740993|true", "NULL|NULL|NULL", "x1|9007199254740993|true", "NULL|NULL|NULL", "x2|9007199254740993|true", "NULL|NULL|NULL"}, got)
	all := strings.Join(d.requests, "\n")
	require.Contains(t, all, `"queryParameters":[{"name":"p1","parameterType":{"type":"STRING"},"parameterValue":{"value":"it's"}}]`)
	require.Contains(t, all, `"maximumBytesBilled":"1000000"`)
	require.Contains(t, all, `"datasetId":"prod_web"`)

	takes, err := e.Estimate(t.Context(), "SELECT 1")
	require.NoError(t, err)
	require.Equal(t, "1.2 kB read", takes)
	got, err = enginetest.Lines(t, start(t, &documented{kind: "SELECT", pages: 1, running: 2}, time.Minute), "SELECT a, n, b")
	require.NoError(t, err)
	require.Len(t, got, 2)
}

func TestNothingIsWritten(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"INSERT", "SCRIPT", "CREATE_TABLE_AS_SELECT", ""} {
		d := &documented{kind: kind, pages: 1}
		_, err := enginetest.Lines(t, start(t, d, 0), "INSERT INTO t VALUES (1)")
		require.ErrorIs(t, err, sqlengine.ErrStatement)
		require.Len(t, d.requests, 1, "only the dry run")
	}
}

func TestRowsAreLoaded(t *testing.T) {
	t.Parallel()
	d := &documented{}
	e := start(t, d, time.Minute)
	load := func(end error) error {
		l := e.Load(t.Context(), sqlengine.Table{Schema: "impactsync", Name: "told_incoming_1"}, []string{"id", "n", "gone"})
		require.NoError(t, l.Add(`it's "1"`, int64(9007199254740993), true))
		require.NoError(t, l.Add("", int64(0), false))
		return l.End(end)
	}
	require.NoError(t, load(nil))
	all := strings.Join(d.requests, "\n")
	require.Contains(t, all, "POST /upload/bigquery/v2/projects/proj/jobs ")
	require.Contains(t, all, `"destinationTable":{"datasetId":"impactsync","projectId":"proj","tableId":"told_incoming_1"},"sourceFormat":"NEWLINE_DELIMITED_JSON","writeDisposition":"WRITE_APPEND"`)
	require.Contains(t, all, `{"gone":true,"id":"it's \"1\"","n":9007199254740993}`+"\n"+`{"gone":false,"id":"","n":0}`+"\n")
	require.ErrorIs(t, load(io.ErrClosedPipe), io.ErrClosedPipe, "given up")
	require.NotContains(t, d.requests[len(d.requests)-1], `"id"`, "a part of the rows is not loaded")
	d.status, d.reason, d.message = 404, "notFound", "Not found: Table proj:impactsync.told_incoming_1"
	require.ErrorIs(t, load(nil), sqlengine.ErrNoTable)
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status          int
		reason, message string
		kind            error
	}{
		{404, "notFound", "Not found: Table proj:prod_web.x was not found in location EU", sqlengine.ErrNoTable},
		{404, "notFound", "Not found: Project proj", sqlengine.ErrLogin},
		{403, "accessDenied", "Access Denied: Table proj:prod_web.x: User does not have permission", sqlengine.ErrDenied},
		{400, "invalidQuery", "Unrecognized name: nothing at [1:8]", sqlengine.ErrNoColumn},
		{400, "invalidQuery", "Syntax error: Unexpected identifier", sqlengine.ErrStatement},
		{401, "authError", "Invalid Credentials", sqlengine.ErrLogin},
	} {
		_, err := enginetest.Lines(t, start(t, &documented{status: c.status, reason: c.reason, message: c.message}, 0), "SELECT 1")
		require.ErrorIs(t, err, c.kind, "%s", c.message)
		require.ErrorContains(t, err, c.message)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	a, err := parse("bigquery://proj/prod_web?location=EU&credentialsFile=/k.json&maxBytesBilled=5")
	require.NoError(t, err)
	require.Equal(t, address{project: "proj", dataset: "prod_web", location: "EU", keyFile: "/k.json", maxBytes: 5}, a)
	for _, dsn := range []string{"", "bigquery:", "bigquery://u:s3cret@proj", "bigquery://proj?maxBytesBilled=s3cret", "bigquery://proj?s3cret=1", "bigquery://proj?endpoint=https://s3cret.example"} {
		_, err := Open(sqlengine.Config{DSN: dsn})
		require.Error(t, err, "%s", dsn)
		require.NotContains(t, err.Error(), "s3cret")
	}
}
