package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	receiveRate  = flag.Int("receive.rate", 1000, "bodies a second that TestReceiverKilled posts")
	receiveFor   = flag.Duration("receive.for", 3*time.Second, "how long it posts them")
	receiveKills = flag.Int("receive.kills", 8, "how often it kills the receiver meanwhile")
)

// receiving is a receiver in a process of its own, which may be killed and started again.
type receiving struct {
	*process
	address string
	log     *watched
	running *exec.Cmd
	used    struct {
		cpu  time.Duration
		most int64 // resident memory in KiB
	}
}

func newReceiving(t *testing.T, config string) *receiving {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &receiving{address: free.Addr().String()}
	require.NoError(t, free.Close())
	r.process = newProcess(t, "receive: {listen: \""+r.address+"\", secretFile: secret, "+config+"}\n")
	r.write("secret", "s3cret\n")
	yaml, err := os.ReadFile(filepath.Join(r.dir, "impactsync.yaml"))
	require.NoError(t, err)
	r.write("impactsync.yaml", strings.Replace(string(yaml), "{name: exports, kind: audiences, url: file://./lists/}",
		"{name: hooks, kind: events, url: file://./spool/, traits: {include: [vip]}, honourIntegrations: false}", 1))
	return r
}

func (r *receiving) start() {
	r.t.Helper()
	r.running = r.command("receive", "--metrics-listen", "127.0.0.1:0")
	out, err := r.running.StderrPipe()
	require.NoError(r.t, err)
	require.NoError(r.t, r.running.Start())
	r.log = watch(out)
	r.log.wait(r.t, "receiving")
}

// end signals the receiver and waits for its end.
func (r *receiving) end(s os.Signal) error {
	r.t.Helper()
	require.NoError(r.t, r.running.Process.Signal(s))
	err := r.running.Wait()
	if usage, ok := r.running.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.used.most = max(r.used.most, usage.Maxrss)
	}
	r.used.cpu += r.running.ProcessState.UserTime() + r.running.ProcessState.SystemTime()
	return err
}

// post posts a body as Segment does, and returns the status.
func (r *receiving) post(client *http.Client, body string) (int, error) {
	mac := hmac.New(sha1.New, []byte("s3cret"))
	mac.Write([]byte(body))
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.address+"/segment", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-Signature", hex.EncodeToString(mac.Sum(nil)))
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, errors.Join(err, res.Body.Close())
}

// spooled returns how often each messageId is in the files that are complete.
func (r *receiving) spooled() map[string]int {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.dir, "spool", "2*"))
	require.NoError(r.t, err)
	all := map[string]int{}
	for _, name := range files {
		require.True(r.t, strings.HasSuffix(name, ".ndjson.gz"), name)
		f, err := os.Open(name)
		require.NoError(r.t, err)
		z, err := gzip.NewReader(f)
		require.NoError(r.t, err)
		lines := bufio.NewScanner(z)
		for lines.Scan() {
			var m struct{ MessageID string }
			require.NoError(r.t, json.Unmarshal(lines.Bytes(), &m))
			all[m.MessageID]++
		}
		require.NoError(r.t, lines.Err())
		require.NoError(r.t, f.Close())
	}
	return all
}

// eventBody is a message of some size, as browsers send it.
func eventBody(id string) string {
	return `{"type":"track","event":"Product Viewed","messageId":"` + id + `","anonymousId":"a-` + id + `","userId":"u-` + id + `","channel":"client",` +
		`"context":{"ip":"198.51.100.7","locale":"en-US","userAgent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36",` +
		`"library":{"name":"analytics.js","version":"next-1.64.0"},"page":{"path":"/shoes/42","referrer":"https://www.example.com/","search":"?im_ref=` + id + `","title":"Shoes","url":"https://shop.example/shoes/42?im_ref=` + id + `"}},` +
		`"integrations":{},"properties":{"product_id":"p-42","sku":"42-9","name":"Running shoe","price":99.95,"currency":"USD","category":"Shoes","quantity":1},` +
		`"originalTimestamp":"2026-11-28T06:00:00.000Z","sentAt":"2026-11-28T06:00:00.200Z","receivedAt":"2026-11-28T06:00:00.300Z","timestamp":"2026-11-28T06:00:00.100Z","version":2}`
}

// TestReceiverKilled posts bodies at a steady rate, and repeats those that are not
// acknowledged, while the receiver is killed at random: each body that was acknowledged
// is in the spool.
//
//	go test ./cmd/impactsync -run TestReceiverKilled -v -receive.rate 5000 -receive.for 1m -receive.kills 10
func TestReceiverKilled(t *testing.T) {
	t.Parallel()
	r := newReceiving(t, "rotateEvery: 1s")
	r.start()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	bodies := *receiveRate * int(receiveFor.Seconds())
	queue := make(chan int, bodies)
	var posting sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	tries := 0
	for range 64 {
		posting.Go(func() {
			for i := range queue {
				began, n := time.Now(), 1
				for code, err := r.post(client, eventBody(fmt.Sprint("m", i))); err != nil || code != http.StatusOK; n++ {
					time.Sleep(20 * time.Millisecond)
					began = time.Now()
					code, err = r.post(client, eventBody(fmt.Sprint("m", i)))
				}
				mu.Lock()
				took, tries = append(took, time.Since(began)), tries+n
				mu.Unlock()
			}
		})
	}
	began := time.Now()
	go func() {
		for i := range bodies {
			if ahead := time.Duration(i)*time.Second/time.Duration(*receiveRate) - time.Since(began); ahead > time.Millisecond {
				time.Sleep(ahead)
			}
			queue <- i
		}
		close(queue)
	}()
	for range *receiveKills {
		time.Sleep(time.Duration(float64(*receiveFor) / float64(*receiveKills) * (0.3 + 1.2*rand.Float64())))
		require.Error(t, r.end(os.Kill))
		r.start()
	}
	posting.Wait()
	all := time.Since(began)
	listening := r.log.wait(t, "listening")["url"].(string)
	metrics := get(t, listening+"/metrics")
	require.NoError(t, r.end(syscall.SIGTERM))

	stored := r.spooled()
	twice := 0
	for i := range bodies {
		n := stored[fmt.Sprint("m", i)]
		require.Positive(t, n, "message %d was acknowledged", i)
		twice += n - 1
	}
	require.Len(t, stored, bodies)
	slices.Sort(took)
	t.Logf("%d bodies of %d bytes in %s (%.0f a second), %d requests, %d in the spool twice; p50 %s, p99 %s, most %s; CPU %s, at most %d MiB",
		bodies, len(eventBody("m100000")), all.Round(time.Millisecond), float64(bodies)/all.Seconds(), tries, twice,
		took[len(took)/2], took[len(took)*99/100], took[len(took)-1], r.used.cpu.Round(time.Millisecond), r.used.most>>10)
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "impactsync_spool_sync_duration_seconds_") && !strings.Contains(line, "_bucket") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

func TestReceivedMessagesAreSentAndSwept(t *testing.T) {
	t.Parallel()
	r := newReceiving(t, "rotateEvery: 1s, keep: 1s")
	close(r.release)
	r.start()
	joins := func(user string) {
		body := `{"type":"identify","messageId":"` + user + `","userId":"` + user + `","traits":{"vip":true},"integrations":{"All":false,"Webhooks":true},` +
			`"context":{"personas":{"computation_class":"audience","computation_key":"vip"}},"timestamp":"2026-11-28T06:00:00Z"}`
		code, err := r.post(http.DefaultClient, body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, code)
	}
	files := func() int {
		names, err := filepath.Glob(filepath.Join(r.dir, "spool", "*.gz"))
		require.NoError(t, err)
		return len(names)
	}
	joins("u1")
	require.Eventually(t, func() bool { return files() == 1 }, 20*time.Second, 20*time.Millisecond)
	run := func() string {
		out, err := r.command("run", "--json").Output()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	require.Contains(t, run(), `"delivered": 1`)
	joins("u2")
	require.Eventually(t, func() bool { return files() == 2 }, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, 10, exitCode(r.command("receive", "--metrics-listen", "127.0.0.1:0")), "whose folder it is comes before whose address")
	require.NoError(t, r.end(syscall.SIGTERM))
	require.Contains(t, run(), `"delivered": 1`)
	require.Equal(t, 1, files(), "the older one was read long enough ago")
	time.Sleep(1100 * time.Millisecond)
	require.NotContains(t, run(), `"delivered": 1`)
	require.Equal(t, 1, files(), "the newest stays")
}

func exitCode(c *exec.Cmd) int {
	_ = c.Run()
	return c.ProcessState.ExitCode()
}

// TestDaemonReceives: one process takes webhooks and sends what they say.
func TestDaemonReceives(t *testing.T) {
	t.Parallel()
	r := newReceiving(t, "rotateEvery: 1s")
	yaml, err := os.ReadFile(filepath.Join(r.dir, "impactsync.yaml"))
	require.NoError(t, err)
	r.write("impactsync.yaml", string(yaml)+"schedule: \"@every 1s\"\n")
	close(r.release)
	c := r.command("daemon", "--listen", "127.0.0.1:0")
	out, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	log := watch(out)
	log.wait(t, "receiving")
	url := log.wait(t, "listening")["url"].(string)
	code, err := r.post(http.DefaultClient, `{"type":"identify","messageId":"m1","userId":"u1","traits":{"vip":true},"context":{"personas":{"computation_class":"audience","computation_key":"vip"}},"timestamp":"2026-11-28T06:00:00Z"}`)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, code)
	for log.wait(t, "run ended")["delivered"] != 1.0 {
		continue
	}
	require.Contains(t, get(t, url+"/metrics"), `impactsync_received_requests_total{result="received"} 1`)
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	require.NoError(t, c.Wait())
}
