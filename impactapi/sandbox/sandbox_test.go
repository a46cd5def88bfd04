package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	sid   = "IRsandboxAccount"
	token = "token-of-the-sandbox"
)

type setting struct {
	box    *sandbox.Sandbox
	client *impactapi.Client
	url    string
	log    string
}

func setup(t *testing.T, config sandbox.Config) setting {
	t.Helper()
	s := setting{log: filepath.Join(t.TempDir(), "calls.ndjson")}
	config.LogFile, config.Record = s.log, true
	if config.AccountSID == "" {
		config.AccountSID, config.AuthToken = sid, token
	}
	var err error
	s.box, err = sandbox.New(config)
	require.NoError(t, err)
	server := httptest.NewServer(http.StripPrefix("/base", s.box.Handler()))
	s.url = server.URL + "/base"
	s.client, err = impactapi.New(impactapi.Config{
		AccountSID: sid, AuthToken: token, TrackingURL: s.url, APIURL: s.url, MaxRetries: -1,
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		s.client.Close()
		server.Close()
		require.NoError(t, s.box.Close())
	})
	return s
}

// ready returns a valid request.
func ready[T any](check func(impactapi.Params) (T, error), p impactapi.Params) T {
	request, err := check(p)
	if err != nil {
		panic(err)
	}
	return request
}

func set(p impactapi.Params, name, value string) {
	for i := range p {
		if p[i].Name == name {
			p[i].Value = value
		}
	}
}

func pageLoad(more ...impactapi.Param) impactapi.Params {
	return append(impactapi.Params{
		{Name: "CampaignId", Value: "1000"}, {Name: "EventDate", Value: "2026-11-01T12:00:00Z"},
		{Name: "PageUrl", Value: "https://www.example.com/?q=\"ü\""}, {Name: "CustomProfileId", Value: "anon-1"},
	}, more...)
}

func conversion(order string) impactapi.Params {
	return impactapi.Params{
		{Name: "CampaignId", Value: "1000"}, {Name: "EventDate", Value: "2026-11-01T12:00:00Z"}, {Name: "OrderId", Value: order},
		{Name: "EventTypeId", Value: "7"}, {Name: "CustomerId", Value: "c-1"},
	}
}

// post sends a body as it is and returns status and answer.
func (s setting) post(t *testing.T, path, kind, body string, credentials ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", kind)
	if len(credentials) == 2 {
		req.SetBasicAuth(credentials[0], credentials[1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text)
}

func TestPageLoads(t *testing.T) {
	t.Parallel()

	t.Run("a page load gets a click id", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{})
		got, err := s.client.SendPageLoad(t.Context(), ready(impactapi.NewPageLoad, pageLoad()))
		require.NoError(t, err)
		require.Len(t, got.ClickID, 36)
		require.NotEmpty(t, got.SessionStart)
		require.Empty(t, got.Warnings)
	})

	t.Run("unknown parameters can be warned of", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{WarnUnknown: true})
		got, err := s.client.SendPageLoad(t.Context(), ready(impactapi.NewPageLoad, pageLoad(impactapi.Param{Name: "vip", Value: "true"})))
		require.NoError(t, err)
		require.Equal(t, []impactapi.FieldError{{Field: "vip", Level: "WARNING", Message: "Unknown parameter"}}, got.Warnings)
	})

	t.Run("the documents' own liberties are taken", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{})
		status, _ := s.post(t, "/PageLoad", "application/x-www-form-urlencoded; charset=utf-8",
			"CampaignId=1&EventDate=NOW&PageUrl=https://x.example/&CustomProfileId=a&CustomerEmail=jane%40example.com")
		require.Equal(t, 200, status)
		status, _ = s.post(t, "/PageLoad?CampaignId=1&CustomProfileId=a&PageUrl=https://x.example/&EventDate=NOW", "", "")
		require.Equal(t, 200, status)
		status, body := s.post(t, "/Advertisers/"+sid+"/Conversions", "application/x-www-form-urlencoded",
			conversion("1").Encode()+"&CustomerEmail=jane%40example.com", sid, token)
		require.Equal(t, 400, status)
		require.Contains(t, body, `{"Status":"ERROR","errors":[{"field":"CustomerEmail","level":"ERROR","message":`)
	})

	t.Run("a JSON body is as good as a form", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{})
		status, _ := s.post(t, "/PageLoad", "application/json",
			`{"CampaignId":1000,"EventDate":"NOW","PageUrl":"https://x.example/","CustomProfileId":"a","TrackingConsent":true,"vip":["x","y"],"none":null}`)
		require.Equal(t, 200, status)
		line, err := os.ReadFile(s.log)
		require.NoError(t, err)
		require.Contains(t, string(line), `"form":{"CampaignId":"1000","EventDate":"NOW","PageUrl":"https://x.example/",`+
			`"CustomProfileId":"a","TrackingConsent":"true","vip":["x","y"]},"status":200}`)
	})

	t.Run("bad requests are refused in the documented shape", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{})
		for _, tt := range []struct {
			kind, body string
			status     int
			answer     string
		}{
			{"application/x-www-form-urlencoded", "PageUrl=x", 400, `{"errors":[{"field":"PageUrl","level":"ERROR","message":"must be an absolute URL`},
			{"application/x-www-form-urlencoded", "a=%zz", 400, `{"status":400,"title":"Bad Request"}`},
			{"application/json", `{"a":{}}`, 400, `"Bad Request"`},
			{"application/json", `[1]`, 400, `"Bad Request"`},
			{"application/json", `{"a":1`, 400, `"Bad Request"`},
			{"text/csv", "a,b", 415, `"Unsupported Media Type"`},
			{"application/json", strings.Repeat(" ", 2<<20), 413, `"Payload Too Large"`},
		} {
			status, body := s.post(t, "/PageLoad", tt.kind, tt.body)
			require.Equal(t, tt.status, status, tt.body[:min(10, len(tt.body))])
			require.Contains(t, body, tt.answer)
		}
	})
}

func TestConversions(t *testing.T) {
	t.Parallel()

	t.Run("a repeated order is queued and found to be a duplicate", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{})
		verdict := func(p impactapi.Params) []string {
			queued, err := s.client.SendConversion(t.Context(), ready(impactapi.NewConversion, p))
			require.NoError(t, err)
			require.Equal(t, "QUEUED", queued.State)
			sub, err := s.client.Submission(t.Context(), queued.QueuedURI)
			require.NoError(t, err)
			require.True(t, sub.Complete())
			return sub.Reasons
		}
		require.Empty(t, verdict(conversion("o-1")))
		require.Equal(t, []string{"CONV_DUPLICATE"}, verdict(conversion("o-1")))
		require.Empty(t, verdict(conversion("o-2")))
		other := conversion("o-1")
		set(other, "EventTypeId", "8")
		require.Empty(t, verdict(other))
		set(other, "CampaignId", "1001")
		require.Empty(t, verdict(other))
	})

	t.Run("submissions take their time when told to", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{SettleAfter: time.Hour, Campaigns: []string{"1"}})
		queued, err := s.client.SendConversion(t.Context(), ready(impactapi.NewConversion, conversion("o-1")))
		require.NoError(t, err)
		sub, err := s.client.Submission(t.Context(), queued.QueuedURI)
		require.NoError(t, err)
		require.Equal(t, "Queued", sub.Status)
	})

	t.Run("a program that the account does not have is found out later", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{Campaigns: []string{"1", "2"}})
		queued, err := s.client.SendConversion(t.Context(), ready(impactapi.NewConversion, conversion("o-1")))
		require.NoError(t, err)
		sub, err := s.client.Submission(t.Context(), queued.QueuedURI)
		require.NoError(t, err)
		require.Equal(t, []string{"CAMPAIGN_NOT_FOUND"}, sub.Reasons)
		campaigns, err := s.client.Campaigns(t.Context())
		require.NoError(t, err)
		require.Len(t, campaigns, 2)
	})

}

func TestAccount(t *testing.T) {
	t.Parallel()

	t.Run("credentials", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{})
		form := conversion("o-1").Encode()
		const kind = "application/x-www-form-urlencoded"
		status, body := s.post(t, "/Advertisers/"+sid+"/Conversions", kind, form)
		require.Equal(t, 401, status)
		require.JSONEq(t, `{"status":401,"title":"Unauthorized"}`, body)
		status, _ = s.post(t, "/Advertisers/"+sid+"/Conversions", kind, form, sid, "wrong")
		require.Equal(t, 401, status)
		status, _ = s.post(t, "/Advertisers/IRother/Conversions", kind, form, sid, token)
		require.Equal(t, 403, status)
		status, _ = s.post(t, "/Advertisers/"+sid+"/CompanyInformation", kind, "", sid, token)
		require.Equal(t, 405, status)
		status, _ = s.post(t, "/Catalogs", kind, "")
		require.Equal(t, 404, status)
		company, err := s.client.CompanyInformation(t.Context())
		require.NoError(t, err)
		require.Equal(t, "USD", company.Currency)
	})

	t.Run("the rate limit holds for the API host alone", func(t *testing.T) {
		t.Parallel()
		s := setup(t, sandbox.Config{RateLimit: sandbox.Limit{Requests: 2, Per: time.Hour}})
		got, err := s.client.SendConversion(t.Context(), ready(impactapi.NewConversion, conversion("o-1")))
		require.NoError(t, err)
		require.Equal(t, 2, got.Rate.Limit)
		require.Equal(t, 1, got.Rate.Remaining)
		_, err = s.client.CompanyInformation(t.Context())
		require.NoError(t, err)
		_, err = s.client.SendConversion(t.Context(), ready(impactapi.NewConversion, conversion("o-2")))
		var e *impactapi.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, 429, e.Status)
		require.InDelta(t, time.Hour, e.RetryAfter, float64(time.Minute))
		_, err = s.client.SendPageLoad(t.Context(), ready(impactapi.NewPageLoad, pageLoad()))
		require.NoError(t, err)
	})
}

func statuses(calls []sandbox.Call) []int {
	var all []int
	for _, c := range calls {
		all = append(all, c.Status)
	}
	return all
}

func TestFaults(t *testing.T) {
	t.Parallel()

	t.Run("each fault leaves what the log says", func(t *testing.T) {
		t.Parallel()
		faults := []sandbox.Fault{
			{Drop: sandbox.DropBefore}, {Drop: sandbox.DropAfter}, {Status: 503}, {Status: 500, Taken: true},
			{Status: 400, Body: `{"errors":[{"field":"vip","message":"no"}]}`}, {Delay: time.Millisecond},
		}
		next := 0
		s := setup(t, sandbox.Config{Fault: func(*http.Request, impactapi.Params) sandbox.Fault { next++; return faults[next-1] }})
		var outcomes []string
		for i := range faults {
			_, err := s.client.SendConversion(t.Context(), ready(impactapi.NewConversion, conversion(fmt.Sprint("o-", i))))
			var e *impactapi.Error
			if errors.As(err, &e) {
				outcomes = append(outcomes, fmt.Sprint(e.Sent, " ", e.Status))
			} else {
				outcomes = append(outcomes, "taken")
			}
		}
		require.Equal(t, []string{"unknown 0", "unknown 0", "answered 503", "answered 500", "answered 400", "taken"}, outcomes)
		require.Equal(t, []int{0, 503, 500, 400, 200}, statuses(s.box.Calls()))
	})

	t.Run("the same seed spoils the same requests", func(t *testing.T) {
		t.Parallel()
		run := func(seed uint64) []int {
			s := setup(t, sandbox.Config{ErrorRate: 0.2, ResetAfter: 0.2, ResetBefore: 0.2, Seed: seed})
			for range 100 {
				_, _ = s.client.SendPageLoad(t.Context(), ready(impactapi.NewPageLoad, pageLoad()))
			}
			return statuses(s.box.Calls())
		}
		first := run(1)
		require.Equal(t, first, run(1))
		require.NotEqual(t, first, run(2))
		require.Less(t, len(first), 100)
		require.Contains(t, first, 0)
		require.Contains(t, first, 503)
		require.Contains(t, first, 200)
	})
}

func TestNew(t *testing.T) {
	t.Parallel()
	_, err := sandbox.New(sandbox.Config{ErrorRate: 2, AuthToken: "x", Latency: -1, RateLimit: sandbox.Limit{Requests: 1}, Campaigns: []string{"a"}})
	for _, want := range []string{"ErrorRate", "AccountSID", "Latency", "RateLimit", "Campaigns"} {
		require.ErrorContains(t, err, want)
	}
	_, err = sandbox.New(sandbox.Config{LogFile: t.TempDir()})
	require.ErrorContains(t, err, "open call log")
}

func TestParseLimit(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]sandbox.Limit{
		"1000/h": {Requests: 1000, Per: time.Hour}, "50/m": {Requests: 50, Per: time.Minute}, "10/s": {Requests: 10, Per: time.Second},
		"3/90s": {Requests: 3, Per: 90 * time.Second}, "0": {}, "": {},
	} {
		got, err := sandbox.ParseLimit(s)
		require.NoError(t, err, s)
		require.Equal(t, want, got)
	}
	for _, s := range []string{"1000", "x/h", "5/", "5/day", "-1/h", "0/h", "1/1ms"} {
		_, err := sandbox.ParseLimit(s)
		require.ErrorContains(t, err, "1000/h", s)
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	box, err := sandbox.New(sandbox.Config{Latency: 20 * time.Millisecond})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + listener.Addr().String()
	serving, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- box.Serve(serving, listener) }()
	client, err := impactapi.New(impactapi.Config{AccountSID: "IRany", AuthToken: "any", TrackingURL: url, APIURL: url})
	require.NoError(t, err)
	start := time.Now()
	_, err = client.SendConversion(t.Context(), ready(impactapi.NewConversion, conversion("o-1")))
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(start), 20*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	client.Close()
	require.NoError(t, box.Close())
	require.NoError(t, box.Close())
}

func BenchmarkPageLoad(b *testing.B) {
	box, err := sandbox.New(sandbox.Config{LogFile: filepath.Join(b.TempDir(), "calls.ndjson")})
	require.NoError(b, err)
	defer box.Close()
	handler, body := box.Handler(), pageLoad().Encode()
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/PageLoad", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body.String())
		}
	}
}
