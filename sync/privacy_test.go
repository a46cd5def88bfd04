package sync_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/state/rules"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/source/suppressions"
)

// page is a page call, with more fields of the message.
func page(id, user, more string) string {
	return fmt.Sprintf(`{"type":"page","messageId":%q,"userId":%q,"properties":{"url":"https://shop.example/"},"timestamp":%q%s}`,
		id, user, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339Nano), more)
}

// entered is an Engage message that makes a user a member of vip.
func entered(id, user, consent string) string {
	return fmt.Sprintf(`{"type":"identify","messageId":%q,"userId":%q,"traits":{"vip":true},"timestamp":%q,
		"context":{"personas":{"computation_class":"audience","computation_key":"vip"}%s}}`,
		id, user, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339Nano), consent)
}

func oneLine(s string) string {
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		panic(err)
	}
	line, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(line)
}

func TestConsent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		consent string
		flows   bool
	}{
		"no consent object":                  {``, true},
		"an empty one":                       {`"consent":{}`, true},
		"empty preferences":                  {`"consent":{"categoryPreferences":{}}`, false},
		"all required given":                 {`"consent":{"categoryPreferences":{"Advertising":true,"Analytics":true,"Other":false}}`, true},
		"one of two missing":                 {`"consent":{"categoryPreferences":{"Advertising":true}}`, false},
		"one of two withdrawn":               {`"consent":{"categoryPreferences":{"Advertising":true,"Analytics":false}}`, false},
		"a profile's conflict is no consent": {`"consent":{"categoryPreferences":{"Advertising":true,"Analytics":"conflict"}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, sandbox.Config{})
			w.change = func(c *impactsync.Config) { c.RequiredCategories = []string{"Advertising", "Analytics"} }
			context, personas := "", ""
			if test.consent != "" {
				context, personas = `,"context":{`+test.consent+`}`, ","+test.consent
			}
			w.log("a.ndjson", page("m1", "u1", context), oneLine(entered("m2", "u2", personas)))
			r, err := w.run(impactsync.Options{})
			require.NoError(t, err)
			if test.flows {
				require.ElementsMatch(t, []string{"/PageLoad u1", "/PageLoad u2 vip=true"}, w.told(0))
				return
			}
			require.Empty(t, w.told(0), "neither the event nor the trait")
			require.EqualValues(t, 2, r.Counts["no_consent"])
		})
	}
}

func TestDeleteMessages(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	w.change = func(c *impactsync.Config) { c.RequiredCategories = []string{"Advertising"} }
	w.list("VIP.csv", "user_id", "u1", "u2")
	_, err := w.run(impactsync.Options{})
	require.NoError(t, err)
	// Neither consent nor integrations keep a deletion from happening.
	w.log("a.ndjson", page("m1", "u1", ""), `{"type":"delete","userId":"u1","timestamp":"2026-01-01T00:00:00Z","integrations":{"All":false},"context":{"consent":{"categoryPreferences":{}}}}`)
	r, err := w.run(impactsync.Options{})
	require.NoError(t, err)
	require.EqualValues(t, 1, r.Counts["people_forgotten"])
	require.Len(t, w.told(0), 2, "the page before the deletion is not sent any more")
	db := w.open()
	defer db.Close()
	_, err = db.Explain(context.Background(), "u1")
	require.ErrorIs(t, err, state.ErrNotFound)
}

// segmentAPI answers GET /suppressions as Segment documents it, a page for each.
func segmentAPI(t *testing.T, ids *[]string) *suppressions.API {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := 0
		_, _ = fmt.Sscan(r.URL.Query().Get("pagination.cursor"), &at)
		subjects, pagination := []any{}, map[string]any{"current": fmt.Sprint(at)}
		if at < len(*ids) {
			subjects = append(subjects, map[string]any{"subjectType": "USER_ID", "subjectIds": []string{(*ids)[at]}})
			pagination["next"] = fmt.Sprint(at + 1)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"suppressed": subjects, "pagination": pagination}})
	}))
	t.Cleanup(srv.Close)
	return &suppressions.API{Base: srv.URL, Token: "sgp_token", Client: srv.Client(), Wait: time.Millisecond}
}

func TestSuppressions(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	var ids []string
	api := segmentAPI(t, &ids)
	w.change = func(c *impactsync.Config) {
		c.Suppressions, c.SuppressedFalse = []impactsync.Suppressions{api}, true
		c.Guards.Traits.Keys = map[string]rules.Rule{"vip": {Authority: rules.Latest, Guard: c.Guards.Traits.General}}
	}
	w.list("VIP.csv", "user_id", "u1", "u2")
	w.log("a.ndjson", oneLine(entered("m1", "u3", "")))
	_, err := w.run(impactsync.Options{})
	require.NoError(t, err)
	require.Len(t, w.told(0), 3)

	ids = []string{"u9", "u1", "null", "u3"}
	w.list("VIP.csv", "user_id", "u1", "u2", "u4")
	w.log("b.ndjson", page("m2", "u1", ""), page("m3", "u3", ""), page("m4", "u2", ""))
	_, err = w.run(impactsync.Options{})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"/PageLoad u1 vip=false", "/PageLoad u3 vip=false", "/PageLoad u4 vip=true", "/PageLoad u2"}, w.told(3))

	for range 2 { // nothing is left to say, whatever the inputs hold
		w.list("VIP.csv", "user_id", "u1", "u2", "u4")
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
		require.Len(t, w.told(0), 7)
	}

	api.Base = "http://127.0.0.1:1" // the list cannot be read: nobody is told anything
	w.list("VIP.csv", "user_id", "u2")
	r, err := w.run(impactsync.Options{})
	require.ErrorContains(t, err, "nothing was sent, for it is not known who is suppressed")
	require.Equal(t, impactsync.ExitFailed, r.ExitCode)
	require.Len(t, w.told(0), 7)
}
