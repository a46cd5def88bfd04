package impactapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// served returns a client of a real server on loopback, below a base path.
func served(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(http.StripPrefix("/base", handler))
	c, err := New(Config{
		AccountSID: testSID, AuthToken: testToken, Version: 14, MaxRetries: -1,
		TrackingURL: server.URL + "/base", APIURL: server.URL + "/base/",
	})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close(); server.Close() })
	return c
}

func TestSend(t *testing.T) {
	t.Parallel()

	t.Run("a page load goes out as a form without credentials", func(t *testing.T) {
		t.Parallel()
		c := served(t, func(w http.ResponseWriter, r *http.Request) {
			form, _ := io.ReadAll(r.Body)
			if r.Method != http.MethodPost || r.URL.Path != "/PageLoad" || r.Header.Get("Authorization") != "" ||
				r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.Header.Get("Accept") != "application/json" ||
				r.Header.Get("IR-Version") != "14" || string(form) != validPageLoad().Encode() {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			answerWith(200, `{"landingPage":"https://shop.example/","clickId":"c-1","warnings":[{"field":"vip","level":"ERROR","message":"no such thing"}]}`)(w, r)
		})
		got, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
		require.NoError(t, err)
		require.Equal(t, &PageLoadResult{
			Status: 200, ClickID: "c-1", LandingPage: "https://shop.example/", Attempts: 1,
			Warnings: []FieldError{{Field: "vip", Level: "ERROR", Message: "no such thing"}},
		}, got)
	})

	t.Run("a conversion goes out with credentials and is queued", func(t *testing.T) {
		t.Parallel()
		c := served(t, func(w http.ResponseWriter, r *http.Request) {
			user, token, _ := r.BasicAuth()
			if r.Method != http.MethodPost || r.URL.Path != "/Advertisers/"+testSID+"/Conversions" || user != testSID || token != testToken {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			answerWith(200, `{"Status":"QUEUED","QueuedUri":"/Advertisers/IRtestAccount/APISubmissions/A-1"}`,
				"X-RateLimit-Limit", "1000", "X-RateLimit-Remaining", "998", "X-RateLimit-Reset", "700")(w, r)
		})
		got, err := c.SendConversion(t.Context(), ready(NewConversion, validConversion()))
		require.NoError(t, err)
		require.Equal(t, &ConversionResult{
			Status: 200, State: "QUEUED", QueuedURI: "/Advertisers/IRtestAccount/APISubmissions/A-1", Attempts: 1,
			Rate: Rate{Limit: 1000, Remaining: 998, Reset: 700 * time.Second, Known: true},
		}, got)
	})

	t.Run("a conversion answered in XML is queued too", func(t *testing.T) {
		t.Parallel()
		c := served(t, answerWith(200, `<?xml version="1.0" encoding="UTF-8"?><ImpactRadiusResponse><Status>QUEUED</Status>`+
			`<QueuedUri>/Advertisers/IR/APISubmissions/A-1</QueuedUri></ImpactRadiusResponse>`))
		got, err := c.SendConversion(t.Context(), ready(NewConversion, validConversion()))
		require.NoError(t, err)
		require.Equal(t, "/Advertisers/IR/APISubmissions/A-1", got.QueuedURI)
	})

}

func TestLookups(t *testing.T) {
	t.Parallel()

	t.Run("the company, the campaigns and a submission are read", func(t *testing.T) {
		t.Parallel()
		c := served(t, func(w http.ResponseWriter, r *http.Request) {
			answerWith(200, map[string]string{
				"/Advertisers/IRtestAccount/CompanyInformation": `{"CompanyName":"Shop","Currency":"EUR","Timezone":"UTC"}`,
				"/Advertisers/IRtestAccount/Campaigns":          `{"Campaigns":[{"Id":1000,"Name":"One","State":"ACTIVE"},{"Id":"1001"}]}`,
				"/Advertisers/IRtestAccount/APISubmissions/A-1": `{"BatchId":"A-1","OrderId":"o-1","Status":"Complete","Type":"Conversion",` +
					`"CompletionDate":"2020-09-10T10:11:15-07:00","ErrorType":"Contract Error","ErrorReason":"CONTRACT_NOT_FOUND RESTRICTED_PROMOCODE"}`,
			}[r.URL.Path])(w, r)
		})
		company, err := c.CompanyInformation(t.Context())
		require.NoError(t, err)
		require.Equal(t, &Company{Name: "Shop", Currency: "EUR", Timezone: "UTC"}, company)

		campaigns, err := c.Campaigns(t.Context())
		require.NoError(t, err)
		require.Equal(t, []Campaign{{ID: "1000", Name: "One", State: "ACTIVE"}, {ID: "1001"}}, campaigns)

		sub, err := c.Submission(t.Context(), "/Advertisers/IRtestAccount/APISubmissions/A-1")
		require.NoError(t, err)
		require.True(t, sub.Complete())
		require.Equal(t, []string{"CONTRACT_NOT_FOUND", "RESTRICTED_PROMOCODE"}, sub.Reasons)
		require.Equal(t, 2020, sub.CompletedAt.Year())
	})

	t.Run("a submission elsewhere is not asked for", func(t *testing.T) {
		t.Parallel()
		c := served(t, answerWith(200, `{}`))
		for _, uri := range []string{
			"", "%zz", "https://evil.example/Advertisers/IRtestAccount/APISubmissions/A-1", "/Advertisers/IRother/APISubmissions/A-1",
			"/Advertisers/IRtestAccount/APISubmissions/", "/Advertisers/IRtestAccount/APISubmissions/../Campaigns",
		} {
			_, err := c.Submission(t.Context(), uri)
			require.ErrorContains(t, err, "queued URI", uri)
		}
	})
}

func TestEveryMethod(t *testing.T) {
	t.Parallel()

	t.Run("each method hands the answer's error on", func(t *testing.T) {
		t.Parallel()
		c := served(t, answerWith(401, `{"status":401,"title":"Unauthorized"}`))
		for name, call := range everyMethod(c) {
			var e *Error
			require.ErrorAs(t, call(t.Context()), &e, name)
			require.Equal(t, 401, e.Status, name)
			require.Equal(t, SentAnswered, e.Sent, name)
			require.False(t, Retryable(e) || Doubtful(e), name)
			require.NotContains(t, e.Error(), testSID)
		}
	})

	t.Run("without credentials only page loads are sent", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(answerWith(200, pageLoadAnswer))
		defer server.Close()
		c, err := New(Config{TrackingURL: server.URL, APIURL: server.URL})
		require.NoError(t, err)
		defer c.Close()
		for name, call := range everyMethod(c) {
			if strings.HasPrefix(name, "page load") {
				require.NoError(t, call(t.Context()), name)
			} else {
				require.Error(t, call(t.Context()), name)
			}
		}
	})
}

func everyMethod(c *Client) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"page load": func(ctx context.Context) error {
			_, err := c.SendPageLoad(ctx, ready(NewPageLoad, validPageLoad()))
			return err
		},
		"conversion": func(ctx context.Context) error {
			_, err := c.SendConversion(ctx, ready(NewConversion, validConversion()))
			return err
		},
		"company":   func(ctx context.Context) error { _, err := c.CompanyInformation(ctx); return err },
		"campaigns": func(ctx context.Context) error { _, err := c.Campaigns(ctx); return err },
		"submission": func(ctx context.Context) error {
			_, err := c.Submission(ctx, "/Advertisers/"+c.config.AccountSID+"/APISubmissions/A-1")
			return err
		},
	}
}

func TestNew(t *testing.T) {
	t.Parallel()

	t.Run("all problems come at once, without the token", func(t *testing.T) {
		t.Parallel()
		_, err := New(Config{
			AuthToken: testToken, TrackingURL: "trkapi.impact.com", APIURL: "http://api.impact.com", Connections: -1,
			RequestTimeout: -time.Second, Version: -1,
		})
		for _, want := range []string{"AccountSID and AuthToken", "TrackingURL", "plain http", "Connections", "RequestTimeout", "Version"} {
			require.ErrorContains(t, err, want)
		}
		require.NotContains(t, err.Error(), testToken)
		_, err = New(Config{AccountSID: testSID, AuthToken: testToken + "\n"})
		require.ErrorContains(t, err, "white space")
		_, err = New(Config{APIURL: "https://user:" + testToken + "@api.impact.com"})
		require.ErrorContains(t, err, "credentials")
		require.NotContains(t, err.Error(), testToken)
	})

	t.Run("nothing prints the token", func(t *testing.T) {
		t.Parallel()
		config := Config{AccountSID: testSID, AuthToken: testToken}
		c, err := New(config)
		require.NoError(t, err)
		var b strings.Builder
		slog.New(slog.NewTextHandler(&b, nil)).Info("made", "client", c, "config", config)
		fmt.Fprintf(&b, "%v %+v %#v %s %v %+v %#v", c, c, c, c, config, config, config)
		require.NotContains(t, b.String(), testToken)
		require.Contains(t, b.String(), testSID)
	})
}

// What left the machine decides what may be done next.
func TestSent(t *testing.T) {
	t.Parallel()
	send := func(t *testing.T, url string, config Config) *Error {
		t.Helper()
		config.TrackingURL, config.MaxRetries = url, -1
		c, err := New(config)
		require.NoError(t, err)
		defer c.Close()
		_, err = c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
		var e *Error
		require.ErrorAs(t, err, &e)
		require.True(t, Retryable(err))
		require.Zero(t, e.Status)
		return e
	}

	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		e := send(t, "http://"+listener.Addr().String(), Config{})
		require.Equal(t, SentNothing, e.Sent)
		require.False(t, Doubtful(e))
		require.Zero(t, e.Attempts, "it cost no quota")
	})

	t.Run("no such host", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, SentNothing, send(t, "http://no-such-host.invalid", Config{}).Sent)
	})

	t.Run("a certificate that nobody signed", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewUnstartedServer(answerWith(200, "{}"))
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
		server.StartTLS()
		defer server.Close()
		e := send(t, server.URL, Config{})
		require.Equal(t, SentNothing, e.Sent)
		require.ErrorContains(t, e, "certificate")
	})

	t.Run("the connection is closed after the request was read", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
		defer server.Close()
		e := send(t, server.URL, Config{})
		require.Equal(t, SentUnknown, e.Sent)
		require.True(t, Doubtful(e))
	})

	t.Run("the answer takes too long", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}))
		defer server.Close()
		e := send(t, server.URL, Config{RequestTimeout: 200 * time.Millisecond})
		require.Equal(t, SentUnknown, e.Sent)
		require.ErrorIs(t, e, errRequestTimeout)
	})

	t.Run("a transport that does not tell is not believed", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, SentUnknown, send(t, "http://example.invalid", Config{Transport: mute{}}).Sent)
	})
}

type mute struct{}

func (mute) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no") }

func TestOnlyImpactComsOwnHostsAreOfficial(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]bool{
		"https://api.impact.com": true, "https://trkapi.impact.com/x": true,
		"https://API.Impact.com": true, "https://impact.com": true, "https://api.impactradius.com": true, "https://impactradius.com:443": true,
		"https://notimpactradius.com": false, "https://impactradius.com.example.com": false, "://": false, "": false,
		"https://api.impact.com.example.com": false, "https://notimpact.com": false, "http://127.0.0.1:8090": false,
	} {
		require.Equal(t, want, Official(base), base)
	}
}
