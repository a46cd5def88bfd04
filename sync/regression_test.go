package sync_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/events"
)

func TestGraceAfterAStop(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	hang := make(chan struct{})
	first := make(chan struct{}, 100)
	old := w.server.Config.Handler
	w.server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		first <- struct{}{}
		<-hang
		old.ServeHTTP(rw, r)
	})
	w.list("VIP.csv", members(0, 50)...)
	client, err := impactapi.New(impactapi.Config{AccountSID: "IRsid", AuthToken: "token", TrackingURL: w.server.URL, APIURL: w.server.URL, MaxRetries: -1, RequestTimeout: 25 * time.Second})
	require.NoError(t, err)
	w.change = func(c *impactsync.Config) { c.Client = client }
	db := w.open()
	ctx, cancel := context.WithCancelCause(t.Context())
	var at time.Time
	go func() { <-first; at = time.Now(); cancel(impactsync.ErrTerminated) }()
	_, _ = w.engine(db).Run(ctx, impactsync.Options{})
	took := time.Since(at)
	close(hang)
	require.Less(t, took, 15*time.Second, "grace is 10 s")
}

type stopper struct {
	source.Source
	stop func()
}

func (s stopper) Inputs(ctx context.Context, reject func(source.Object, int64, string)) iter.Seq2[source.Input, error] {
	s.stop()
	return func(yield func(source.Input, error) bool) { yield(source.Input{}, ctx.Err()) } // as gocloud.dev does for S3
}

func TestStopWhileListing(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	w.list("VIP.csv", members(0, 5)...)
	w.log("a.ndjson", `{"type":"page","messageId":"1","userId":"u"}`)
	ctx, cancel := context.WithCancelCause(t.Context())
	w.change = func(c *impactsync.Config) {
		for i := range c.Feeds {
			c.Feeds[i].Source = stopper{c.Feeds[i].Source, func() { cancel(impactsync.ErrTerminated) }}
		}
	}
	r, err := w.engine(w.open()).Run(ctx, impactsync.Options{})
	require.Equal(t, impactsync.ExitUnfinished, r.ExitCode, "%v", err)
}

func TestWarningErrorOnOneTrait(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{Fault: func(_ *http.Request, form impactapi.Params) sandbox.Fault {
		if _, ok := form.Get("vip"); ok {
			return sandbox.Fault{Status: 200, Body: `{"status":"OK","warnings":[{"field":"vip","level":"ERROR","message":"no"}]}`}
		}
		return sandbox.Fault{}
	}})
	w.list("VIP.csv", members(0, 3)...)
	w.list("Gold.csv", members(0, 3)...)
	r, err := w.run(impactsync.Options{})
	require.NoError(t, err)
	require.Len(t, w.sandbox.Calls(), 3, "%+v", r)
}

func TestUnreadAndInterrupted(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Log("root")
	}
	stop := make(chan struct{}, 1000)
	w := setup(t, sandbox.Config{Latency: 20 * time.Millisecond, Fault: func(*http.Request, impactapi.Params) sandbox.Fault {
		stop <- struct{}{}
		return sandbox.Fault{}
	}})
	w.list("VIP.csv", members(0, 800)...)
	w.log("a.ndjson", `{"type":"page"}`)
	w.change = func(c *impactsync.Config) {
		for i := range c.Feeds {
			if c.Feeds[i].Name() == "web" {
				c.Feeds[i].Source = broken{c.Feeds[i].Source}
			}
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-stop; cancel(impactsync.ErrInterrupted) }()
	r, err := w.engine(w.open()).Run(ctx, impactsync.Options{})
	require.Equal(t, impactsync.ExitInterrupted, r.ExitCode, "%v", err)
}

type broken struct{ source.Source }

func (broken) Inputs(context.Context, func(source.Object, int64, string)) iter.Seq2[source.Input, error] {
	return func(yield func(source.Input, error) bool) { yield(source.Input{}, os.ErrPermission) }
}

func TestTooOldInTheOutbox(t *testing.T) {
	t.Parallel()
	bad := true
	w := setup(t, sandbox.Config{Fault: func(*http.Request, impactapi.Params) sandbox.Fault {
		if bad {
			return sandbox.Fault{Status: 401}
		}
		return sandbox.Fault{}
	}})
	at := time.Now().Add(-2 * time.Second).UTC().Format(time.RFC3339Nano)
	w.log("a.ndjson", `{"type":"page","messageId":"1","anonymousId":"abc","timestamp":"`+at+`","context":{"page":{"url":"https://shop.example/"}}}`)
	w.change = func(c *impactsync.Config) { c.MaxEventAge = 3 * time.Second }
	_, _ = w.run(impactsync.Options{})
	bad = false
	n := len(w.sandbox.Calls())
	time.Sleep(2 * time.Second)
	r, err := w.run(impactsync.Options{})
	require.NoError(t, err)
	require.Len(t, w.sandbox.Calls(), n, "older than maxEventAge: never sent %+v", r.Counts)
}

func TestNulInAValue(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	w.list("VIP.csv", members(0, 3)...)
	w.list("Tier.ndjson", `{"user_id":"u1","value":"gold"}`, `{"user_id":"u2","value":"a\u0000b"}`)
	r, err := w.run(impactsync.Options{})
	require.NoError(t, err)
	require.NotEmpty(t, w.sandbox.Calls(), "%d", r.ExitCode)
}

func TestTurnsWhileAConversionIsBlocked(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{ErrorRate: 1})
	at := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339Nano)
	w.log("a.ndjson", `{"type":"page","messageId":"1","userId":"u1","timestamp":"`+at+`","context":{"page":{"url":"https://shop.example/"}}}`)
	_ = at
}

func TestCorrectedOrderIsSent(t *testing.T) {
	t.Parallel()
	order := func(messageID, user, order, revenue, currency string) string {
		return fmt.Sprintf(`{"type":"track","event":"Order Completed","messageId":%q,"userId":%q,"timestamp":%q,"properties":{"order_id":%q,"revenue":%s,"currency":%q}}`,
			messageID, user, time.Now().UTC().Format(time.RFC3339), order, revenue, currency)
	}
	wrong := []string{order("m1", "u1", "o1", `"$12.00"`, "EUR"), order("m2", "u2", "o2", "1", "EURO")}
	right := []string{order("m3", "u1", "o1", "12", "EUR"), order("m4", "u2", "o2", "1", "EUR")}
	sent := []string{"/Conversions u1 order o1", "/Conversions u2 order o2"}

	t.Run("after the wrong one was refused", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		w.mapping.EventTypeID = "1"
		w.log("a.ndjson", wrong...)
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.EqualValues(t, 2, r.Conversions.Refused, "%+v", r)
		w.log("b.ndjson", right...)
		r, err = w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
		require.EqualValues(t, 2, r.Counts["superseded"])
		require.Zero(t, r.Conversions, "the wrong ones are given up")
		require.ElementsMatch(t, sent, w.told(0))
	})

	t.Run("in one run", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		w.mapping.EventTypeID = "1"
		w.log("a.ndjson", append(wrong, right...)...)
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
		require.ElementsMatch(t, sent, w.told(0))
	})

	// What waits is judged by the mapping of the run that reads the other one.
	for name, c := range map[string]struct {
		first, then string // decimalSign
		superseded  int64
	}{
		"that waited, and is refused by now":     {mapping.SignPoint, mapping.SignAuto, 1},
		"not of one that the new mapping mended": {mapping.SignAuto, mapping.SignPoint, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, sandbox.Config{})
			w.mapping.EventTypeID, w.mapping.DecimalSign = "1", c.first
			w.log("a.ndjson", order("m1", "u1", "o1", `"1,199"`, "EUR"))
			_, err := w.run(impactsync.Options{Trait: "none"})
			require.NoError(t, err)
			w.mapping.DecimalSign = c.then
			w.log("b.ndjson", order("m2", "u1", "o1", "1199", "EUR"))
			r, err := w.run(impactsync.Options{})
			require.NoError(t, err)
			require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
			require.Equal(t, c.superseded, r.Counts["superseded"])
			require.Equal(t, 1-c.superseded, r.Counts["duplicate_order"])
			require.Equal(t, []string{"/Conversions u1 order o1"}, w.told(0))
		})
	}
}

func TestConversionsWaitForSourcesLeftOut(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	stamp := func(ago time.Duration) string { return time.Now().Add(-ago).UTC().Format(time.RFC3339) }
	w.log("a.ndjson", fmt.Sprintf(`{"type":"page","messageId":"m1","userId":"u1","timestamp":%q,"context":{"page":{"url":"https://shop.example/?irclickid=CL"}}}`, stamp(time.Minute)))
	require.NoError(t, os.Mkdir(filepath.Join(w.dir, "mobile"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "mobile", "m.ndjson"), fmt.Appendf(nil,
		`{"type":"track","event":"Order Completed","messageId":"m2","userId":"u1","timestamp":%q,"properties":{"order_id":"o1","revenue":1,"currency":"USD"}}`, stamp(time.Second)), 0o600))
	mobile, err := events.New(t.Context(), events.Config{Name: "mobile", URL: "file://" + w.dir + "/mobile", HonourIntegrations: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = mobile.Close() })
	w.change = func(c *impactsync.Config) { c.Feeds = append(c.Feeds, impactsync.Feed{Source: mobile}) }

	r, err := w.run(impactsync.Options{Sources: []string{"mobile"}})
	require.NoError(t, err)
	require.Empty(t, w.told(0))
	require.Equal(t, impactsync.ExitUnfinished, r.ExitCode)
	require.Equal(t, "1 still due: conversions (1) wait for a run that reads all sources of messages", r.Note)

	r, err = w.run(impactsync.Options{Sources: []string{"web", "mobile"}})
	require.NoError(t, err)
	require.Equal(t, impactsync.ExitOK, r.ExitCode)
	calls := w.sandbox.Calls()
	require.Len(t, calls, 2)
	click, _ := calls[1].Form.Get("ClickId")
	require.Equal(t, "CL", click, "%v", w.told(0))
}
