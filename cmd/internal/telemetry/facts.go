package telemetry

import (
	"strconv"
	"time"

	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/money"
	"github.com/prometheus/client_golang/prometheus"
)

// facts are the series that are read from the state.
type facts struct {
	oldest, members, audienceDue         *prometheus.GaugeVec
	refused, money, refunds, refundMoney *prometheus.GaugeVec
	quota, remaining, lastHour, newest   *prometheus.GaugeVec
	staleSources, stateSize, heldChanges *prometheus.GaugeVec
	orders, reconciled                   *prometheus.GaugeVec
	segmentSize, segmentRefused, asked   *prometheus.GaugeVec
}

func newFacts(f factory) facts {
	return facts{
		oldest:         f.gauges("oldest_undelivered_timestamp_seconds", "When the oldest change that is still to be sent happened, in Unix time; absent where nothing is.", "kind", "audience"),
		members:        f.gauges("audience_members", "Members of an audience, wanted and delivered.", "audience", "what"),
		audienceDue:    f.gauges("audience_due", "What is due of an audience: pending, held, refused.", "audience", "status"),
		heldChanges:    f.gauges("held_changes", "What is held back, by audience (empty for events and suppressions) and direction.", "audience", "direction"),
		refused:        f.gauges("refused_deliveries", "What is refused and not dropped, by kind and class.", "kind", "class"),
		money:          f.gauges("refused_money", "Money of refused conversions, by currency.", "currency"),
		quota:          f.gauges("host_quota", "Requests per window that a host allows, by its last answer.", "host"),
		refunds:        f.gauges("refunded_orders", "Orders that were taken back, by what became of it: status and class of the view order_refunds.", "status", "class"),
		refundMoney:    f.gauges("refunded_money", "What was taken back of these orders.", "status", "class", "currency"),
		remaining:      f.gauges("host_quota_remaining", "Requests that are left in a host's window, by its last answer.", "host"),
		lastHour:       f.gauges("host_requests_last_hour", "Requests sent to a host in the last hour.", "host"),
		newest:         f.gauges("source_newest_timestamp_seconds", "When the newest input of a source was written, in Unix time.", "source"),
		staleSources:   f.gauges("source_stale", "1 for a source whose input is older than its maxAge, missing or unusable, else 0; by the last run that read it.", "source"),
		orders:         f.gauges("orders", "Orders by the verdict of the last reconcile; absent before the first one.", "verdict"),
		reconciled:     f.gauges("reconciled_timestamp_seconds", "When impact.com's actions were read last, in Unix time; absent before."),
		segmentSize:    f.gauges("segment_audience_size", "Profiles of an audience, as Segment said last.", "audience"),
		segmentRefused: f.gauges("segment_audience_refused", "1 for an audience that the last run did not apply because of what Segment says of it.", "audience"),
		asked:          f.gauges("segment_read_timestamp_seconds", "When Segment's Public API was last read to its end, in Unix time.", "what"),
		stateSize:      f.gauges("state_bytes", "Size of the state on disk: the database and its write-ahead log.", "file"),
	}
}

// State records what the state says.
func (m *Metrics) State(s state.Status, n state.Measures) {
	m.Due(s.Traits, s.PageLoads, s.Conversions)
	if !n.LastSuccess.IsZero() {
		m.good.Set(float64(n.LastSuccess.Unix()))
	}
	m.oldest.Reset()
	for _, o := range n.Oldest {
		m.oldest.WithLabelValues(o.Kind, o.Trait).Set(stamp(o.At))
	}
	m.audiences(s.Audiences)
	m.exceptions(n)
	m.verdicts(n)
	m.segment(n.Segment)
	m.hosts(s.Hosts)
	m.newest.Reset()
	for _, one := range s.Sources {
		if !one.Newest.IsZero() {
			m.newest.WithLabelValues(one.Name).Set(stamp(one.Newest))
		}
		m.staleSources.WithLabelValues(one.Name).Add(0)
	}
}

// Due records what is due.
func (m *Metrics) Due(traits, pageLoads, conversions state.Counts) {
	for kind, c := range map[string]state.Counts{"trait": traits, "page_load": pageLoads, "conversion": conversions} {
		for status, n := range map[string]int64{
			"pending": c.Pending, "in_flight": c.InFlight, "retry_later": c.RetryLater, "refused": c.Refused, "unknown": c.Unknown, "held": c.Held,
		} {
			m.due.WithLabelValues(kind, status).Set(float64(n))
		}
	}
}

// Totals sets the counters of a process that is new for every run: to what the state
// has counted in all.
func (m *Metrics) Totals(n state.Measures) {
	for code, runs := range n.Runs {
		m.runs.WithLabelValues(strconv.FormatInt(code, 10)).Add(float64(runs))
	}
	for _, what := range counted {
		m.changes.WithLabelValues(what).Add(float64(n.Totals[what]))
	}
}

// Size records the size of the state's files.
func (m *Metrics) Size(database, log int64) {
	m.stateSize.WithLabelValues("database").Set(float64(database))
	m.stateSize.WithLabelValues("log").Set(float64(log))
}

func (m *Metrics) audiences(all []state.AudienceStatus) {
	m.members.Reset()
	m.audienceDue.Reset()
	for _, a := range all {
		m.members.WithLabelValues(a.Key, "wanted").Set(float64(a.Wanted))
		m.members.WithLabelValues(a.Key, "delivered").Set(float64(a.Delivered))
		m.audienceDue.WithLabelValues(a.Key, "pending").Set(float64(a.Pending))
		m.audienceDue.WithLabelValues(a.Key, "held").Set(float64(a.Held))
		m.audienceDue.WithLabelValues(a.Key, "refused").Set(float64(a.Refused))
	}
}

// exceptions records what is held and what is refused.
func (m *Metrics) exceptions(n state.Measures) {
	m.heldChanges.Reset()
	for _, h := range n.Held {
		m.heldChanges.WithLabelValues(h.Trait, h.Direction).Set(float64(h.Count))
	}
	m.refused.Reset()
	for _, r := range n.Refused {
		m.refused.WithLabelValues(r.Kind, r.Class).Set(float64(r.Count))
	}
	m.refunds.Reset()
	m.refundMoney.Reset()
	for _, r := range n.Refunds {
		m.refunds.WithLabelValues(r.Status, r.Class).Add(float64(r.Orders))
		m.refundMoney.WithLabelValues(r.Status, r.Class, r.Currency).Add(float64(r.Amount) / float64(money.Unit))
	}
	m.money.Reset()
	for _, one := range n.Money {
		m.money.WithLabelValues(one.Currency).Set(float64(one.Amount) / float64(money.Unit))
	}
}

// segment records what Segment said last.
func (m *Metrics) segment(c state.Catalogue) {
	m.segmentSize.Reset()
	for _, one := range c.Computations {
		if one.Size != nil {
			m.segmentSize.WithLabelValues(one.Key).Set(float64(*one.Size))
		}
	}
	m.segmentRefused.Reset()
	for key := range c.Refused {
		m.segmentRefused.WithLabelValues(key).Set(1)
	}
	for what, r := range c.Reads {
		if !r.At.IsZero() {
			m.asked.WithLabelValues(what).Set(stamp(r.At))
		}
	}
}

// verdicts records how many orders have which verdict: all of them, so that an alert
// sees the first one.
func (m *Metrics) verdicts(n state.Measures) {
	if n.Reconciled.IsZero() {
		return
	}
	m.reconciled.WithLabelValues().Set(stamp(n.Reconciled))
	for _, verdict := range state.Verdicts {
		m.orders.WithLabelValues(verdict).Set(float64(n.Orders[verdict]))
	}
}

func (m *Metrics) hosts(all []state.HostStatus) {
	m.quota.Reset()
	m.remaining.Reset()
	for _, h := range all {
		m.lastHour.WithLabelValues(h.Host).Set(float64(h.SentLastHour))
		if h.Remaining != nil {
			m.quota.WithLabelValues(h.Host).Set(float64(h.Quota))
			m.remaining.WithLabelValues(h.Host).Set(float64(*h.Remaining))
		}
	}
}

func (m *Metrics) stale(sources []impactsync.StaleSource) {
	m.staleSources.Reset()
	for _, s := range sources {
		m.staleSources.WithLabelValues(s.Source).Set(1)
	}
}

// stamp returns a time as Prometheus has it.
func stamp(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }
