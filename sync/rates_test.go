package sync_test

import (
	"fmt"
	"net/http"
	"slices"
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

// orders are conversions of so many people, from an hour ago.
func orders(from, to int) []string {
	at := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	var lines []string
	for i := from; i < to; i++ {
		lines = append(lines, fmt.Sprintf(`{"type":"track","event":"Order Completed","messageId":"o%d","userId":"u%d","properties":{"order_id":"o%d","total":27.5,"currency":"USD"},"timestamp":%q}`, i, i, i, at))
	}
	return lines
}

// statuses counts what the sandbox answered, by path and status.
func (w *world) statuses() map[string]int {
	n := map[string]int{}
	for _, c := range w.sandbox.Calls() {
		path := strings.TrimPrefix(c.Path, "/Advertisers/IRsid")
		if i := strings.IndexByte(path[1:], '/'); i > 0 {
			path = path[:i+1]
		}
		n[fmt.Sprintf("%s %d", path, c.Status)]++
	}
	return n
}

func TestQuota(t *testing.T) {
	t.Parallel()

	t.Run("nothing is sent that must be refused, and the rest goes when the quota starts anew", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{RateLimit: sandbox.Limit{Requests: 5, Per: time.Second}})
		w.log("a.ndjson", orders(0, 12)...)
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
		require.Equal(t, map[string]int{"/Conversions 200": 12}, w.statuses(), "no 429")
	})

	t.Run("the next process knows that the quota is used up", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{RateLimit: sandbox.Limit{Requests: 5, Per: time.Hour}})
		w.log("a.ndjson", orders(0, 8)...)
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitUnfinished, r.ExitCode)
		require.Contains(t, r.Note, "3 still due: impact.com's quota of requests is used up, until ")
		require.Equal(t, map[string]int{"/Conversions 200": 5}, w.statuses())

		w.list("VIP.csv", members(0, 3)...)
		r, err = w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitUnfinished, r.ExitCode)
		require.Equal(t, map[string]int{"/Conversions 200": 5, "/PageLoad 200": 3}, w.statuses(), "the other host is not concerned")
	})

	t.Run("conversionsPerHour holds over all processes", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		w.change = func(c *impactsync.Config) { c.ConversionsPerHour = 5 }
		for i := range 3 {
			w.log(fmt.Sprintf("%d.ndjson", i), orders(3*i, 3*i+3)...)
			r, err := w.run(impactsync.Options{})
			require.NoError(t, err)
			require.Len(t, w.sandbox.Calls(), min(3*i+3, 5))
			if i > 0 {
				require.Equal(t, impactsync.ExitUnfinished, r.ExitCode)
				require.Contains(t, r.Note, "conversionsPerHour is used up, until ")
			}
		}
	})

	t.Run("429s without a word make it slower, not fail", func(t *testing.T) {
		t.Parallel()
		var calls atomic.Int64
		w := setup(t, sandbox.Config{Fault: func(*http.Request, impactapi.Params) sandbox.Fault {
			if n := calls.Add(1); n >= 20 && n < 23 {
				return sandbox.Fault{Status: http.StatusTooManyRequests}
			}
			return sandbox.Fault{}
		}})
		w.list("VIP.csv", members(0, 50)...)
		r, err := w.run(impactsync.Options{Deadline: time.Now().Add(time.Minute)})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
		require.EqualValues(t, 50, r.Counts["delivered"])
		require.EqualValues(t, 53, r.Counts["requests"])
	})

	t.Run("429s for an hour end the run in good order, and the next one keeps quiet", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{Fault: func(*http.Request, impactapi.Params) sandbox.Fault {
			return sandbox.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3600"}}}
		}})
		w.list("VIP.csv", members(0, 300)...)
		w.log("a.ndjson", orders(0, 300)...)
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitUnfinished, r.ExitCode)
		require.Contains(t, r.Note, "impact.com asked for quiet (429), until ")
		require.EqualValues(t, 600, r.Open())
		asked := len(w.sandbox.Calls())
		require.LessOrEqual(t, asked, 8, "what was under way, no more")

		r, err = w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitUnfinished, r.ExitCode)
		require.Len(t, w.sandbox.Calls(), asked)
	})

	t.Run("a deadline stops in time, and the next run continues where it stopped", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{Latency: 20 * time.Millisecond})
		w.list("VIP.csv", members(0, 400)...)
		start := time.Now()
		r, err := w.run(impactsync.Options{Deadline: start.Add(700 * time.Millisecond)})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitUnfinished, r.ExitCode)
		require.Contains(t, r.Note, "still due: the deadline")
		require.Less(t, time.Since(start), 5*time.Second)
		first := len(w.sandbox.Calls())
		require.Less(t, first, 400)
		require.Zero(t, r.Traits.InFlight+r.Traits.Unknown)

		r, err = w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitOK, r.ExitCode)
		require.Len(t, w.sandbox.Calls(), 400, "nothing twice")
	})
}

func TestScarcity(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	w.list("VIP.csv", members(0, 200)...)
	_, err := w.run(impactsync.Options{})
	require.NoError(t, err)
	before := len(w.sandbox.Calls())

	// All at once: 100 leave, 100 join, 100 pages of strangers, and 60 people
	// who came by a click and bought, the click being the newest of all.
	w.list("VIP.csv", members(100, 300)...)
	stamp := func(m int) string {
		return time.Now().Add(-2*time.Hour + time.Duration(m)*time.Second).UTC().Format(time.RFC3339)
	}
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf(`{"type":"page","messageId":"p%d","anonymousId":"s%d","properties":{"url":"https://shop.example/"},"timestamp":%q}`, i, i, stamp(i)))
	}
	for i := range 60 {
		lines = append(lines,
			fmt.Sprintf(`{"type":"page","messageId":"c%d","userId":"buyer%d","properties":{"url":"https://shop.example/?im_ref=click%d"},"timestamp":%q}`, i, i, i, stamp(1000+i)),
			fmt.Sprintf(`{"type":"track","event":"Order Completed","messageId":"b%d","userId":"buyer%d","properties":{"order_id":"b%d","total":1,"currency":"USD"},"timestamp":%q}`, i, i, i, stamp(2000+i)))
	}
	w.log("a.ndjson", lines...)
	w.change = func(c *impactsync.Config) {
		c.PageLoadsPerSecond, c.ConversionsPerHour, c.AttributionWait = 100, 900, time.Hour
		c.Guards = state.Guards{}
	}
	r, err := w.run(impactsync.Options{Deadline: time.Now().Add(20 * time.Second)})
	require.NoError(t, err)
	require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)

	var kinds []string
	clicked := map[string]bool{}
	for i, line := range w.told(before) {
		form := w.sandbox.Calls()[before+i].Form
		who, _ := form.Get("CustomerId")
		_, click := form.Get("ClickId")
		switch {
		case strings.HasPrefix(line, "/Conversions"):
			require.True(t, clicked[who], "the page load of %s comes before its conversion", who)
			kinds = append(kinds, "conversion")
		case click:
			clicked[who] = true
			kinds = append(kinds, "click")
		case strings.Contains(line, "vip=false"):
			kinds = append(kinds, "exit")
		case strings.Contains(line, "vip=true"):
			kinds = append(kinds, "join")
		default:
			kinds = append(kinds, "page")
		}
	}
	count := func(of []string, kind string) (n int) {
		for _, k := range of {
			if k == kind {
				n++
			}
		}
		return n
	}
	require.Len(t, kinds, 420)
	lastClick := len(kinds) - 1 - slices.Index(reversed(kinds), "click")
	early := kinds[:lastClick+1]
	loads := len(early) - count(early, "conversion")
	require.LessOrEqual(t, loads, 60*10/6, "clicks first: they get six or seven of ten")
	for _, kind := range []string{"page", "exit", "join"} {
		require.GreaterOrEqual(t, count(early, kind), loads/20, "%s is not starved: %v", kind, early)
	}
	require.GreaterOrEqual(t, count(kinds[:lastClick+30], "conversion"), 55, "conversions go as soon as their click is there")
}

func reversed(s []string) []string {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}
