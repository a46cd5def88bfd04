package telemetry

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Spooled is how large a spool is.
type Spooled struct {
	Files, Bytes, Free int64
	Oldest             time.Time // zero without a file
}

// Receiving are the metrics of what is received, for Prometheus.
type Receiving struct {
	registry      *prometheus.Registry
	requests      *prometheus.CounterVec
	events, bytes prometheus.Counter
	syncs         prometheus.Histogram
}

// NewReceiving returns the metrics of a receiver. It asks for the spool's size when
// they are scraped. The reasons are those of refusals.
func NewReceiving(spool func() Spooled, reasons []string) *Receiving {
	r := &Receiving{registry: prometheus.NewRegistry()}
	f := factory{r.registry}
	r.requests = f.counters("received_requests_total", "Requests of webhooks, by what became of them: received, or why they were refused.", "result")
	for _, result := range append([]string{"received"}, reasons...) {
		r.requests.WithLabelValues(result)
	}
	r.events = f.counter("received_messages_total", "Messages that were received.")
	r.bytes = f.counter("received_bytes_total", "Bytes of the bodies that were received.")
	r.syncs = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: "impactsync", Name: "spool_sync_duration_seconds", Help: "How long it took to write a group of bodies to disk and sync it.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
	})
	f.register(r.syncs)
	for name, one := range map[string]struct {
		help string
		of   func(Spooled) float64
	}{
		"spool_files":                    {"Files in the spool.", func(s Spooled) float64 { return float64(s.Files) }},
		"spool_bytes":                    {"Size of the spool's files.", func(s Spooled) float64 { return float64(s.Bytes) }},
		"spool_free_bytes":               {"What is left on the spool's disk.", func(s Spooled) float64 { return float64(s.Free) }},
		"spool_oldest_timestamp_seconds": {"When the oldest file of the spool was written, in Unix time; 0 without one.", oldest},
	} {
		f.register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "impactsync", Name: name, Help: one.help}, func() float64 { return one.of(spool()) }))
	}
	return r
}

// Received counts a body that was received.
func (r *Receiving) Received(events, bytes int) {
	r.requests.WithLabelValues("received").Inc()
	r.events.Add(float64(events))
	r.bytes.Add(float64(bytes))
}

// Refused counts a request that was refused.
func (r *Receiving) Refused(reason string) { r.requests.WithLabelValues(reason).Inc() }

// Synced records how long a sync took.
func (r *Receiving) Synced(took time.Duration) { r.syncs.Observe(took.Seconds()) }

// Handler returns a handler that serves the metrics of a process that only receives.
func (r *Receiving) Handler(version, revision string) http.Handler {
	process := prometheus.NewRegistry()
	process.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	factory{process}.gauges("build_info", "Always 1.", "version", "revision").WithLabelValues(version, revision).Set(1)
	return promhttp.HandlerFor(prometheus.Gatherers{process, r.registry}, promhttp.HandlerOpts{})
}

// With adds the metrics of a receiver in the same process.
func (m *Metrics) With(r *Receiving) { m.received = r.registry }

func (f factory) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "impactsync", Name: name, Help: help})
	f.register(c)
	return c
}

func oldest(s Spooled) float64 {
	if s.Oldest.IsZero() {
		return 0
	}
	return stamp(s.Oldest)
}
