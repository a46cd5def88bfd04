package sandbox_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
)

const fileHeader = "CampaignId,ActionTrackerId,EventDate,OrderId,ClickId,CustomerId,CurrencyCode,Amount,Category,Sku,Quantity\n"

// drop puts a file where the sandbox looks, as one write.
func drop(t *testing.T, dir, name string, lines ...string) {
	t.Helper()
	temporary := filepath.Join(dir, "."+name+".part")
	require.NoError(t, os.WriteFile(temporary, []byte(strings.Join(lines, "")), 0o600))
	require.NoError(t, os.Rename(temporary, filepath.Join(dir, name)))
}

// faults returns what the sandbox found wrong with a file, a text per line.
func (s setting) faults(t *testing.T, file map[string]any) (faults []string) {
	t.Helper()
	_, path, _ := strings.Cut(file["ErrorsUri"].(string), sid+"/")
	status, answer := s.call(t, http.MethodGet, path, nil)
	require.Equal(t, 200, status)
	for _, one := range answer["ErrorDetail"].([]any) {
		faults = append(faults, pick(one.(map[string]any), "Line", "OrderId", "Sku", "Status", "Reason"))
	}
	return faults
}

func TestFiles(t *testing.T) {
	t.Parallel()

	t.Run("a file of items becomes actions, and what is wrong is listed", func(t *testing.T) {
		t.Parallel()
		c, dir := newClock(), t.TempDir()
		s := setup(t, sandbox.Config{Now: c.now, DropDir: dir, SettleAfter: time.Hour, Campaigns: []string{"1000"}})
		drop(t, dir, "conv-1.csv", fileHeader,
			"1000,7,2026-11-01T12:00:00Z,o-1,c,u,EUR,20.00,mugs,MUG,2\n",
			"1000,7,2026-11-01T12:00:00Z,o-1,c,u,EUR,5.50,hats,HAT,1\n",
			"1000,7,2026-11-01T12:00:00Z,o-2,c,u,EUR,1.00,mugs,MUG,1\n",
			"1000,7,2026-11-01T12:00:00Z,o-1,c,u,EUR,7.00,caps,CAP,1\n", // its order is above
			"1000,7,2026-08-01T12:00:00Z,o-3,c,u,EUR,1.00,mugs,MUG,1\n",
			"1000,7,2026-11-01T12:00:00Z,,c,u,EUR,1.00,mugs,MUG,1\n",
			"1000,7,2026-11-01T12:00:00Z,o-4,c,u,euro,1.00,mugs,MUG,1\n",
			"1000,7,2026-11-01T12:00:00Z,o-5,c,u,EUR,1.00,=1+1,MUG,1\n",
			"1001,7,2026-11-01T12:00:00Z,o-6,c,u,EUR,1.00,mugs,MUG,1\n",
		)
		for _, name := range []string{"receipt_1.csv", "result_1.csv", ".hidden", "conv-2.csv.part"} {
			drop(t, dir, name, fileHeader)
		}
		files, _ := s.list(t, "FTPFileSubmissions", "")
		require.Len(t, files, 1)
		require.Equal(t, "conv-1.csv Conversion Queued 2026-11-01T12:30:00Z ", pick(files[0], "FileName", "Type", "Status", "SubmissionDate", "CompletionDate"))
		require.NoError(t, os.Remove(filepath.Join(dir, "conv-1.csv")))
		c.forward(time.Hour)
		files, _ = s.list(t, "FTPFileSubmissions", "&SubmissionDateStart=2026-11-01T12:30:00Z&CompletedDateEnd=2026-11-01T13:30:00Z")
		require.Len(t, files, 1)
		require.Equal(t, "Complete 2026-11-01T13:30:00Z 9 6", pick(files[0], "Status", "CompletionDate", "TotalRecords", "TotalErrors"))
		require.Equal(t, []string{
			"5 o-1 CAP Validation CONV_DUPLICATE", "6 o-3 MUG Validation OUTSIDE_ASSOCIATION_WINDOW", "7  MUG Validation OID_MISSING",
			"8 o-4 MUG Validation MALFORMED", "9 o-5 MUG Validation MALFORMED", "10 o-6 MUG Validation CAMPAIGN_NOT_FOUND",
		}, s.faults(t, files[0]))
		actions, _ := s.list(t, "Actions", "")
		require.Equal(t, "o-2 1.00", pick(actions[0], "Oid", "Amount"))
		require.Equal(t, "o-1 25.50", pick(actions[1], "Oid", "Amount"))
		for _, query := range []string{"&SubmissionDateStart=2026-11-01T12:30:01Z", "&SubmissionDateEnd=2026-11-01T12:29:59Z", "&CompletedDateStart=2026-11-01T13:30:01Z"} {
			files, _ = s.list(t, "FTPFileSubmissions", query)
			require.Empty(t, files)
		}
		_, same := s.call(t, http.MethodGet, "FTPFileSubmissions/F-unknown", nil)
		require.Equal(t, "Not Found", same["title"])
		c.forward(91 * 24 * time.Hour)
		files, _ = s.list(t, "FTPFileSubmissions", "")
		require.Empty(t, files)
	})

	t.Run("orders without items, and an order that the API took", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		c := newClock()
		s := setup(t, sandbox.Config{Now: c.now, DropDir: dir})
		s.sell(t, "o-1", "ClickId", "c", "Amount", "10.00")
		drop(t, dir, "orders.csv", "campaignid,actiontrackerid,customerid,oid,eventdate,amount,currencycode,mediaid\r\n",
			"1000,7,u,o-1,2026-11-01T12:00:00Z,11.00,EUR,\r\n", "1000,7,u,o-2,2025-11-01T12:00:00Z,12.00,EUR,77\r\n", "1000,7,u,o-2,2026-11-01T12:00:00Z,12.00,EUR,77\r\n")
		files, _ := s.list(t, "FTPFileSubmissions", "")
		require.Equal(t, []string{"2 o-1  Validation CONV_DUPLICATE", "4 o-2  Validation CONV_DUPLICATE"}, s.faults(t, files[0]))
		actions, _ := s.list(t, "Actions", "")
		require.Equal(t, "o-2 12.00 77", pick(actions[0], "Oid", "Amount", "MediaPartnerId"))
		require.Equal(t, "o-1 10.00", pick(actions[1], "Oid", "Amount"))
	})

	t.Run("modifications and reversals", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		s, _ := sold(t, sandbox.Config{DropDir: dir})
		drop(t, dir, "mods.csv", "ActionID,Amount,Sku,Quantity,Reason\n", firstID+",,MUG,1,ORDER_UPDATE\n", "1.2.3,5,,,ORDER_UPDATE\n", firstID+",5,,,SOLD\n")
		files, _ := s.list(t, "FTPFileSubmissions", "")
		require.Equal(t, "Modification Complete 3 2", pick(files[0], "Type", "Status", "TotalRecords", "TotalErrors"))
		require.Equal(t, []string{"3   Validation ACTION_NOT_FOUND", "4   Validation MALFORMED"}, s.faults(t, files[0]))
		require.Equal(t, "27.00", pick(s.action(t), "Amount"))
		drop(t, dir, "reversals.csv", "Oid,ActionTrackerID,Amount,Reason\n", "o-1,7,0,ITEM_RETURNED\n")
		_, _ = s.list(t, "FTPFileSubmissions", "")
		require.Equal(t, "REVERSED", pick(s.action(t), "State"))
	})

	t.Run("a file is listed after a while, and read once unless it is replaced", func(t *testing.T) {
		t.Parallel()
		c, dir := newClock(), t.TempDir()
		s := setup(t, sandbox.Config{Now: c.now, DropDir: dir, PickUpAfter: time.Minute, NumbersAsText: true})
		const line = "1000,7,2026-11-01T12:00:00Z,o-1,c,u,EUR,20.00,mugs,MUG,2\n"
		drop(t, dir, "conv.csv", fileHeader, line)
		files, _ := s.list(t, "FTPFileSubmissions", "")
		require.Empty(t, files)
		c.forward(time.Minute)
		files, _ = s.list(t, "FTPFileSubmissions", "")
		require.Equal(t, "1 0", pick(files[0], "TotalRecords", "TotalErrors"))
		require.IsType(t, "", files[0]["TotalRecords"])
		drop(t, dir, "conv.csv", fileHeader, line, line)
		_, _ = s.list(t, "FTPFileSubmissions", "")
		c.forward(time.Minute)
		files, _ = s.list(t, "FTPFileSubmissions", "")
		require.Len(t, files, 2)
		require.Equal(t, "2 2", pick(files[0], "TotalRecords", "TotalErrors"))
	})

	t.Run("what is no CSV", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		s := setup(t, sandbox.Config{DropDir: dir, DropPattern: "*.txt"})
		drop(t, dir, "empty.txt", "")
		drop(t, dir, "quotes.txt", fileHeader, "1000,7,2026-11-01T12:00:00Z,\"o-1\"x,c,u,EUR,20.00,mugs,MUG,2\n")
		files, _ := s.list(t, "FTPFileSubmissions", "")
		require.Len(t, files, 2)
		require.Equal(t, []string{"2   Validation MALFORMED"}, s.faults(t, files[0]))
		require.Equal(t, []string{"1   Validation MALFORMED"}, s.faults(t, files[1]))
	})

	t.Run("the folder must be there", func(t *testing.T) {
		t.Parallel()
		_, err := sandbox.New(sandbox.Config{DropDir: "/no/such/folder", DropPattern: "[", PickUpAfter: -1})
		for _, want := range []string{"DropDir", "DropPattern", "PickUpAfter"} {
			require.ErrorContains(t, err, want)
		}
		dir := filepath.Join(t.TempDir(), "drop")
		require.NoError(t, os.Mkdir(dir, 0o700))
		s := setup(t, sandbox.Config{DropDir: dir})
		require.NoError(t, os.Remove(dir))
		status, _ := s.call(t, http.MethodGet, "FTPFileSubmissions", nil)
		require.Equal(t, 500, status)
	})
}

// TestManyOrders reads one file of many orders; SANDBOX_ORDERS sets their number.
func TestManyOrders(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("SANDBOX_ORDERS"))
	n = max(n, 10_000)
	dir := t.TempDir()
	s := setup(t, sandbox.Config{DropDir: dir})
	file, err := os.Create(filepath.Join(dir, "conv.part"))
	require.NoError(t, err)
	w := bufio.NewWriter(file)
	_, _ = w.WriteString(fileHeader)
	for i := range n {
		fmt.Fprintf(w, "1000,7,%s,o-%d,c,u,EUR,20.00,mugs,MUG,2\n", time.Now().UTC().Format(time.RFC3339), i)
	}
	require.NoError(t, w.Flush())
	require.NoError(t, file.Close())
	require.NoError(t, os.Rename(filepath.Join(dir, "conv.part"), filepath.Join(dir, "conv.csv")))
	began := time.Now()
	files, _ := s.list(t, "FTPFileSubmissions", "")
	require.Equal(t, fmt.Sprint(n, " 0"), pick(files[0], "TotalRecords", "TotalErrors"))
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	t.Logf("%d orders in %v, %d MB", n, time.Since(began).Round(time.Millisecond), m.HeapAlloc>>20)
}
