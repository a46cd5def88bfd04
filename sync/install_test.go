package sync_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// installed is the install of somebody's app; more goes into the message.
func installed(id, who, more string) string {
	return fmt.Sprintf(`{"type":"track","event":"application installed","messageId":"i-%s","anonymousId":%q,"timestamp":%q,"context":{"os":{"name":"iOS"},"device":{"id":"d-%s"}}%s}`,
		id, who, time.Now().Add(-time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339), who, more)
}

func bought(id, who string) string {
	return fmt.Sprintf(`{"type":"track","event":"ORDER COMPLETE","messageId":"b-%s","anonymousId":%q,"timestamp":%q,"properties":{"order_id":"o-%s","revenue":9,"currency":"USD"}}`,
		id, who, time.Now().Add(-time.Minute).UTC().Format(time.RFC3339), id)
}

// apps is a world with app installs, whose fault is asked about each question.
func apps(t *testing.T, fault func(impactapi.Params) sandbox.Fault) (w *world, log *bytes.Buffer) {
	t.Helper()
	w = setup(t, sandbox.Config{Fault: func(r *http.Request, form impactapi.Params) sandbox.Fault {
		if r.URL.Path == "/AppInstall" {
			return fault(form)
		}
		return sandbox.Fault{}
	}})
	log = &bytes.Buffer{}
	w.mapping.IOSAppID, w.mapping.EventTypeID = "101", "55"
	w.change = func(c *impactsync.Config) {
		c.AppInstall, c.Log = true, slog.New(slog.NewTextHandler(log, nil))
	}
	return w, log
}

func says(status int, body string) func(impactapi.Params) sandbox.Fault {
	return func(impactapi.Params) sandbox.Fault { return sandbox.Fault{Status: status, Body: body} }
}

func sandboxSays(impactapi.Params) sandbox.Fault { return sandbox.Fault{} }

// clicks are the conversions: "order or event type: click id".
func (w *world) clicks() map[string]string {
	all := map[string]string{}
	for _, c := range w.sandbox.Calls() {
		if strings.HasSuffix(c.Path, "/Conversions") {
			order, _ := c.Form.Get("OrderId")
			kind, _ := c.Form.Get("EventTypeId")
			all[order+" "+kind], _ = c.Form.Get("ClickId")
		}
	}
	return all
}

func (w *world) asked() (n int) {
	for _, c := range w.sandbox.Calls() {
		if c.Path == "/AppInstall" {
			n++
		}
	}
	return n
}

func (w *world) sentOK() impactsync.Report {
	w.t.Helper()
	r, err := w.run(impactsync.Options{})
	require.NoError(w.t, err)
	require.Equal(w.t, impactsync.ExitOK, r.ExitCode, "%+v", r)
	return r
}

func TestAnInstallIsAskedForItsClick(t *testing.T) {
	t.Parallel()
	w, log := apps(t, says(http.StatusOK, `{"landingPage":"https://shop.example/?irclickid=ad-1"}`))
	w.log("a.ndjson", installed("1", "a1", ""), bought("2", "a2"))
	plan, err := w.planned(impactsync.Options{})
	require.NoError(t, err)
	require.Equal(t, [3]int64{1, 1, 2}, [3]int64{plan.InstallCalls, plan.TrackingCalls, plan.APICalls}, "%+v", plan)
	r := w.sentOK()
	require.Equal(t, map[string]string{"i-1 101": "ad-1", "o-2 55": ""}, w.clicks())
	question := w.sandbox.Calls()[0]
	if question.Path != "/AppInstall" {
		question = w.sandbox.Calls()[1]
	}
	require.Equal(t, "/AppInstall", question.Path)
	property, _ := question.Form.Get("PropertyId")
	require.Equal(t, "101", property)
	require.EqualValues(t, 3, r.Counts["requests"])
	require.EqualValues(t, 1, r.Counts["install_click"])
	db := w.open()
	tracking, err := db.HostStatus(t.Context(), state.HostTracking)
	require.NoError(t, err)
	require.EqualValues(t, 1, tracking.SentLastHour)
	require.NoError(t, db.Close())

	// What the person does later came from that click, too.
	w.log("b.ndjson", bought("3", "a1"))
	w.sentOK()
	require.Equal(t, "ad-1", w.clicks()["o-3 55"])
	require.Equal(t, 1, w.asked())
	require.Empty(t, log.String())
}

func TestAClickThatIsKnownIsNotAskedFor(t *testing.T) {
	t.Parallel()
	w, _ := apps(t, says(http.StatusOK, `{"clickId":"asked"}`))
	w.log("a.ndjson",
		installed("1", "a1", `,"properties":{"url":"https://shop.example/?im_ref=own"}`),
		fmt.Sprintf(`{"type":"page","messageId":"p","anonymousId":"a2","properties":{"url":"https://shop.example/?im_ref=older"},"timestamp":%q}`, time.Now().Add(-2*time.Hour).UTC().Format(time.RFC3339)),
		installed("2", "a2", ""), installed("3", "a3", `,"userId":"u3"`), installed("4", "", `,"userId":"sam@shop.example"`))
	w.sentOK()
	require.Equal(t, map[string]string{"i-1 101": "own", "i-2 101": "asked", "i-3 101": "asked", "i-4 101": "asked"}, w.clicks())
	require.Equal(t, 3, w.asked(), "the person's older click is not the install's")
}

func TestWithoutAnAnswerTheConversionGoesOut(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(impactapi.Params) sandbox.Fault{
		"no click":         says(http.StatusOK, `{}`),
		"an odd click":     says(http.StatusOK, `{"clickId":"null"}`),
		"a click too long": says(http.StatusOK, `{"clickId":"`+strings.Repeat("x", 65)+`"}`),
		"empty":            says(http.StatusOK, ``),
		"503":              says(http.StatusServiceUnavailable, `{}`),
		"400":              says(http.StatusBadRequest, `{"errors":[{"field":"X","message":"no"}]}`),
		"429":              says(http.StatusTooManyRequests, `{}`),
		"reset":            func(impactapi.Params) sandbox.Fault { return sandbox.Fault{Drop: sandbox.DropBefore} },
		"no answer":        func(impactapi.Params) sandbox.Fault { return sandbox.Fault{Delay: 10 * time.Second} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, log := apps(t, fault)
			w.log("a.ndjson", installed("1", "a1", ""),
				fmt.Sprintf(`{"type":"page","messageId":"p","anonymousId":"a1","properties":{"url":"https://shop.example/?im_ref=older"},"timestamp":%q}`, time.Now().Add(-2*time.Hour).UTC().Format(time.RFC3339)))
			w.sentOK()
			require.Equal(t, map[string]string{"i-1 101": "older"}, w.clicks())
			require.LessOrEqual(t, strings.Count(log.String(), "\n"), 1)
		})
	}
}

func TestATrackingHostWithoutAppInstallIsAskedNoMore(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(impactapi.Params) sandbox.Fault{
		"404": says(http.StatusNotFound, `{"status":404,"title":"Not Found"}`), "405": says(http.StatusMethodNotAllowed, ``), "401": says(http.StatusUnauthorized, ``),
		"a proxy's page": says(http.StatusOK, `<html>hello</html>`), "a redirect": says(http.StatusFound, ``),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, log := apps(t, fault)
			var lines []string
			for i := range 50 {
				lines = append(lines, installed(fmt.Sprint(i), fmt.Sprint("a", i), ""))
			}
			w.log("a.ndjson", lines...)
			r := w.sentOK()
			require.Len(t, w.clicks(), 50)
			require.EqualValues(t, 50, r.Counts["install_not_asked"])
			require.LessOrEqual(t, w.asked(), 4, "as many as there are workers")
			require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
			require.Contains(t, log.String(), "destination.appInstall: false")
		})
	}
}

func TestADeadTrackingHostDoesNotHoldInstalls(t *testing.T) {
	t.Parallel()
	w, log := apps(t, func(impactapi.Params) sandbox.Fault { return sandbox.Fault{Drop: sandbox.DropBefore} })
	var lines []string
	for i := range 60 {
		lines = append(lines, installed(fmt.Sprint(i), fmt.Sprint("a", i), ""))
	}
	w.log("a.ndjson", lines...)
	r := w.sentOK()
	require.Len(t, w.clicks(), 60)
	require.Equal(t, 2, strings.Count(log.String(), "\n"), "the first failure, and the end: %s", log)
	require.EqualValues(t, 60, r.Counts["install_not_asked"])
}

// TestAnInstallThatFailsIsNotAskedTwice: what the answer said is kept, whatever
// becomes of the conversion.
func TestAnInstallThatFailsIsNotAskedTwice(t *testing.T) {
	t.Parallel()
	var failed atomic.Bool
	w := setup(t, sandbox.Config{Fault: func(r *http.Request, _ impactapi.Params) sandbox.Fault {
		if strings.HasSuffix(r.URL.Path, "/Conversions") && failed.CompareAndSwap(false, true) {
			return sandbox.Fault{Drop: sandbox.DropAfter}
		}
		return sandbox.Fault{}
	}})
	w.mapping.IOSAppID = "101"
	w.change = func(c *impactsync.Config) { c.AppInstall, c.FirstRetry = true, 10*time.Millisecond }
	w.log("a.ndjson", installed("1", "a1", ""))
	w.sentOK()
	require.Equal(t, 1, w.asked())
	calls := w.sandbox.Calls()
	require.Len(t, calls, 3)
	first, _ := calls[1].Form.Get("ClickId")
	again, _ := calls[2].Form.Get("ClickId")
	require.NotEmpty(t, first)
	require.Equal(t, first, again)
}

func TestInstallsAreNotAskedForUnlessTold(t *testing.T) {
	t.Parallel()
	w, _ := apps(t, sandboxSays)
	w.change = nil
	w.log("a.ndjson", installed("1", "a1", ""))
	plan, err := w.planned(impactsync.Options{})
	require.NoError(t, err)
	require.Zero(t, plan.TrackingCalls)
	w.sentOK()
	require.Equal(t, map[string]string{"i-1 101": ""}, w.clicks())
}

// TestQuestionsKeepThePace: they count at the tracking host, like page loads.
func TestQuestionsKeepThePace(t *testing.T) {
	t.Parallel()
	w, _ := apps(t, sandboxSays)
	change := w.change
	w.change = func(c *impactsync.Config) { change(c); c.PageLoadsPerSecond = 20 }
	var lines []string
	for i := range 30 {
		lines = append(lines, installed(fmt.Sprint(i), fmt.Sprint("a", i), ""))
	}
	w.log("a.ndjson", lines...)
	r := w.sentOK()
	require.Equal(t, 30, w.asked())
	require.Greater(t, r.Seconds, 1.5, "a tenth of 20 a second, then twice as many each second")
}

// TestADeadlineEndsQuestions: what was not sent then goes out in the next run.
func TestADeadlineEndsQuestions(t *testing.T) {
	t.Parallel()
	end := time.Now().Add(4 * time.Second) // in its last tenth nothing new is begun
	first := true
	w, _ := apps(t, func(impactapi.Params) sandbox.Fault {
		if first {
			first = false
			return sandbox.Fault{Delay: 1900 * time.Millisecond}
		}
		return sandbox.Fault{Delay: max(time.Until(end)-200*time.Millisecond, 0)}
	})
	change := w.change
	w.change = func(c *impactsync.Config) {
		change(c)
		c.Workers = 1
	}
	w.log("a.ndjson", installed("1", "a1", ""), installed("2", "a2", ""))
	r, err := w.run(impactsync.Options{Deadline: end})
	require.NoError(t, err)
	require.Equal(t, impactsync.ExitUnfinished, r.ExitCode, "%+v", r)
	require.Len(t, w.clicks(), 1)
	w.sentOK()
	require.Equal(t, 2, w.asked(), "the answer was kept")
	require.NotEmpty(t, w.clicks()["i-1 101"])
	require.NotEmpty(t, w.clicks()["i-2 101"])
}
