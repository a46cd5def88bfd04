package config

import (
	"fmt"
	"net/url"
	"slices"
)

// Metrics says where the metrics of a run go, beside the daemon's /metrics.
type Metrics struct {
	// A file in Prometheus' text format, for node_exporter's textfile collector: its name ends in .prom. --metrics-file wins. Default none.
	File string `yaml:"file"`
	// A Pushgateway to send them to.
	Push Push `yaml:"push"`
}

// Push names a Pushgateway. A push is grouped by the job and the destination.
type Push struct {
	// Its address, such as http://pushgateway.monitoring:9091. Default none.
	URL string `yaml:"url"`
	// The label job. Default impactsync.
	Job string `yaml:"job" default:"impactsync"`
	// User of its basic authentication; needs https. Default none.
	Username string `yaml:"username"`
	// That user's password.
	Password Secret `yaml:"password"`
	// A file that holds that password and nothing else.
	PasswordFile string `yaml:"passwordFile"`
}

// The formats of webhooks.
const (
	FormatJSON      = "json"
	FormatSlack     = "slack"
	FormatTeams     = "teams"
	FormatPagerDuty = "pagerduty"
)

// Notify says whom to tell how runs end.
type Notify struct {
	// Who is told once when something begins and once when it is over.
	Webhooks []Webhook `yaml:"webhooks"`
	// An address that hears of each run as healthchecks.io has it: URL/start, then URL or URL/fail. https, or a loopback address. Default none.
	Ping Secret `yaml:"ping"`
	// A file that holds that address and nothing else.
	PingFile string `yaml:"pingFile"`
	// When the refused share of a run counts as too large.
	Refused RefusedShare `yaml:"refused"`
}

// RefusedShare limits how much of what a run sent may be refused. Both limits must
// be exceeded.
type RefusedShare struct {
	// Percent of what was delivered and refused in the run. Default 5.
	Percent float64 `yaml:"percent" range:"0 100" default:"5"`
	// Fewer refusals than this are never too many. Default 10.
	AtLeast int `yaml:"atLeast" range:"1 1000000000" default:"10"`
}

// Webhook is an address that is told with a POST.
type Webhook struct {
	// A name of its own, shown in logs and in the state. Required.
	Name string `yaml:"name"`
	// What is sent: json (docs/notify.md), slack (incoming webhook), teams (workflow webhook, an adaptive card) or pagerduty (Events API v2). Default json.
	Format string `yaml:"format" oneof:"json slack teams pagerduty" default:"json"`
	// Where to; https, or a loopback address. Required, here or in a file; of pagerduty the default is https://events.pagerduty.com/v2/enqueue.
	URL Secret `yaml:"url"`
	// A file that holds the address and nothing else.
	URLFile string `yaml:"urlFile"`
	// With json a bearer token, with pagerduty the routing key (required).
	Token Secret `yaml:"token"`
	// A file that holds the token and nothing else.
	TokenFile string `yaml:"tokenFile"`
	// What to tell: failed, held, refused, stale, money (refused conversions with an amount), recovered. Default all.
	On []string `yaml:"on" oneof:"failed held refused stale money recovered"`
}

// pagerDuty is where PagerDuty takes events.
const pagerDuty = "https://events.pagerduty.com/v2/enqueue"

// tellingSecrets lists the secrets of metrics and notify.
func (c *Config) tellingSecrets() []secretOf {
	n, p := &c.Notify, &c.Metrics.Push
	all := []secretOf{
		{&p.Password, &p.PasswordFile, "metrics.push.password", "the password of the Pushgateway", false},
		{&n.Ping, &n.PingFile, "notify.ping", "the address to ping", false},
	}
	for i := range n.Webhooks {
		w, key := &n.Webhooks[i], fmt.Sprintf("notify.webhooks[%d]", i)
		all = append(all, secretOf{&w.URL, &w.URLFile, key + ".url", "the webhook's address", false}, secretOf{&w.Token, &w.TokenFile, key + ".token", "the webhook's token", false})
	}
	return all
}

// tellingPaths lists the paths of metrics and notify.
func (c *Config) tellingPaths() []*string {
	paths := []*string{&c.Metrics.File}
	for _, s := range c.tellingSecrets() {
		paths = append(paths, s.file)
	}
	return paths
}

func (l *loader) checkTelling() {
	p := &l.config.Metrics.Push
	u := webAddress(p.URL)
	l.must(p.URL == "" || u != nil, "metrics.push.url", "is not an http address", "such as http://pushgateway.monitoring:9091")
	l.must(u == nil || u.User == nil && u.RawQuery == "" && u.Fragment == "", "metrics.push.url", "must be a plain address, without user, query or fragment", "set username and passwordFile")
	l.must(p.Job != "", "metrics.push.job", "is empty", "leave it out for impactsync")
	l.must(u == nil || p.Username == "" || u.Scheme == "https" || local(p.URL), "metrics.push.url", "must be https where there is a username", "http is for gateways without authentication")
	l.must(p.Password == "" || p.Username != "", "metrics.push.username", "is missing", "a password goes with a user")
	l.checkSecretAddress("notify.ping", l.config.Notify.Ping)
	names := map[string]bool{}
	for i := range l.config.Notify.Webhooks {
		l.checkWebhook(fmt.Sprintf("notify.webhooks[%d]", i), &l.config.Notify.Webhooks[i], names)
	}
}

// checkWebhook completes and checks a webhook. Its name becomes one of names.
func (l *loader) checkWebhook(key string, w *Webhook, names map[string]bool) {
	l.must(w.Name != "", key+".name", "is missing", "a short name for logs and the state, such as ops")
	l.must(w.Name == "" || !names[w.Name], key+".name", l.quote(key+".name", w.Name)+" is the name of another webhook already", "give each webhook a name of its own")
	names[w.Name] = true
	if w.Format == FormatPagerDuty {
		if w.URL == "" && w.URLFile == "" {
			w.URL = pagerDuty
		}
		l.must(w.Token != "" || w.TokenFile != "", key+".token", "is missing", "the routing key of an integration with Events API v2, or tokenFile")
	}
	l.must(w.URL != "" || w.URLFile != "", key+".url", "is missing", "the webhook's address, or urlFile with the path of a file that holds it")
	l.must(w.Token == "" || w.Format == FormatJSON || w.Format == FormatPagerDuty, key+".token", "does not go with format: "+w.Format, "its address is its secret: remove it")
	l.checkSecretAddress(key+".url", w.URL)
	for i, on := range w.On {
		l.must(slices.Index(w.On, on) == i, fmt.Sprintf("%s.on[%d]", key, i), "stands there twice", "remove one")
	}
	if len(w.On) == 0 {
		l.must(!l.isSet(key+".on"), key+".on", "is empty: it would never be told", "leave it out for all")
		w.On = []string{"failed", "held", "refused", "stale", "money", "recovered"}
	}
}

// checkSecretAddress checks an address that is a secret: it is not shown.
func (l *loader) checkSecretAddress(key string, address Secret) {
	if address == "" {
		return
	}
	u, err := url.Parse(string(address))
	switch {
	case err != nil || webAddress(string(address)) == nil:
		l.problem(key, "is not an http address", "such as https://hooks.example.com/services/...")
	case u.Scheme == "http" && !local(string(address)):
		l.problem(key, "must be https", "http is for loopback addresses only")
	}
}
