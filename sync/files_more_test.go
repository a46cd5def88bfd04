package sync_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// viewed runs fn on the world's state.
func (w *world) viewed(fn func(*state.DB)) {
	w.t.Helper()
	db := w.open()
	defer func() { require.NoError(w.t, db.Close()) }()
	fn(db)
}

func (w *world) refusedReasons() (all []string) {
	w.t.Helper()
	w.viewed(func(db *state.DB) {
		t, err := db.Refused(context.Background(), state.Filter{})
		require.NoError(w.t, err)
		for _, row := range t.Rows {
			all = append(all, row[6])
		}
	})
	return all
}

func TestAutoSendsByFileWhatTheQuotaWouldNotTake(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	w.change = func(c *impactsync.Config) { c.ConversionsPerHour = 10 }
	in := w.files(impactsync.Auto, func(f *impactsync.Files) { f.Patience = 3 * time.Hour })
	w.log("a.ndjson", sales(0, 100, true)...)
	r, err := w.run(impactsync.Options{Deadline: time.Now().Add(5 * time.Second)})
	require.NoError(t, err)
	require.Equal(t, impactsync.ExitUnfinished, r.ExitCode, "%+v", r)
	in.take(t)
	filed := map[string]bool{}
	for _, id := range in.column(t, "OrderId") {
		filed[id] = true
	}
	sent := w.told(0)
	require.Len(t, sent, 10, "the hour's quota")
	require.InDelta(t, 60, len(filed), 10, "what three hours and the first hour's do not take")
	for _, line := range sent {
		_, order, _ := strings.Cut(line, "order ")
		require.False(t, filed[order], "%s goes one road", order)
	}
	require.Equal(t, 100, len(sent)+len(filed)+int(r.Conversions.Pending))

	w.change = nil
	w.files(impactsync.ByAPI, nil)
	r = w.pass()
	require.EqualValues(t, len(filed), r.Conversions.InFlight, "the API does not get what is in a file: %+v", r)
	require.Len(t, w.told(0), 100-len(filed))
}

func TestWhatNoFileCanHoldGoesByTheAPI(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	in := w.files(impactsync.ByFile, nil)
	w.change = wrap(w.change, func(c *impactsync.Config) { c.MaxEventAge = 200 * 24 * time.Hour })
	old := time.Now().Add(-100 * 24 * time.Hour).UTC().Format(time.RFC3339)
	odd := func(id, products string) string {
		at := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		return fmt.Sprintf(`{"type":"track","event":"Order Completed","messageId":"m%s","userId":"u","timestamp":%q,"receivedAt":%q,"properties":{"order_id":%q,"revenue":5,"currency":"EUR"%s}}`, id, at, at, id, products)
	}
	w.log("a.ndjson", sale("good", true),
		odd("=1+1", ""), odd("nosku", `,"products":[{"name":"a","price":5}]`),
		fmt.Sprintf(`{"type":"track","event":"Order Completed","messageId":"mold","userId":"u","timestamp":%q,"receivedAt":%q,"properties":{"order_id":"old","revenue":5,"currency":"EUR"}}`, old, old),
		odd("refused", `,"products":[{"sku":"a","price":-5}]`))
	r := w.pass()
	in.take(t)
	require.Equal(t, []string{"good", "good"}, in.column(t, "OrderId"))
	sent := w.told(0)
	require.Len(t, sent, 3, "%v", sent)
	for _, id := range []string{"=1+1", "nosku", "old"} {
		require.Contains(t, strings.Join(sent, "\n"), "order "+id)
	}
	require.EqualValues(t, 1, r.Counts["refused"])
	require.EqualValues(t, 3, r.Counts["unfit_for_file"])
}

func wrap(fns ...func(*impactsync.Config)) func(*impactsync.Config) {
	return func(c *impactsync.Config) {
		for _, fn := range fns {
			fn(c)
		}
	}
}

// TestConversionsInFilesWaitForPageLoads: the page load goes first, in the same run.
func TestConversionsInFilesWaitForPageLoads(t *testing.T) {
	t.Parallel()
	down := true
	w := setup(t, sandbox.Config{Fault: func(r *http.Request, _ impactapi.Params) sandbox.Fault {
		return sandbox.Fault{Status: map[bool]int{true: 503}[down && strings.Contains(r.URL.Path, "PageLoad")]}
	}})
	in := w.files(impactsync.ByFile, nil)
	w.change = wrap(w.change, func(c *impactsync.Config) { c.AttributionWait = time.Hour; c.FirstRetry = time.Millisecond })
	at := time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)
	w.log("a.ndjson", fmt.Sprintf(`{"type":"page","messageId":"p","userId":"u-o001","timestamp":%q,"receivedAt":%q,"context":{"page":{"url":"https://shop.example/a"}}}`, at, at),
		sale("o001", true), sale("o002", true))
	_, _ = w.run(impactsync.Options{Deadline: time.Now().Add(2 * time.Second)}) // a host that is down fails it
	in.take(t)
	require.NotContains(t, in.column(t, "OrderId"), "o001")
	down = false
	w.pass()
	in.take(t)
	require.Contains(t, in.column(t, "OrderId"), "o001")
}

// TestPartOfAnOrder: what impact.com took in part is not sent again because the
// mapping changed.
func TestPartOfAnOrder(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	in := w.files(impactsync.ByFile, nil)
	w.log("a.ndjson", sales(0, 3, true)...)
	w.pass()
	in.take(t)
	in.errors = []map[string]any{
		{"OrderId": "o000", "Sku": "MUG", "Status": "Validation", "Reason": "NO_ITEM"},
		{"OrderId": "o001", "Sku": "MUG", "Status": "Validation", "Reason": "NO_ITEM"}, {"OrderId": "o001", "Sku": "HAT", "Status": "Validation", "Reason": "NO_ITEM"},
	}
	r := w.pass()
	require.EqualValues(t, 2, r.Counts["refused"])
	require.ElementsMatch(t, []string{"impact.com: MUG: NO_ITEM (the other items were taken)", "impact.com: HAT: NO_ITEM,MUG: NO_ITEM"}, w.refusedReasons())

	w.mapping.EventTypeID = "99" // another mapping
	w.pass()
	in.take(t)
	require.Len(t, in.taken, 2, "the order that was refused as a whole goes again")
	require.Len(t, w.refusedReasons(), 1)
	w.viewed(func(db *state.DB) {
		n, err := db.RetryRefused(context.Background(), state.Filter{})
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
	})
	in.errors = nil
	w.pass()
	in.take(t)
	require.Len(t, in.taken, 3)
	r = w.pass()
	require.Zero(t, r.Conversions.Open())
	require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
}

func TestFilesThatAreNotSettled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trouble func(*inbox)
		problem string
	}{
		"fewer records than orders": {func(in *inbox) {
			for name := range in.taken {
				in.taken[name] = in.taken[name][:2]
			}
		}, "counts 1 records and 0 errors in it, and it has 4 orders"},
		"not complete":        {func(in *inbox) { in.status = "In Progress" }, ""},
		"a token without it":  {func(in *inbox) { in.http = http.StatusForbidden }, ""},
		"a list that is down": {func(in *inbox) { in.http = http.StatusServiceUnavailable }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, sandbox.Config{})
			in := w.files(impactsync.ByFile, nil)
			w.log("a.ndjson", sales(0, 4, true)...)
			w.pass()
			in.take(t)
			c.trouble(in)
			r := w.pass()
			require.EqualValues(t, 4, r.Conversions.InFlight, "%+v", r)
			w.viewed(func(db *state.DB) {
				files, err := db.ConversionFiles(context.Background(), "", 0)
				require.NoError(t, err)
				require.Len(t, files.Rows, 1)
				require.Contains(t, files.Rows[0][9], c.problem)
			})
		})
	}
}

// TestFileNeverShown: after its time, a file is unknown, also without the right to read
// the list. If it shows up later, it is settled.
func TestFileNeverShown(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	in := w.files(impactsync.ByFile, func(f *impactsync.Files) { f.UnknownAfter = 300 * time.Millisecond })
	w.log("a.ndjson", sales(0, 4, true)...)
	w.pass()
	time.Sleep(400 * time.Millisecond)
	in.http = http.StatusServiceUnavailable
	require.EqualValues(t, 4, w.pass().Conversions.InFlight, "a list that is down says nothing")
	in.http = http.StatusForbidden
	r := w.pass()
	require.EqualValues(t, 4, r.Conversions.Unknown, "%+v", r)
	require.Contains(t, r.Note, "never completed")
	r = w.pass()
	require.EqualValues(t, 4, r.Conversions.Unknown, "nothing is sent again by itself")
	in.http = 0
	in.take(t)
	require.Len(t, in.taken, 1)
	r = w.pass()
	require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
	require.EqualValues(t, 4, r.Counts["delivered"])
}

// TestRecoveredFiles plays a process that died while a file got its name.
func TestRecoveredFiles(t *testing.T) {
	t.Parallel()
	const size = 5
	for name, c := range map[string]struct {
		there, temp int // bytes; -1: not there
		sent        bool
		problem     string
	}{
		"it has its name":            {size, -1, true, ""},
		"it has its name, but half":  {3, -1, true, "its size there is 3, and 5 was written"},
		"it has not":                 {-1, size, false, ""},
		"it was fetched":             {-1, -1, true, "it is not there any more"},
		"its name, and the old, too": {size, size, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, sandbox.Config{})
			in := w.files(impactsync.ByFile, nil)
			w.log("a.ndjson", sales(0, 4, true)...)
			require.NoError(t, os.Mkdir(in.folder, 0o700))
			w.change = wrap(w.change, func(c *impactsync.Config) { c.Files.Route = impactsync.ByFile; c.ConversionsPerHour = 1 })
			var file string
			w.viewed(func(db *state.DB) {
				e := w.engine(db)
				_, err := e.Run(t.Context(), impactsync.Options{Deadline: time.Now().Add(-time.Second)}) // reads only
				require.NoError(t, err)
				_, err = db.BeginRun(t.Context(), state.RunInfo{Kind: "run"})
				require.NoError(t, err)
				claimed, err := db.ClaimFiles(t.Context(), state.FileClaim{Most: 10, Place: in.folder})
				require.NoError(t, err)
				require.NotNil(t, claimed)
				require.EqualValues(t, 4, claimed.Claimed)
				file = claimed.Items.Name
				require.NoError(t, db.CloseFiles(t.Context(), state.FileSize{ID: claimed.Items.ID, Orders: 4, Lines: 8, Bytes: size}, state.FileSize{ID: claimed.Orders.ID}))
			})
			for at, n := range map[string]int{file: c.there, "receipt_" + file + ".part": c.temp} {
				if n >= 0 {
					require.NoError(t, os.WriteFile(filepath.Join(in.folder, at), make([]byte, n), 0o600))
				}
			}
			r := w.pass()
			require.EqualValues(t, 4, r.Conversions.InFlight)
			w.viewed(func(db *state.DB) {
				_, said, err := db.ConversionFile(t.Context(), file, 0)
				require.NoError(t, err)
				require.Empty(t, said.Rows)
				files, err := db.ConversionFiles(t.Context(), "sent", 0)
				require.NoError(t, err)
				require.Len(t, files.Rows, 1, "its orders are in one file")
				require.Equal(t, c.sent, files.Rows[0][0] == file)
				require.Contains(t, files.Rows[0][9], c.problem)
			})
			_, err := os.Stat(filepath.Join(in.folder, "receipt_"+file+".part"))
			require.ErrorIs(t, err, os.ErrNotExist)
		})
	}
}

// TestFolderIsGone: without a place for files nothing is claimed, requests go on, and
// the run fails.
func TestFolderIsGone(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	in := w.files(impactsync.ByFile, nil)
	require.NoError(t, os.WriteFile(in.folder, nil, 0o600)) // a file in its place
	w.log("a.ndjson", append(sales(0, 4, true), page("p1", "u1", ""))...)
	r, err := w.run(impactsync.Options{})
	require.ErrorContains(t, err, in.folder)
	require.Equal(t, impactsync.ExitFailed, r.ExitCode)
	require.EqualValues(t, 4, r.Conversions.Pending)
	require.Len(t, w.told(0), 1, "the page load")
}
