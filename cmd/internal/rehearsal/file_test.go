package rehearsal

import (
	"bufio"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/sync/transport/sshdtest"
)

var inFile = flag.Int("rehearsal.file", 5_000, "how many orders go in one file")

// TestOneFile sends orders in one file to a real SFTP server. The same orders go from a
// copy of the state to a folder: both files have the same bytes, and every order once.
func TestOneFile(t *testing.T) {
	host := sshdtest.Start(t)
	s := newStage(t, *seed, sandbox.Config{}, byFile, "")
	s.rewrite("orders: 500", fmt.Sprint("orders: ", *inFile))
	began := time.Now()
	prices := s.sellMany(*inFile)
	_, output := s.run(0, "run", "--deadline", "1ns") // reads, and sends nothing
	require.Equal(t, *inFile, s.number(`SELECT count(*) FROM deliveries WHERE status = 1`), output)
	t.Logf("%d orders written and read in %v, peak %d MB", *inFile, time.Since(began).Round(time.Millisecond), s.peak>>10)
	require.NoFileExists(t, filepath.Join(s.dir, "state.db-wal"))
	copyFile(t, filepath.Join(s.dir, "state.db"), filepath.Join(s.dir, "before.db"))

	folder := filepath.Join(s.dir, "folder")
	s.rewrite("file://./drop/", "file://"+folder)
	here := s.sendOne("to a folder", folder)
	require.NoFileExists(t, filepath.Join(s.dir, "state.db-wal"))
	require.NoError(t, os.Rename(filepath.Join(s.dir, "before.db"), filepath.Join(s.dir, "state.db")))
	s.rewrite(`url: "file://`+folder+`"`, fmt.Sprintf("url: %q, privateKeyFile: %q, hostKeys: [%q]", host.URL(host.Folder), host.KeyFile, host.HostKey))
	there := s.sendOne("by SFTP", host.Folder)

	size, hash := hashOf(t, there)
	otherSize, otherHash := hashOf(t, here)
	t.Logf("the server has %d bytes, SHA-256 %s", size, hash)
	require.Equal(t, otherSize, size)
	require.Equal(t, otherHash, hash, "the server's copy")
	require.Equal(t, size, int64(s.number(`SELECT bytes FROM conversion_files`)))
	compare(t, there, prices)
}

// rewrite replaces a text of the configuration.
func (s *stage) rewrite(from, to string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "impactsync.yaml")
	text, err := os.ReadFile(path)
	require.NoError(s.t, err)
	require.Equal(s.t, 1, strings.Count(string(text), from))
	require.NoError(s.t, os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600))
}

// sellMany writes the messages of orders with two items, and returns the price of each
// order's first, in cents.
func (s *stage) sellMany(n int) (prices []int) {
	s.t.Helper()
	rng, at := rand.New(rand.NewPCG(*seed, 18)), time.Now().Add(-time.Hour)
	const atOnce = 100_000
	for len(prices) < n {
		var lines []byte
		for range min(atOnce, n-len(prices)) {
			p := 100 + rng.IntN(20_000)
			o := order{id: fmt.Sprintf("SHOP-%07d", len(prices)), at: at, currency: "EUR", lines: []line{{"SKU-0", 1, p}, {"SKU-1", 2, 250}}}
			lines, prices = append(lines, o.sale()...), append(prices, p)
		}
		s.write(fmt.Sprintf("sales-%07d.json", len(prices)), lines)
	}
	return prices
}

// sendOne has a run send all orders, and returns the path of the file that it made.
func (s *stage) sendOne(how, folder string) (path string) {
	s.t.Helper()
	s.peak, s.cpu = 0, 0
	began := time.Now()
	code, output := s.run(0, "run")
	s.t.Logf("claimed and sent %s in %v, %v of CPU, with the program's start and end; peak %d MB", how, time.Since(began).Round(time.Millisecond), s.cpu.Round(time.Millisecond), s.peak>>10)
	require.Equal(s.t, 4, code, output) // the file is not completed
	s.t.Logf("from the claim to the file's name: %d ms", s.number(`SELECT (sent_at - claimed_at) / 1000000 FROM files`))
	all, err := filepath.Glob(filepath.Join(folder, "*"))
	require.NoError(s.t, err)
	require.Len(s.t, all, 1)
	return all[0]
}

// compare reads a file of orders.
func compare(t *testing.T, path string, prices []int) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	r := csv.NewReader(bufio.NewReader(f))
	r.ReuseRecord = true
	header, err := r.Read()
	require.NoError(t, err)
	column := map[string]int{}
	for i, name := range header {
		column[name] = i
	}
	seen, lines := make([]int, len(prices)), 0
	for ; ; lines++ {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		var n int
		_, err = fmt.Sscanf(row[column["OrderId"]], "SHOP-%d", &n)
		require.NoError(t, err)
		seen[n]++
		sku, amount := row[column["Sku"]], row[column["Amount"]]
		if sku == "SKU-0" && amount == string(price(prices[n], "EUR")) || sku == "SKU-1" && amount == "5.00" && seen[n] == 2 {
			continue
		}
		t.Fatalf("order %d has a line %q %q", n, sku, amount)
	}
	require.Equal(t, 2*len(prices), lines)
	for n, lines := range seen {
		if lines != 2 {
			t.Fatalf("order %d has %d lines", n, lines)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	require.NoError(t, err)
	defer in.Close()
	out, err := os.Create(to)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
}

// hashOf returns the size of a file and its SHA-256.
func hashOf(t *testing.T, path string) (size int64, hash string) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	require.NoError(t, err)
	return size, fmt.Sprintf("%x", h.Sum(nil))
}
