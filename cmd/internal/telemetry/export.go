package telemetry

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/push"
)

// WriteFile writes the metrics in Prometheus' text format, for the textfile collector of
// node_exporter: a reader sees the file before or after, and never a part of it.
func (m *Metrics) WriteFile(path string) error { return prometheus.WriteToTextfile(path, m.labelled) }

// Gateway is a Pushgateway.
type Gateway struct {
	URL, Job           string
	Username, Password string
	Destination        string // groups the metrics, beside the job
}

// mostPush is how long a push may take: the run is over, and its pod may be waited for.
const mostPush = 10 * time.Second

// Push sends the metrics. Whole replaces everything that an earlier push of the same
// job and destination left; otherwise only series of the same names are replaced.
func (m *Metrics) Push(ctx context.Context, g Gateway, whole bool) error {
	ctx, cancel := context.WithTimeout(ctx, mostPush)
	defer cancel()
	p := push.New(g.URL, g.Job).Gatherer(m.own).Grouping("destination", g.Destination).Client(&http.Client{Timeout: mostPush})
	if g.Username != "" {
		p = p.BasicAuth(g.Username, g.Password)
	}
	if whole {
		return p.PushContext(ctx)
	}
	return p.AddContext(ctx)
}

// gathered returns the series of several destinations.
func gathered(all []*Metrics) (own prometheus.Gatherers) {
	for _, m := range all {
		own = append(own, m.labelled)
	}
	return own
}

// WriteFile writes the metrics of several destinations to one file, as
// [Metrics.WriteFile] does.
func WriteFile(path string, all ...*Metrics) error {
	return prometheus.WriteToTextfile(path, gathered(all))
}

// Handler returns a handler that serves the metrics of several destinations, and those of
// the process.
func Handler(all ...*Metrics) http.Handler {
	own := gathered(all)
	if len(all) > 0 {
		own = append(own, all[0].process)
	}
	for _, m := range all {
		if m.received != nil {
			own = append(own, m.received)
		}
	}
	return promhttp.HandlerFor(own, promhttp.HandlerOpts{})
}
