package config

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTelling(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte("https://hooks.example.com/hunter2\n"), 0o600))
	c := load(t, good+`metrics: {file: impactsync.prom, push: {url: "http://push.monitoring:9091"}}
notify:
  ping: http://127.0.0.1:8000/ping/uuid
  webhooks:
    - {name: chat, format: slack, urlFile: `+file+`, on: [failed]}
    - {name: call, format: pagerduty, token: key}
`)
	require.Equal(t, "/etc/impactsync/impactsync.prom", c.Metrics.File)
	require.Equal(t, "impactsync", c.Metrics.Push.Job)
	require.Equal(t, RefusedShare{Percent: 5, AtLeast: 10}, c.Notify.Refused)
	chat, call := c.Notify.Webhooks[0], c.Notify.Webhooks[1]
	require.Equal(t, "https://hooks.example.com/hunter2", string(chat.URL))
	require.Equal(t, []string{"failed"}, chat.On)
	require.Equal(t, "https://events.pagerduty.com/v2/enqueue", string(call.URL))
	require.Equal(t, []string{"failed", "held", "refused", "stale", "money", "recovered"}, call.On)
	require.NotContains(t, fmt.Sprintf("%+v %#v", c, c), "hunter2")
}

func TestTellingProblems(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`metrics: {push: {url: hunter2}}`:                                                   "metrics.push.url: is not an http address",
		`metrics: {push: {url: "https://a:hunter2@x"}}`:                                     "must be a plain address",
		`metrics: {push: {url: "http://x", username: a}}`:                                   "must be https where there is a username",
		`metrics: {push: {url: "https://x", password: hunter2}}`:                            "metrics.push.username: is missing",
		`notify: {ping: hunter2}`:                                                           "notify.ping: is not an http address",
		`notify: {ping: "http://x/hunter2"}`:                                                "notify.ping: must be https",
		`notify: {webhooks: [{url: "https://x"}]}`:                                          "notify.webhooks[0].name: is missing",
		`notify: {webhooks: [{name: a}]}`:                                                   "notify.webhooks[0].url: is missing",
		`notify: {webhooks: [{name: a, url: "http://x/hunter2"}]}`:                          "notify.webhooks[0].url: must be https",
		`notify: {webhooks: [{name: a, url: "https://x/", format: smtp}]}`:                  "is not one of json, slack, teams, pagerduty",
		`notify: {webhooks: [{name: a, url: "https://x/", on: [paniced]}]}`:                 "notify.webhooks[0].on[0]",
		`notify: {webhooks: [{name: a, url: "https://x/", on: []}]}`:                        "it would never be told",
		`notify: {webhooks: [{name: a, url: "https://x/", on: [held, held]}]}`:              "stands there twice",
		`notify: {webhooks: [{name: a, format: pagerduty}]}`:                                "notify.webhooks[0].token: is missing",
		`notify: {webhooks: [{name: a, url: "https://x/", format: slack, token: hunter2}]}`: "does not go with format: slack",
		`notify: {webhooks: [{name: a, url: "https://x/"}, {name: a, url: "https://y/"}]}`:  "name of another webhook already",
		`notify: {webhooks: [{name: a, urlFile: /no/hunter2, url: "https://x/"}]}`:          "url and urlFile are both set",
	} {
		got := problems(t, good+text+"\n").Error()
		require.Contains(t, got, want, text)
		require.NotContains(t, got, "hunter2", text)
	}
}
