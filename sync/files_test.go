package sync_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/transport"
)

// inbox is impact.com's side of files: it takes them from a folder and lists them. All
// else goes to the sandbox.
type inbox struct {
	folder string

	mu     sync.Mutex
	taken  map[string][][]string // lines by file, the header first
	status string                // of all files
	errors []map[string]any
	more   int // errors that are counted and not listed
	http   int // status of the list; 0 is 200
	lists  int
}

// files makes conversions go by file into a folder that an inbox looks after.
func (w *world) files(route impactsync.Route, change func(*impactsync.Files)) *inbox {
	w.t.Helper()
	in := &inbox{folder: filepath.Join(w.dir, "out"), taken: map[string][][]string{}, status: "Complete"}
	server := httptest.NewServer(in.before(w.sandbox.Handler()))
	w.t.Cleanup(server.Close)
	w.hosts = map[string]string{"api": server.URL, "tracking": server.URL}
	place, err := transport.New(transport.Config{URL: "file://" + in.folder})
	require.NoError(w.t, err)
	before := w.change
	w.change = func(c *impactsync.Config) {
		if before != nil {
			before(c)
		}
		c.Files = impactsync.Files{Route: route, Place: place, LookEvery: -1}
		if change != nil {
			change(&c.Files)
		}
	}
	return in
}

func (in *inbox) before(rest http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /Advertisers/IRsid/FTPFileSubmissions", in.list)
	mux.HandleFunc("GET /Advertisers/IRsid/FTPFileSubmissions/{batch}/ErrorDetails", in.details)
	mux.Handle("/", rest)
	return mux
}

// take fetches what is in the folder, as impact.com does.
func (in *inbox) take(t *testing.T) {
	t.Helper()
	in.mu.Lock()
	defer in.mu.Unlock()
	names, err := filepath.Glob(filepath.Join(in.folder, "*"))
	require.NoError(t, err)
	for _, name := range names {
		f, err := os.Open(name)
		require.NoError(t, err)
		lines, err := csv.NewReader(f).ReadAll()
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.NoError(t, os.Remove(name))
		require.NotContains(t, filepath.Base(name), "receipt_", "half a file")
		in.taken[filepath.Base(name)] = lines
	}
}

func (in *inbox) list(w http.ResponseWriter, _ *http.Request) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.lists++
	if in.http != 0 {
		w.WriteHeader(in.http)
		fmt.Fprint(w, `{"Status":"ERROR","Message":"no"}`)
		return
	}
	all := []map[string]any{}
	for name, lines := range in.taken {
		all = append(all, map[string]any{
			"BatchId": "F-" + strings.TrimSuffix(name, ".csv"), "FileName": name, "Type": "Conversion", "Status": in.status, "SubmissionDate": time.Now().Format(time.RFC3339),
			"CompletionDate": time.Now().Format(time.RFC3339), "TotalRecords": strconv.Itoa(len(lines) - 1), "TotalErrors": len(in.errorsIn(name)) + in.more,
			"ErrorsUri": "/Advertisers/IRsid/FTPFileSubmissions/F-" + strings.TrimSuffix(name, ".csv") + "/ErrorDetails",
		})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"@page": "1", "@numpages": "1", "FTPFileSubmissions": all})
}

// errorsIn returns the errors of a file's orders.
func (in *inbox) errorsIn(name string) (all []map[string]any) {
	for _, e := range in.errors {
		for _, line := range in.taken[name] {
			if strings.Contains(strings.Join(line, ","), fmt.Sprint(e["OrderId"])) {
				all = append(all, e)
				break
			}
		}
	}
	return all
}

func (in *inbox) details(w http.ResponseWriter, r *http.Request) {
	in.mu.Lock()
	defer in.mu.Unlock()
	name := strings.TrimPrefix(r.PathValue("batch"), "F-") + ".csv"
	all := in.errorsIn(name)
	page, _ := strconv.Atoi(r.URL.Query().Get("Page"))
	_ = json.NewEncoder(w).Encode(map[string]any{"@numpages": strconv.Itoa(len(all)), "ErrorDetails": all[page-1 : page]}) // a page each
}

// column returns the values of a column in the files that were taken.
func (in *inbox) column(t *testing.T, name string) (all []string) {
	t.Helper()
	for _, lines := range in.taken {
		at := -1
		for i, column := range lines[0] {
			if column == name {
				at = i
			}
		}
		for _, line := range lines[1:] {
			if at >= 0 {
				all = append(all, line[at])
			}
		}
	}
	return all
}

// sale is an Order Completed of two items, or of none.
func sale(id string, items bool) string {
	products := ""
	if items {
		products = `,"products":[{"sku":"MUG","name":"Mug, \"blue\"","category":"Home","price":10.5,"quantity":2},{"sku":"HAT","name":"=HYPERLINK(1)","category":"Wear","price":5,"quantity":1}]`
	}
	at := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339Nano)
	return fmt.Sprintf(`{"type":"track","event":"Order Completed","messageId":"m-%s","userId":"u-%s","timestamp":%q,"receivedAt":%q,"properties":{"order_id":%q,"revenue":26,"currency":"EUR"%s}}`, id, id, at, at, id, products)
}

func sales(from, to int, items bool) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, sale(fmt.Sprintf("o%03d", i), items))
	}
	return all
}

// pass makes one pass, which must not fail.
func (w *world) pass() impactsync.Report {
	w.t.Helper()
	r, err := w.run(impactsync.Options{})
	require.NoError(w.t, err)
	return r
}

func TestConversionsGoByFile(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	in := w.files(impactsync.ByFile, nil)
	w.log("a.ndjson", append(sales(0, 30, true), sales(30, 50, false)...)...)

	r := w.pass()
	require.Equal(t, impactsync.ExitUnfinished, r.ExitCode, "%+v", r)
	require.Contains(t, r.Note, "conversions (50) are in files that impact.com has not completed")
	require.EqualValues(t, 50, r.Conversions.InFlight)
	require.Empty(t, w.told(0), "nothing by the API")

	in.take(t)
	require.Len(t, in.taken, 2, "items and orders have files of their own")
	ids := map[string]int{}
	for _, id := range in.column(t, "OrderId") {
		ids[id]++
	}
	require.Len(t, ids, 50)
	require.Equal(t, 2, ids["o007"], "a line for each item")
	require.Equal(t, 1, ids["o044"])
	require.Contains(t, in.column(t, "Amount"), "21.00")
	require.Contains(t, in.column(t, "Name"), "'=HYPERLINK(1)")

	in.errors = []map[string]any{
		{"Line": 3, "OrderId": "o001", "Sku": "MUG", "Status": "Validation", "Reason": "NO_ITEM", "ActionTrackerId": 310},
		{"Line": 5, "OrderId": "o002", "Sku": "", "Status": "Validation", "Reason": "CONV_MALFORMED"},
		{"Line": 7, "OrderId": "o003", "Sku": "HAT", "Status": "Contract Error", "Reason": "CONTRACT_NOT_FOUND"},
		{"Line": 7, "OrderId": "o003", "Sku": "MUG", "Status": "Contract Error", "Reason": "CONTRACT_NOT_FOUND"},
		{"Line": 8, "OrderId": "o040", "Status": "Validation", "Reason": "CONV_DUPLICATE"},
	}
	r = w.pass()
	require.Equal(t, impactsync.ExitRefused, r.ExitCode, "%+v", r)
	require.EqualValues(t, 48, r.Counts["delivered"])
	require.EqualValues(t, 2, r.Counts["refused"])
	require.EqualValues(t, 46, r.Counts["verdict_counted"])
	require.EqualValues(t, 1, r.Counts["verdict_no_partner"])
	require.EqualValues(t, 1, r.Counts["verdict_duplicate"])
	require.Zero(t, r.Conversions.Open())
	db := w.open()
	defer db.Close()
	refused, err := db.ConversionFiles(t.Context(), "complete", 0)
	require.NoError(t, err)
	require.Len(t, refused.Rows, 2)
}

// TestErrorsThatBelongToNoOrder: what impact.com says is settled, and what it does not say
// is told. It may quote the customer.
func TestErrorsThatBelongToNoOrder(t *testing.T) {
	t.Parallel()
	w := setup(t, sandbox.Config{})
	in := w.files(impactsync.ByFile, nil)
	w.log("a.ndjson", sales(0, 3, true)...)
	w.pass()
	in.take(t)
	in.errors = []map[string]any{
		{"OrderId": "o001", "Sku": "MUG", "Status": "Validation", "Reason": "bad address jane.doe@shop.example"},
		{"OrderId": "", "Status": "Validation", "Reason": "MALFORMED"},
	}
	in.more = 3
	r := w.pass()
	require.EqualValues(t, 2, r.Counts["delivered"])
	require.EqualValues(t, 1, r.Counts["refused"])
	db := w.open()
	defer db.Close()
	files, err := db.ConversionFiles(t.Context(), "complete", 0)
	require.NoError(t, err)
	require.Len(t, files.Rows, 1)
	require.Contains(t, files.Rows[0], "by impact.com, its errors are 5, and it lists 2; impact.com's errors name orders that are not in the file: 1")
	reasons := strings.Join(w.refusedReasons(), " ")
	require.Contains(t, reasons, "bad address [address]")
}
