package notify_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/notify"
	"github.com/stretchr/testify/require"
)

// call is a request that a receiver got.
type call struct {
	path, query, authorization string
	body                       string
}

// receiver is a server with a certificate of its own that answers with these statuses
// in turn, and the last one ever after.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	calls    []call
	statuses []int
	header   http.Header
}

func newReceiver(t *testing.T, statuses ...int) *receiver {
	t.Helper()
	r := &receiver{statuses: statuses}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.calls = append(r.calls, call{req.URL.Path, req.URL.RawQuery, req.Header.Get("Authorization"), string(body)})
		for name := range r.header {
			w.Header().Set(name, r.header.Get(name))
		}
		w.WriteHeader(r.statuses[min(len(r.calls), len(r.statuses))-1])
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) sender() *notify.Sender {
	return &notify.Sender{Client: r.Client(), Wait: time.Millisecond, UserAgent: "impactsync/test"}
}

func example(event, condition string) notify.Notice {
	n := notify.New(event, condition, "23224", time.Date(2026, 11, 27, 20, 0, 0, 0, time.UTC), time.Date(2026, 11, 27, 22, 0, 0, 5, time.UTC))
	n.Summary, n.Hint, n.Host, n.Runbook = "1,204 changes of <vip> & others held back", "impactsync status shows why", "pod-1", "https://example.com/runbook.md#held"
	n.ExitCode = 5
	n.Run = &notify.Run{Number: 12, Seconds: 3.5, Found: 1300, Delivered: 96, Held: 1204}
	n.Held = []notify.Count{{Trait: "vip", Direction: "exits", Count: 1200}, {Direction: "conversions", Count: 4}}
	return n
}

// sent returns the body of a notice in a format.
func sent(t *testing.T, w notify.Webhook, n notify.Notice) (body map[string]any, text string) {
	t.Helper()
	r := newReceiver(t, http.StatusAccepted)
	w.URL = r.URL + "/hook?sig=s3cret"
	require.NoError(t, r.sender().Send(context.Background(), &w, n))
	require.Len(t, r.calls, 1)
	require.Equal(t, "sig=s3cret", r.calls[0].query)
	require.NoError(t, json.Unmarshal([]byte(r.calls[0].body), &body))
	return body, r.calls[0].body
}

func TestJSON(t *testing.T) {
	t.Parallel()
	_, text := sent(t, notify.Webhook{Format: notify.JSON}, example(notify.Held, notify.Held))
	require.JSONEq(t, `{
		"version": 1, "id": "23224/held/held/2026-11-27T20:00:00Z", "event": "held", "condition": "held",
		"destination": "23224", "host": "pod-1", "summary": "1,204 changes of <vip> & others held back",
		"hint": "impactsync status shows why", "runbook": "https://example.com/runbook.md#held",
		"since": "2026-11-27T20:00:00Z", "at": "2026-11-27T22:00:00Z", "exit_code": 5,
		"run": {"number": 12, "seconds": 3.5, "found": 1300, "delivered": 96, "refused": 0, "rejected": 0, "held": 1204, "due": 0},
		"held": [{"trait": "vip", "direction": "exits", "count": 1200}, {"direction": "conversions", "count": 4}]
	}`, text)
}

func TestBearer(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, http.StatusNoContent)
	require.NoError(t, r.sender().Send(context.Background(), &notify.Webhook{Format: notify.JSON, URL: r.URL, Token: "t0ken"}, example(notify.Held, notify.Held)))
	require.Equal(t, "Bearer t0ken", r.calls[0].authorization)
}

func TestSlack(t *testing.T) {
	t.Parallel()
	body, text := sent(t, notify.Webhook{Format: notify.Slack}, example(notify.Held, notify.Held))
	require.Equal(t, "impactsync 23224: held: 1,204 changes of &lt;vip&gt; &amp; others held back", body["text"])
	blocks, ok := body["blocks"].([]any)
	require.True(t, ok)
	require.Len(t, blocks, 2)
	fields, ok := blocks[0].(map[string]any)["fields"].([]any)
	require.True(t, ok)
	require.LessOrEqual(t, len(fields), 10, "Slack takes no more")
	require.Contains(t, text, "1200 exits vip")
	require.Contains(t, text, `\u003chttps://example.com/runbook.md#held|What to do\u003e`)
}

func TestTeams(t *testing.T) {
	t.Parallel()
	body, text := sent(t, notify.Webhook{Format: notify.Teams}, example(notify.Recovered, notify.Held))
	require.Equal(t, "message", body["type"])
	attachment, ok := body["attachments"].([]any)[0].(map[string]any)
	require.True(t, ok)
	require.Equal(t, "application/vnd.microsoft.card.adaptive", attachment["contentType"])
	card, ok := attachment["content"].(map[string]any)
	require.True(t, ok)
	require.Equal(t, "AdaptiveCard", card["type"])
	require.Contains(t, text, `"color":"Good"`)
	require.Contains(t, text, `"url":"https://example.com/runbook.md#held"`)
	require.NotContains(t, text, `"TextBlock"`, "a trait's key is no Markdown")
}

func TestPagerDuty(t *testing.T) {
	t.Parallel()
	hook := notify.Webhook{Format: notify.PagerDuty, Token: "routing"}
	began, _ := sent(t, hook, example(notify.Money, notify.Money))
	require.Equal(t, "trigger", began["event_action"])
	require.Equal(t, "routing", began["routing_key"])
	payload, ok := began["payload"].(map[string]any)
	require.True(t, ok)
	require.Equal(t, "error", payload["severity"])
	require.Equal(t, "pod-1", payload["source"])
	require.Contains(t, payload["custom_details"], "Held")

	over, _ := sent(t, hook, example(notify.Recovered, notify.Money))
	require.Equal(t, map[string]any{"event_action": "resolve", "routing_key": "routing", "dedup_key": began["dedup_key"]}, over)

	long := example(notify.Failed, notify.Failed)
	long.Summary = strings.Repeat("ü", 2000)
	cut, _ := sent(t, hook, long)
	payload, ok = cut["payload"].(map[string]any)
	require.True(t, ok)
	require.Len(t, []rune(payload["summary"].(string)), 1024)
	require.Equal(t, "critical", payload["severity"])
}

func TestRetries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		statuses []int
		calls    int
		err      string
	}{
		{[]int{503, 429, 200}, 3, ""},
		{[]int{500}, 4, "it answered 500 Internal Server Error"},
		{[]int{404}, 1, "it answered 404 Not Found"},
		{[]int{302}, 1, "it answered 302 Found"},
	} {
		r := newReceiver(t, c.statuses...)
		r.header = http.Header{"Location": {"https://elsewhere.example/"}}
		s := r.sender()
		s.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		err := s.Send(context.Background(), &notify.Webhook{Format: notify.Slack, URL: r.URL + "/s3cret"}, example(notify.Held, notify.Held))
		require.Len(t, r.calls, c.calls)
		if c.err == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, c.err)
	}
}

func TestTimeIsBounded(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, 503)
	r.header = http.Header{"Retry-After": {"3600"}}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	began := time.Now()
	err := r.sender().Send(ctx, &notify.Webhook{Format: notify.JSON, URL: r.URL}, example(notify.Held, notify.Held))
	require.ErrorContains(t, err, "no time is left")
	require.Less(t, time.Since(began), 10*time.Second)
}

// The default client does not take the certificate of a stranger, and no error shows
// the address.
func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, http.StatusOK)
	s := &notify.Sender{Wait: time.Millisecond}
	err := s.Send(context.Background(), &notify.Webhook{Format: notify.Slack, URL: r.URL + "/s3cret"}, example(notify.Held, notify.Held))
	require.ErrorContains(t, err, "certificate")
	require.NotContains(t, err.Error(), "s3cret")
	require.Empty(t, r.calls)
	r.Close()
	err = s.Ping(context.Background(), r.URL+"/s3cret", notify.Start, "", "")
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "s3cret")
}

func TestPing(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, http.StatusOK)
	for _, kind := range []string{notify.Start, notify.Success, notify.Fail} {
		require.NoError(t, r.sender().Ping(context.Background(), r.URL+"/ping/uuid?create=1", kind, "run-1", "exit code 0"))
	}
	require.Equal(t, []call{
		{"/ping/uuid/start", "create=1&rid=run-1", "", "exit code 0"},
		{"/ping/uuid", "create=1&rid=run-1", "", "exit code 0"},
		{"/ping/uuid/fail", "create=1&rid=run-1", "", "exit code 0"},
	}, r.calls)
}
