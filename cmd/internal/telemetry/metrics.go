package telemetry

import (
	"net/http"
	"strconv"
	"time"

	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the program's metrics for Prometheus: a daemon's, which are scraped, or
// those of one run, which are written to a file or pushed. The names are the same.
type Metrics struct {
	own      *prometheus.Registry // our series
	labelled *prometheus.Registry // the same with the label destination
	process  *prometheus.Registry // the usual go_ and process_ series
	received *prometheus.Registry // those of a receiver in the same process; or nil

	runs, changes              *prometheus.CounterVec
	due, last, phases          *prometheus.GaugeVec
	exit, seconds, ended, good prometheus.Gauge
	facts
}

// NewMetrics returns the metrics of a program that has run nothing yet. Several
// programs on one machine are told apart by the destination.
func NewMetrics(version, revision, destination string) *Metrics {
	m := &Metrics{own: prometheus.NewRegistry(), labelled: prometheus.NewRegistry(), process: prometheus.NewRegistry()}
	m.process.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	f := factory{m.own, prometheus.WrapRegistererWith(prometheus.Labels{"destination": destination}, m.labelled)}
	f.gauges("build_info", "Always 1.", "version", "revision").WithLabelValues(version, revision).Set(1)
	m.runs = f.counters("runs_total", "Runs, by exit code: of a daemon since its start, else all that the state knows.", "exit_code")
	m.changes = f.counters("changes_total", "What runs counted: found, delivered, refused, rejected and so on. Of a daemon since its start, else of all runs.", "what")
	m.due = f.gauges("due", "What is due after the last run, by kind and status.", "kind", "status")
	m.last = f.gauges("last_run_changes", "What the last run counted.", "what")
	m.phases = f.gauges("last_run_phase_duration_seconds", "How long the phases of the last run took.", "phase")
	m.exit = f.gauge("last_run_exit_code", "Exit code of the last run.")
	m.seconds = f.gauge("last_run_duration_seconds", "How long the last run took.")
	m.ended = f.gauge("last_run_timestamp_seconds", "When the last run ended, in Unix time.")
	m.good = f.gauge("last_success_timestamp_seconds", "When a run last ended with exit code 0, in Unix time.")
	m.facts = newFacts(f)
	return m
}

// factory makes series in several registries.
type factory []prometheus.Registerer

func (f factory) register(c prometheus.Collector) {
	for _, r := range f {
		r.MustRegister(c)
	}
}

func (f factory) counters(name, help, label string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "impactsync", Name: name, Help: help}, []string{label})
	f.register(v)
	return v
}

func (f factory) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "impactsync", Name: name, Help: help}, labels)
	f.register(v)
	return v
}

func (f factory) gauge(name, help string) prometheus.Gauge {
	return f.gauges(name, help).WithLabelValues()
}

// counted are the counters of a run that have a series: a fixed set, to keep their
// number small.
var counted = []string{"found", "delivered", "refused", "rejected", "unknown", "superseded", "absorbed", "dropped", "requests", "too_old", "duplicate_message", "not_sent"}

// Ran records the end of a daemon's run. The report of a run that could not begin is
// empty.
func (m *Metrics) Ran(r impactsync.Report, exitCode int, ended time.Time) {
	m.Ended(r, exitCode, ended)
	m.runs.WithLabelValues(strconv.Itoa(exitCode)).Inc()
	if r.Run == 0 {
		return
	}
	for _, what := range counted {
		m.changes.WithLabelValues(what).Add(float64(r.Counts[what]))
	}
}

// Ended records how the last run ended.
func (m *Metrics) Ended(r impactsync.Report, exitCode int, ended time.Time) {
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
		m.last.WithLabelValues(what).Set(float64(r.Counts[what]))
	}
	m.stale(r.Stale)
	m.Due(r.Traits, r.PageLoads, r.Conversions)
	m.due.WithLabelValues("suppression", "held").Set(float64(r.HeldSuppressions))
}

// Phases records how long the phases of the last run took, and what of its time is in
// none of them.
func (m *Metrics) Phases(took map[string]time.Duration, seconds float64) {
	m.phases.Reset()
	for phase, d := range took {
		m.phases.WithLabelValues(phase).Set(d.Seconds())
		seconds -= d.Seconds()
	}
	m.phases.WithLabelValues("other").Set(max(seconds, 0))
}

// Handler returns a handler that serves the metrics, and those of the process.
func (m *Metrics) Handler() http.Handler {
	all := prometheus.Gatherers{m.own, m.process}
	if m.received != nil {
		all = append(all, m.received)
	}
	return promhttp.HandlerFor(all, promhttp.HandlerOpts{})
}
