package impactapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	field := []FieldError{{Field: "AccountId", Level: "ERROR", Message: "Not a numeric value"}}
	for _, tt := range []struct {
		name    string
		status  int
		body    string
		message string
		fields  []FieldError
	}{
		{"general", 400, `{"Status":"ERROR","Message":"Validation Failed","Errors":[{"Field":"AccountId","Message":"Not a numeric value"}]}`,
			"Validation Failed", field},
		{"conversions", 400, `{"Status":"ERROR","errors":[{"field":"AccountId","level":"error","message":"Not a numeric value"}]}`, "", field},
		{"page load", 400, `{"errors":[{"field":"AccountId","level":"ERROR","message":"Not a numeric value"}],"warnings":[{"field":"x","message":"y"}]}`,
			"", append(field, FieldError{Field: "x", Level: "WARNING", Message: "y"})},
		{"gateway", 403, `{"status":403,"title":"Access Denied"}`, "Access Denied", nil},
		{"XML", 400, `<ImpactRadiusResponse><Status>ERROR</Status><Message>Validation Failed</Message><Errors><Error><Field>AccountId</Field>` +
			`<Message>Not a numeric value</Message></Error></Errors></ImpactRadiusResponse>`, "Validation Failed", field},
		{"texts for errors", 400, `{"errors":["no","way"]}`, "",
			[]FieldError{{Level: "ERROR", Message: "no"}, {Level: "ERROR", Message: "way"}}},
		{"a long trait key", 400, `{"errors":[{"field":"order_completed_last_30days","message":"order_completed_last_30days is new"}]}`, "",
			[]FieldError{{Field: "order_completed_last_30days", Level: "ERROR", Message: "order_completed_last_30days is new"}}},
		{"odd types", 400, `{"Message":["a"],"errors":{"a":1}}`, `{"Message":["a"],"errors":{"a":1}}`, nil},
		{"a web page", 502, "<html>\n<body>Bad\tgateway\x00 of jane@example.com and Zq8hT2kLw0PzR7vN5xYc3mB1</body>",
			"<html> <body>Bad gateway of [address] and [token]</body>", nil},
		{"a very long text", 500, strings.Repeat("ü", 5000), strings.Repeat("ü", 200), nil},
		{"nothing", 503, "", "", nil},
		{"an error in a 200", 200, `{"Status":"ERROR","Message":"no"}`, "no", nil},
		{"somebody else's 200", 200, "<html>welcome</html>", "not an answer of impact.com, check the configured URLs: <html>welcome</html>", nil},
		{"a redirect", 302, "", "redirects are not followed: check the configured URLs", nil},
		{"the token back", 400, `{"Message":"bad token ` + testToken + `"}`, "bad token [token]", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := served(t, answerWith(tt.status, tt.body))
			_, err := c.SendConversion(t.Context(), ready(NewConversion, validConversion()))
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.status, e.Status)
			require.Equal(t, tt.message, e.Message)
			require.Equal(t, tt.fields, e.Fields)
			require.Equal(t, SentAnswered, e.Sent)
			require.Equal(t, "/Advertisers/{AccountSID}/Conversions", e.Path)
			require.Equal(t, tt.status < 300 || tt.status >= 500, Retryable(err))
			require.Equal(t, tt.status < 300, Unclear(err))
			require.Equal(t, tt.status < 400 || tt.status >= 500, Doubtful(err))
		})
	}

	t.Run("a 200 that breaks off was taken all the same", func(t *testing.T) {
		t.Parallel()
		c := served(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"clickId":"c`))
		})
		got, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
		require.NoError(t, err)
		require.Len(t, got.Warnings, 1)
	})

	t.Run("a 200 that breaks off before it says so may have been taken", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{``, `{"click`, `{"Status":"o`, `<html>`} {
			c := served(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				_, _ = w.Write([]byte(text))
			})
			_, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
			var e *Error
			require.ErrorAs(t, err, &e, text)
			require.Equal(t, SentUnknown, e.Sent, text)
			require.Equal(t, []bool{true, true}, []bool{Doubtful(err), Retryable(err)}, text)
		}
	})

	t.Run("an endless answer is read to the bound", func(t *testing.T) {
		t.Parallel()
		c := served(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			for range 10_000 {
				if _, err := w.Write([]byte(strings.Repeat("x ", 512))); err != nil {
					return
				}
			}
		})
		_, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
		require.ErrorContains(t, err, "400 Bad Request: x x x")
	})

	t.Run("an error reads as one line", func(t *testing.T) {
		t.Parallel()
		c := served(t, answerWith(400, `{"errors":[{"field":"PageUrl","level":"ERROR","message":"is required"}]}`))
		_, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
		require.EqualError(t, err, "POST /PageLoad: 400 Bad Request; PageUrl: is required")
	})
}

func TestDoubtful(t *testing.T) {
	t.Parallel()
	require.False(t, Doubtful(nil))
	require.True(t, Doubtful(http.ErrHandlerTimeout))
	require.False(t, Doubtful(&Error{Sent: SentAnswered, Status: 429}))
	require.True(t, Doubtful(&Error{Sent: SentAnswered, Status: 400, EarlierDoubt: true}))
	require.True(t, Doubtful(&Error{Sent: SentNothing, EarlierDoubt: true}))
	require.False(t, Doubtful(ErrNoCredentials))
	require.True(t, Retryable(&Error{Status: 520}))
	require.True(t, Retryable(&Error{Status: 408}))
	require.False(t, Retryable(&Error{Status: 404}))
	require.False(t, Retryable(nil))
}

// Whatever an answer holds, its error is short, printable and keeps secrets.
func FuzzErrorBody(f *testing.F) {
	for _, body := range []string{
		`{"Status":"ERROR","errors":[{"field":"a","message":"b"}]}`, `<ImpactRadiusResponse><Status>ERROR</Status></ImpactRadiusResponse>`,
		`{"Message":"jane@example.com"}`, "<html>", `{"errors":[1,null,[],{}]}`,
	} {
		f.Add(400, []byte(body))
	}
	c, err := New(Config{AccountSID: testSID, AuthToken: testToken})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := c.judge(&answer{status: status, text: body}, opened, nil)
		if e == nil {
			return
		}
		require.LessOrEqual(t, len([]rune(e.Message)), maxExcerpt+60)
		require.NotContains(t, e.Error(), testToken)
		require.False(t, ContainsEmail(e.Message), "%q", e.Message)
		for _, field := range e.Fields {
			require.False(t, ContainsEmail(field.Message), "%q", field.Message)
		}
	})
}
