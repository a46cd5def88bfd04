package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the daemon's metrics for Prometheus, in a registry of their own.
type Metrics struct {
	registry                   *prometheus.Registry
	runs, changes              *prometheus.CounterVec
	due                        *prometheus.GaugeVec
	exit, seconds, ended, good prometheus.Gauge
}

// NewMetrics returns the metrics of a program that has run nothing yet.
func NewMetrics(version, revision string) *Metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	f := promauto.With(r)
	counters := func(name, help, label string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Namespace: "impactsync", Name: name, Help: help}, []string{label})
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return f.NewGaugeVec(prometheus.GaugeOpts{Namespace: "impactsync", Name: name, Help: help}, labels)
	}
	gauges("build_info", "Always 1.", "version", "revision").WithLabelValues(version, revision).Set(1)
	return &Metrics{
		registry: r,
		runs:     counters("runs_total", "Runs since the start, by exit code.", "exit_code"),
		changes:  counters("changes_total", "What runs counted since the start: found, delivered, refused, rejected and so on.", "what"),
		due:      gauges("due", "What is due after the last run, by kind and status.", "kind", "status"),
		exit:     gauges("last_run_exit_code", "Exit code of the last run.").WithLabelValues(),
		seconds:  gauges("last_run_duration_seconds", "How long the last run took.").WithLabelValues(),
		ended:    gauges("last_run_timestamp_seconds", "When the last run ended, in Unix time.").WithLabelValues(),
		good:     gauges("last_success_timestamp_seconds", "When a run last ended with exit code 0, in Unix time.").WithLabelValues(),
	}
}

// counted are the counters of a run that have a series: a fixed set, to keep their
// number small.
var counted = []string{"found", "delivered", "refused", "rejected", "unknown", "superseded", "absorbed", "dropped", "requests", "too_old", "duplicate_message", "not_sent"}

// Ran records the end of a run. The report of a run that could not begin is empty.
func (m *Metrics) Ran(r impactsync.Report, exitCode int, ended time.Time) {
	m.runs.WithLabelValues(strconv.Itoa(exitCode)).Inc()
	m.exit.Set(float64(exitCode))
	m.seconds.Set(r.Seconds)
	m.ended.Set(float64(ended.Unix()))
	if exitCode == impactsync.ExitOK {
		m.good.Set(float64(ended.Unix()))
	}
	if r.Run == 0 {
		return
	}
	for _, what := range counted {
		m.changes.WithLabelValues(what).Add(float64(r.Counts[what]))
	}
	m.due.WithLabelValues("suppression", "held").Set(float64(r.HeldSuppressions))
	for kind, c := range map[string]state.Counts{"trait": r.Traits, "page_load": r.PageLoads, "conversion": r.Conversions} {
		for status, n := range map[string]int64{
			"pending": c.Pending, "in_flight": c.InFlight, "retry_later": c.RetryLater, "refused": c.Refused, "unknown": c.Unknown, "held": c.Held,
		} {
			m.due.WithLabelValues(kind, status).Set(float64(n))
		}
	}
}

// Handler returns a handler that serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
