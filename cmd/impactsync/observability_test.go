package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/impactsync/impactsync/cmd/internal/notify"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/stretchr/testify/require"
)

// troubled is a configuration of a shop in which everything is wrong that metrics tell.
const troubled = `destination:
  accountSid: IR1
  apiKey: token
  campaignId: "23224"
  pageUrl: https://shop.example/
  trackingURL: ${URL}
  apiURL: ${URL}
  missingOrderId: refuse
sources:
  - {name: exports, kind: audiences, url: file://./lists/}
  - {name: web, kind: events, url: file://./events/, maxAge: 24h}
guard: {maxExits: {percent: 50, atLeast: 1}}
maxEventAge: 876000h
refunds: {mode: report}
state: {path: state.db}
`

// orders are one that is refused, with its money, and one that is sent and returned.
const orders = `{"type":"track","event":"Order Completed","messageId":"m1","userId":"u1","timestamp":"2026-08-30T00:00:00Z","properties":{"revenue":20}}
{"type":"track","event":"Order Completed","messageId":"m2","userId":"u1","timestamp":"2026-08-30T00:00:00Z","properties":{"order_id":"o2","revenue":30,"currency":"USD"}}
{"type":"track","event":"Order Refunded","messageId":"m3","userId":"u1","timestamp":"2026-08-31T00:00:00Z","properties":{"order_id":"o2"}}
`

// troubles makes two runs and returns the metrics of the second one, in a file: it has
// something held, refused, with money, stale, and still due.
func troubles(t *testing.T) (file string) {
	t.Helper()
	box, err := sandbox.New(sandbox.Config{RateLimit: sandbox.Limit{Requests: 1000, Per: time.Hour}})
	require.NoError(t, err)
	server := httptest.NewServer(box.Handler())
	t.Cleanup(server.Close)
	p := &process{t: t, dir: t.TempDir()}
	p.write("impactsync.yaml", strings.ReplaceAll(troubled, "${URL}", server.URL))
	p.list(20)
	p.write("lists/Club.csv", "user_id,anonymous_id\nu1,\n")
	p.write("events/a.ndjson", orders)
	old := time.Now().Add(-48 * time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(p.dir, "events/a.ndjson"), old, old))
	out, err := p.command("run").CombinedOutput()
	require.ErrorContains(t, err, "exit status 3", "%s", out)

	out, err = p.command("reconcile").CombinedOutput()
	require.NoError(t, err, "%s", out)

	p.list(2)
	p.write("lists/New.csv", "user_id\nn1\nn2\nn3\n")
	file = filepath.Join(p.dir, "impactsync.prom")
	out, err = p.command("run", "--limit", "1", "--metrics-file", file).CombinedOutput()
	require.ErrorContains(t, err, "exit status 4", "%s", out)
	return file
}

// server is Debian's Prometheus.
type server struct {
	t   *testing.T
	url string
}

// prometheus starts one that scrapes a file of metrics and knows the alerts.
func prometheus(t *testing.T, metrics, rules string) server {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("Prometheus is not installed: bash .ci/packages prometheus")
	}
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text, _ := os.ReadFile(metrics)
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write(text)
	}))
	t.Cleanup(target.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, []byte(`global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [`+rules+`]
scrape_configs: [{job_name: node, static_configs: [{targets: ["`+target.Listener.Addr().String()+`"]}]}]
`), 0o600))
	c := exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+dir+"/data", "--web.listen-address="+address, "--log.level=error")
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return server{t, "http://" + address}
}

// reply is what Prometheus answers to a query.
type reply struct {
	Status string `json:"status"`
	Error  string `json:"error"`
	Data   struct {
		Result []struct {
			Metric map[string]string `json:"metric"`
		} `json:"result"`
		Groups []struct {
			Rules []struct {
				Name, Health, LastError, State string
			} `json:"rules"`
		} `json:"groups"`
	} `json:"data"`
}

func (s server) ask(path string, query url.Values) (a reply) {
	s.t.Helper()
	res, err := http.Get(s.url + path + "?" + query.Encode())
	if err != nil {
		return a // it is not up yet
	}
	defer res.Body.Close()
	_ = json.NewDecoder(res.Body).Decode(&a)
	return a
}

func (s server) query(expr string) reply { return s.ask("/api/v1/query", url.Values{"query": {expr}}) }

const observability = "../../k8s/observability/"

// ruleSpec returns what the PrometheusRule has for Prometheus, and its alerts.
func ruleSpec(t *testing.T) (file string, alerts []alert) {
	t.Helper()
	text, err := os.ReadFile(observability + "prometheusrule.yaml")
	require.NoError(t, err)
	var rule struct {
		Spec struct {
			Groups []struct {
				Name  string  `yaml:"name"`
				Rules []alert `yaml:"rules"`
			} `yaml:"groups"`
		} `yaml:"spec"`
	}
	require.NoError(t, yaml.Unmarshal(text, &rule))
	spec, err := yaml.Marshal(rule.Spec)
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(file, spec, 0o600))
	for _, g := range rule.Spec.Groups {
		alerts = append(alerts, g.Rules...)
	}
	return file, alerts
}

type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// dashboardQueries returns the queries of Grafana's dashboard, for all destinations.
func dashboardQueries(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(observability + "dashboard.json")
	require.NoError(t, err)
	var d struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	require.NoError(t, json.Unmarshal(text, &d))
	for _, p := range d.Panels {
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			all = append(all, strings.ReplaceAll(target.Expr, "$destination", ".*"))
		}
	}
	return all
}

// TestPrometheus holds what is in k8s/observability to a real Prometheus that scrapes a
// real run: each query of the dashboard finds something, and each alert that should.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	metrics := troubles(t)
	rules, alerts := ruleSpec(t)
	p := prometheus(t, metrics, rules)
	require.Eventually(t, func() bool { return len(p.query("impactsync_build_info").Data.Result) == 1 }, time.Minute, 200*time.Millisecond)

	for _, expr := range dashboardQueries(t) {
		a := p.query(expr)
		require.Equal(t, "success", a.Status, "%s: %s", expr, a.Error)
		require.NotEmpty(t, a.Data.Result, expr)
	}
	var firing []string
	for _, one := range alerts {
		if a := p.query(one.Expr); len(a.Data.Result) > 0 {
			firing = append(firing, one.Alert)
		}
	}
	require.Equal(t, []string{"ImpactsyncHeld", "ImpactsyncMoneyRefused", "ImpactsyncSourceStale"}, firing)
	require.Eventually(t, func() bool {
		groups := p.ask("/api/v1/rules", nil).Data.Groups
		return len(groups) == 1 && !slices.ContainsFunc(groups[0].Rules, func(r struct{ Name, Health, LastError, State string }) bool { return r.Health != "ok" })
	}, time.Minute, 200*time.Millisecond, "every alert is evaluated without an error")
}

// TestEveryMetricIsUsedAndDocumented compares what a run writes with the list in
// docs/configuration.md, and the names in queries with both.
func TestEveryMetricIsUsedAndDocumented(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`impactsync_[a-z_]+`)
	names := func(text string) []string {
		found := name.FindAllString(text, -1)
		slices.Sort(found)
		return slices.Compact(found)
	}
	page, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "\n## Metrics\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	metrics, err := os.ReadFile(troubles(t))
	require.NoError(t, err)
	withSegment := func(name string) bool { return strings.HasPrefix(name, "impactsync_segment_") } // which this run has not
	require.Equal(t, names(string(metrics)), slices.DeleteFunc(names(section), withSegment))

	_, alerts := ruleSpec(t)
	queries := dashboardQueries(t)
	for _, a := range alerts {
		queries = append(queries, a.Expr)
	}
	require.Subset(t, names(section), names(strings.Join(queries, "\n")))
}

// TestRunbook holds docs/runbook.md to the code: an entry for each alert, each thing that
// webhooks are told of and each exit code, and no other.
func TestRunbook(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/runbook.md")
	require.NoError(t, err)
	entries := map[string]string{}
	for _, part := range strings.Split(string(page), "\n### ")[1:] {
		title, text, _ := strings.Cut(part, "\n")
		text, _, _ = strings.Cut(text, "\n## ")
		require.NotEmpty(t, strings.TrimSpace(text), title)
		entries[title] = text
	}

	var want []string
	for _, s := range impactsync.ExitStatuses {
		want = append(want, fmt.Sprint("exit ", s.Code))
	}
	_, alerts := ruleSpec(t)
	for _, a := range alerts {
		require.NotEmpty(t, a.Annotations["summary"], a.Alert)
		require.Contains(t, []string{"critical", "warning"}, a.Labels["severity"], a.Alert)
		title, ours := strings.CutPrefix(a.Annotations["runbook_url"], runbook)
		require.True(t, ours, a.Alert)
		require.Contains(t, entries[title], "Alert `"+a.Alert+"`", "%s links to %s", a.Alert, title)
		want = append(want, title)
	}
	require.Equal(t, len(alerts), strings.Count(string(page), "\nAlert `"), "no entry is of an alert that is gone")
	for _, condition := range []string{notify.Failed, notify.Held, notify.Refused, notify.Stale, notify.Money, notify.Test} {
		require.Contains(t, entries[condition], "otice `"+condition+"`")
		want = append(want, condition)
	}
	slices.Sort(want)
	got := slices.Sorted(maps.Keys(entries))
	require.Equal(t, slices.Compact(want), got)
	for title := range entries {
		if !strings.HasPrefix(title, "exit ") {
			require.Contains(t, string(page), "["+title+"](#"+title+")", "the list at the top has it")
		}
	}
}
