package source_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"

	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/events"
)

var historyKeys = flag.Int("history.keys", 500, "how many objects TestLongHistory lists")

// slow is a proxy in front of a server of s3://, which counts requests and takes some
// time for each.
type slow struct {
	server   *httptest.Server
	requests atomic.Int64
	latency  atomic.Int64 // nanoseconds
}

func newSlow(t *testing.T, query string) (s *slow, through string) {
	t.Helper()
	parameters, err := url.ParseQuery(query)
	require.NoError(t, err)
	target, err := url.Parse(parameters.Get("endpoint"))
	require.NoError(t, err)
	s = &slow{}
	// The host stays: it is signed.
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		time.Sleep(time.Duration(s.latency.Load()))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.server.Close)
	parameters.Set("endpoint", s.server.URL)
	return s, parameters.Encode()
}

// TestLongHistory lists years of logs, and only the last days of them. For many objects:
//
//	go test ./sync/source -run TestLongHistory -v -timeout 1h -history.keys 100000
func TestLongHistory(t *testing.T) {
	const perDay = 100
	newest := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	for _, s := range servers {
		t.Run(s.scheme, func(t *testing.T) {
			query, _ := s.start(t)
			var counted *slow
			if s.scheme == "s3" {
				counted, query = newSlow(t, query)
			}
			p := s.folder(t, "logs", query)
			put(t, p, *historyKeys, func(i int) string {
				return fmt.Sprintf("segment-logs/abc/%d/%05d.gz", newest.AddDate(0, 0, -i/perDay).UnixMilli(), i)
			})
			src, err := events.New(t.Context(), events.Config{Name: "web", URL: p.url})
			require.NoError(t, err)
			defer src.Close()
			list := func(since time.Time) (names []string) {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				began, requests, n := time.Now(), int64(0), 0
				if counted != nil {
					requests = -counted.requests.Load()
				}
				for in, err := range src.Since(t.Context(), since, nil) {
					require.NoError(t, err)
					if n++; !since.IsZero() {
						names = append(names, in.Objects[0].Name)
					}
				}
				took := time.Since(began)
				runtime.GC()
				runtime.ReadMemStats(&after)
				if counted != nil {
					requests += counted.requests.Load()
				}
				t.Logf("%s: %d of %d objects listed in %s, %d requests, heap +%d KiB", s.scheme, n, *historyKeys, took.Round(time.Millisecond), requests, (int64(after.HeapAlloc)-int64(before.HeapAlloc))>>10)
				if since.IsZero() {
					require.Equal(t, *historyKeys, n)
				}
				return names
			}
			list(time.Time{})
			names := list(newest.AddDate(0, 0, -2))
			require.Len(t, names, 4*perDay, "the day that ends then is listed, too")
			for _, name := range names {
				day, ok := source.DayOf(name)
				require.True(t, ok)
				require.False(t, day.Before(newest.AddDate(0, 0, -3)))
			}
		})
	}
}

// put puts many small objects at a time.
func put(t *testing.T, p place, n int, name func(i int) string) {
	t.Helper()
	var putting sync.WaitGroup
	var next atomic.Int64
	for range 16 {
		putting.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := p.b.WriteAll(t.Context(), name(i), []byte(zip(t, fmt.Sprintf(`{"type":"page","userId":"u%d","messageId":"m%[1]d"}`+"\n", i))), &blob.WriterOptions{BufferSize: 5 << 20}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	putting.Wait()
}

func TestDayOf(t *testing.T) {
	t.Parallel()
	day, ok := source.DayOf("segment-logs/abc/1566086400000/x.gz")
	require.True(t, ok)
	require.Equal(t, time.Date(2019, 8, 18, 0, 0, 0, 0, time.UTC), day)
	for _, name := range []string{"1566086400000", "abc/x.gz", "abc/1566086400001/x.gz", "abc/15660864000000/x.gz", "abc/-566086400000/x.gz", "1566086400000/abc/x.gz"} {
		_, ok := source.DayOf(name)
		require.False(t, ok, name)
	}
}
