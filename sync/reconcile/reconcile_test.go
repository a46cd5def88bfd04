package reconcile_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/limit"
	"github.com/impactsync/impactsync/sync/reconcile"
)

const (
	sid      = "IRtestAccount00000000000000000000a"
	token    = "secret-token"
	campaign = "1000"
)

// rig is a state, the sandbox, and a reader between them, with one clock.
type rig struct {
	t      *testing.T
	now    time.Time
	db     *state.DB
	config sandbox.Config
	client *impactapi.Client
	calls  atomic.Int64
	fault  func(n int64, w http.ResponseWriter, r *http.Request, serve http.Handler) // of the n-th list; nil: nothing breaks
	reconcile.Config
}

func set(t *testing.T, c sandbox.Config) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), config: c}
	r.config.AccountSID, r.config.AuthToken, r.config.Now = sid, token, func() time.Time { return r.now }
	box, err := sandbox.New(r.config)
	require.NoError(t, err)
	handler := box.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodGet && r.fault != nil {
			r.fault(r.calls.Add(1), w, q, handler)
			return
		}
		r.calls.Add(1)
		handler.ServeHTTP(w, q)
	}))
	t.Cleanup(func() { server.Close(); _ = box.Close() })
	r.client, err = impactapi.New(impactapi.Config{AccountSID: sid, AuthToken: token, TrackingURL: server.URL, APIURL: server.URL, MaxRetries: -1, ReturnThrottled: true})
	require.NoError(t, err)
	t.Cleanup(r.client.Close)
	r.db, err = state.Open(t.Context(), state.Options{Path: filepath.Join(t.TempDir(), "state.db"), Create: true, Binding: &state.Binding{}, Now: func() time.Time { return r.now }})
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.db.Close() })
	_, err = r.db.BeginRun(t.Context(), state.RunInfo{Kind: "run"})
	require.NoError(t, err)
	host, err := limit.New(t.Context(), limit.Config{State: r.db, Now: func() time.Time { return r.now }, Host: state.HostAPI, Failures: 100})
	require.NoError(t, err)
	r.Config = reconcile.Config{
		State: r.db, Client: r.client, Limit: host, Log: slog.New(slog.DiscardHandler), Campaign: campaign, Now: func() time.Time { return r.now },
		Judging: state.Judging{After: 48 * time.Hour}, Wait: time.Millisecond,
	}
	return r
}

// sell sends orders of 10 EUR each, as the program would, and has the state know them.
func (r *rig) sell(from, to int) {
	r.t.Helper()
	for i := from; i < to; i++ {
		order := fmt.Sprintf("o%d", i)
		form := impactapi.Params{
			{Name: "CampaignId", Value: campaign}, {Name: "EventTypeId", Value: "310"}, {Name: "EventDate", Value: r.now.Format(time.RFC3339)},
			{Name: "OrderId", Value: order}, {Name: "Amount", Value: "10.00"}, {Name: "CurrencyCode", Value: "EUR"}, {Name: "CustomerId", Value: "u-" + order},
		}
		c, err := impactapi.NewConversion(form)
		require.NoError(r.t, err)
		_, err = r.client.SendConversion(r.t.Context(), c)
		require.NoError(r.t, err)
		require.NoError(r.t, r.db.Store(r.t.Context(), state.Batch{Object: state.Object{Source: "web", Name: "log"}, Items: []state.Item{{
			Person: state.Person{UserID: "u-" + order}, Event: &state.Event{
				Key: order, MessageID: order, Kind: state.Conversion, Name: "Order Completed", EventType: "310", OrderID: order, Amount: 10_0000, Currency: "EUR", At: r.now, Payload: []byte("{}"),
			},
		}}}))
	}
	sender := r.db.NewSender()
	for {
		claims, err := sender.Turn(r.t.Context(), nil, state.Want{Conversions: 1000})
		require.NoError(r.t, err)
		if len(claims) == 0 {
			return
		}
		out := make([]state.Outcome, len(claims))
		for i, c := range claims {
			out[i] = state.Outcome{Claim: c, Result: state.Delivered}
		}
		_, err = sender.Turn(r.t.Context(), out, state.Want{})
		require.NoError(r.t, err)
	}
}

// change sends a PUT or DELETE of an order.
func (r *rig) change(method, order string, more url.Values) {
	r.t.Helper()
	more.Set("ActionTrackerId", "310")
	more.Set("OrderId", order)
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.address()+"/Advertisers/"+sid+"/Actions", strings.NewReader(more.Encode()))
	require.NoError(r.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(sid, token)
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(r.t, err)
	text, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	require.Equal(r.t, http.StatusOK, res.StatusCode, string(text))
}

func (r *rig) address() string {
	_, at, _ := strings.Cut(r.client.String(), " at ")
	base, _, _ := strings.Cut(at, " and ")
	return base
}

// run reads the last days, with a new reader, as a new process would.
func (r *rig) run(days int) (state.Reading, error) {
	return reconcile.New(r.Config).Run(r.t.Context(), r.now.Add(-time.Duration(days)*24*time.Hour))
}

func (r *rig) counts() map[string]int64 {
	r.t.Helper()
	problems, err := r.db.Check(context.Background())
	require.NoError(r.t, err)
	require.Empty(r.t, problems)
	counts, err := r.db.VerdictCounts(context.Background())
	require.NoError(r.t, err)
	return counts
}

func TestReading(t *testing.T) {
	t.Parallel()
	all := func(impactapi.Params) sandbox.Attribution { return sandbox.Attribution{Partner: "42"} }

	t.Run("windows that are too full are halved, pages are read to the end", func(t *testing.T) {
		t.Parallel()
		r := set(t, sandbox.Config{Attribute: all, PageSize: 3, NumbersAsText: true})
		for i := range 8 { // 80 actions; a window has at most 30
			r.sell(10*i, 10*i+10)
			r.now = r.now.Add(24 * time.Hour)
		}
		r.now = r.now.Add(72 * time.Hour)
		reading, err := r.run(60)
		require.NoError(t, err)
		require.EqualValues(t, 80, reading.Actions)
		require.Zero(t, reading.Missed)
		require.Equal(t, map[string]int64{"matched": 80}, r.counts())
	})

	t.Run("who changed what is read, and nothing of the customer is kept", func(t *testing.T) {
		t.Parallel()
		r := set(t, sandbox.Config{Attribute: func(f impactapi.Params) sandbox.Attribution {
			switch order, _ := f.Get("OrderId"); order {
			case "o0":
				return sandbox.Attribution{Partner: "42", Twice: true}
			case "o1":
				return sandbox.Attribution{Partner: "42", ReattributeAfter: time.Hour}
			case "o2":
				return sandbox.Attribution{}
			case "o3":
				return sandbox.Attribution{Partner: "42", Amount: "9.50"}
			}
			return sandbox.Attribution{Partner: "42"}
		}})
		r.sell(0, 8)
		r.now = r.now.Add(24 * time.Hour)
		r.change(http.MethodDelete, "o4", url.Values{"DispositionCode": {"ITEM_RETURNED"}})
		r.change(http.MethodPut, "o5", url.Values{"Reason": {"ORDER_UPDATE"}, "Amount": {"8.00"}})
		r.now = r.now.Add(72 * time.Hour)
		r.sell(8, 9)
		reading, err := r.run(14)
		require.NoError(t, err)
		require.EqualValues(t, 2, reading.Requests, "one for actions, one for their changes")
		require.Equal(t, map[string]int64{"double": 1, "reattributed": 1, "no_action": 1, "differs": 2, "reversed_elsewhere": 1, "matched": 3}, r.counts())
		for o, err := range r.db.EachVerdict(t.Context(), time.Time{}) {
			require.NoError(t, err)
			if o.OrderID == "o5" {
				require.Equal(t, "modified", o.Reason)
			}
			if o.OrderID == "o4" {
				require.Equal(t, "ITEM_RETURNED", o.Disposition)
			}
		}
	})
}

func TestBadReadings(t *testing.T) {
	t.Parallel()
	all := func(impactapi.Params) sandbox.Attribution { return sandbox.Attribution{Partner: "42"} }
	filled := func(t *testing.T, c sandbox.Config) *rig {
		t.Helper()
		c.Attribute = all
		r := set(t, c)
		r.sell(0, 30)
		r.now = r.now.Add(72 * time.Hour)
		return r
	}
	cut := func(w http.ResponseWriter, q *http.Request, serve http.Handler) {
		kept := httptest.NewRecorder()
		serve.ServeHTTP(kept, q)
		text := kept.Body.Bytes()
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		_, _ = w.Write(text[:len(text)/2])
		panic(http.ErrAbortHandler)
	}

	t.Run("a page that breaks off is asked for again", func(t *testing.T) {
		t.Parallel()
		r := filled(t, sandbox.Config{PageSize: 10})
		r.calls.Store(0)
		r.fault = func(n int64, w http.ResponseWriter, q *http.Request, serve http.Handler) {
			if n == 2 {
				cut(w, q, serve)
			}
			serve.ServeHTTP(w, q)
		}
		reading, err := r.run(14)
		require.NoError(t, err)
		require.EqualValues(t, 4, reading.Requests)
		require.Equal(t, map[string]int64{"matched": 30}, r.counts())
	})

	t.Run("an interrupted window is resumed at its page", func(t *testing.T) {
		t.Parallel()
		r := filled(t, sandbox.Config{PageSize: 10})
		r.calls.Store(0)
		r.fault = func(n int64, w http.ResponseWriter, q *http.Request, serve http.Handler) {
			if n >= 2 {
				cut(w, q, serve)
			}
			serve.ServeHTTP(w, q)
		}
		_, err := r.run(14)
		require.ErrorContains(t, err, "read page 2 of impact.com's actions of 2026-10-21T12:00:00Z to 2026-11-04T12:00:00Z: GET /Advertisers/{AccountSID}/Actions: 200 OK: the list could not be read to its end")
		require.Empty(t, r.counts(), "half a reading says nothing about orders")
		r.fault = nil
		r.calls.Store(0)
		r.now = r.now.Add(time.Hour)
		reading, err := r.run(14)
		require.NoError(t, err)
		require.True(t, reading.Resumed)
		require.EqualValues(t, 3, r.calls.Load(), "pages 2 and 3, and what changed since")
		require.Equal(t, map[string]int64{"matched": 30}, r.counts())
	})

	t.Run("the host is down", func(t *testing.T) {
		t.Parallel()
		r := filled(t, sandbox.Config{})
		r.fault = func(_ int64, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, err := r.run(14)
		require.ErrorContains(t, err, "503 Service Unavailable")
	})

	t.Run("actions that change while they are read are not lost", func(t *testing.T) {
		t.Parallel()
		r := filled(t, sandbox.Config{PageSize: 10})
		r.calls.Store(0)
		r.fault = func(n int64, w http.ResponseWriter, q *http.Request, serve http.Handler) {
			if n == 2 { // the newest leaves the window, so all others move up
				r.now = r.now.Add(time.Minute)
				r.change(http.MethodPut, "o29", url.Values{"Reason": {"ORDER_UPDATE"}, "Amount": {"8.00"}})
			}
			serve.ServeHTTP(w, q)
		}
		reading, err := r.run(14)
		require.NoError(t, err)
		require.Zero(t, reading.Missed)
		require.Equal(t, map[string]int64{"matched": 29, "differs": 1}, r.counts())
	})

	t.Run("impact.com asks for quiet", func(t *testing.T) {
		t.Parallel()
		r := set(t, sandbox.Config{})
		r.fault = func(_ int64, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		_, err := r.run(1)
		require.ErrorIs(t, err, limit.ErrNoRoom, "exit code 4, not 1")
	})

	t.Run("the token may not read actions", func(t *testing.T) {
		t.Parallel()
		_, err := filled(t, sandbox.Config{Forbidden: []string{"Actions"}}).run(14)
		require.ErrorIs(t, err, reconcile.ErrScope)
	})

	t.Run("the token may not read their changes: verdicts come all the same", func(t *testing.T) {
		t.Parallel()
		r := filled(t, sandbox.Config{Forbidden: []string{"ActionUpdates"}})
		r.change(http.MethodDelete, "o4", url.Values{"DispositionCode": {"ITEM_RETURNED"}})
		r.now = r.now.Add(time.Minute)
		_, err := r.run(14)
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"matched": 29, "reversed_elsewhere": 1}, r.counts())
	})

	t.Run("a program that is not there is an error, and halving comes to an end", func(t *testing.T) {
		t.Parallel()
		r := filled(t, sandbox.Config{})
		r.Campaign = "x"
		_, err := r.run(14)
		require.ErrorContains(t, err, "CampaignId: Not a numeric value")
		require.Less(t, r.calls.Load(), int64(60))
	})

	t.Run("its share of the quota is kept", func(t *testing.T) {
		t.Parallel()
		r := filled(t, sandbox.Config{PageSize: 10})
		r.PerHour = 2
		_, err := r.run(14)
		require.ErrorIs(t, err, limit.ErrNoRoom)
		r.now = r.now.Add(time.Hour + time.Minute)
		_, err = r.run(14)
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"matched": 30}, r.counts())
	})

	t.Run("it is stopped", func(t *testing.T) {
		t.Parallel()
		r := filled(t, sandbox.Config{})
		ctx, stop := context.WithCancel(t.Context())
		stop()
		_, err := reconcile.New(r.Config).Run(ctx, r.now.Add(-time.Hour))
		require.ErrorIs(t, err, context.Canceled)
	})
}
