package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collect starts a receiver of traces and returns its address, and what it got.
func collect(t *testing.T) (address string, got func() []*traces.Span) {
	t.Helper()
	var mu sync.Mutex
	var spans []*traces.Span
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(r.Body)
		}
		data, _ := io.ReadAll(body)
		var req collector.ExportTraceServiceRequest
		if r.URL.Path != "/v1/traces" || proto.Unmarshal(data, &req) != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, resource := range req.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				spans = append(spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []*traces.Span {
		mu.Lock()
		defer mu.Unlock()
		return spans
	}
}

// numbers returns a span's attributes that are numbers.
func numbers(s *traces.Span) map[string]int64 {
	all := map[string]int64{}
	for _, a := range s.GetAttributes() {
		all[a.GetKey()] = a.GetValue().GetIntValue()
	}
	return all
}

func TestTrace(t *testing.T) {
	address, got := collect(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
	var log bytes.Buffer
	p := telemetry.Phases{Trace: telemetry.StartTrace(context.Background(), "v1", slog.New(slog.NewTextHandler(&log, nil)))}
	watched := p.Watch(impactsync.Progress{Start: func(string, string, int64, string) {}, Add: func(int64) {}, Done: func() {}})
	watched.Start("read", "vip", 100, "bytes")
	watched.Start("diff", "vip", -1, "people") // ends the one before
	watched.Done()
	watched.Start("send", "to impact.com", 7, "requests")
	watched.Done()
	p.Trace.End(impactsync.Report{Run: 9, Counts: map[string]int64{"delivered": 7}}, impactsync.ExitCredentials)

	require.Empty(t, log.String())
	var names []string
	byName := map[string]*traces.Span{}
	for _, s := range got() {
		names, byName[s.GetName()] = append(names, s.GetName()), s
	}
	require.Equal(t, []string{"read", "diff", "send", "run"}, names)
	run := byName["run"]
	require.Equal(t, map[string]int64{"impactsync.run": 9, "impactsync.exit_code": 11, "impactsync.delivered": 7}, numbers(run))
	require.Equal(t, traces.Status_STATUS_CODE_ERROR, run.GetStatus().GetCode())
	require.Equal(t, run.GetSpanId(), byName["send"].GetParentSpanId())
	require.EqualValues(t, 100, numbers(byName["read"])["impactsync.bytes"])
	require.NotContains(t, numbers(byName["diff"]), "impactsync.people", "it was not known")
}

func TestTraceIsOff(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"by default":        {},
		"by none":           {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
		"as all of the SDK": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range env {
				t.Setenv(key, value)
			}
			var off *telemetry.Trace
			require.Equal(t, off, telemetry.StartTrace(context.Background(), "v1", slog.New(slog.DiscardHandler)))
			off.End(impactsync.Report{}, 0)
		})
	}
}

func TestATraceThatNobodyTakesIsLogged(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/v1/traces")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
	var log bytes.Buffer
	telemetry.StartTrace(context.Background(), "v1", slog.New(slog.NewTextHandler(&log, nil))).End(impactsync.Report{}, 0)
	require.Contains(t, log.String(), "a trace was not sent")
}
