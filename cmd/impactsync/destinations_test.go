package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/stretchr/testify/require"
)

var listening = regexp.MustCompile(`"url":"(http://[^"]+)"`)

// TestDaemonOfSeveralDestinations asks a daemon for the metrics of each.
func TestDaemonOfSeveralDestinations(t *testing.T) {
	t.Parallel()
	p, k := newShops(t)
	p.write("impactsync.yaml", read(t, p.dir+"/impactsync.yaml")+"schedule: \"@every 1s\"\n")
	c := p.command("daemon", "--listen", "127.0.0.1:0")
	log, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	lines := bufio.NewScanner(log)
	require.True(t, lines.Scan())
	url := listening.FindStringSubmatch(lines.Text())
	require.NotNil(t, url, lines.Text())
	go func() { _, _ = io.Copy(io.Discard, log) }()

	get := func(path string) string {
		answer, err := http.Get(url[1] + path)
		require.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return string(body)
	}
	require.Eventually(t, func() bool {
		text := get("/metrics")
		for _, name := range []string{"us", "eu", "outlet"} {
			if !strings.Contains(text, `impactsync_runs_total{destination="`+name+`",exit_code="0"}`) {
				return false
			}
		}
		return strings.Contains(text, "go_goroutines")
	}, time.Minute, 200*time.Millisecond)
	require.Equal(t, "ok\n", get("/healthz"))
	require.NoError(t, c.Process.Signal(os.Interrupt))
	require.NoError(t, c.Wait())
	_, again := k.total()
	require.Zero(t, again)
}

// TestStatusOfSeveralIsWatched wants them all again and again.
func TestStatusOfSeveralIsWatched(t *testing.T) {
	t.Parallel()
	p, _ := newShops(t)
	require.NoError(t, p.command("run").Run())
	c := p.command("status", "--watch", "--every", "100ms")
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	seen := map[string]int{}
	for lines := bufio.NewScanner(out); seen["outlet:"] < 2 && lines.Scan(); {
		seen[lines.Text()]++
	}
	require.NoError(t, c.Process.Signal(os.Interrupt))
	_, _ = io.Copy(io.Discard, out)
	require.NoError(t, c.Wait())
	require.GreaterOrEqual(t, seen["us:"], 2)
}

func TestTurnsOfAnAccount(t *testing.T) {
	t.Parallel()
	at := func(name string, beside ...string) *turn {
		return &turn{name: name, config: &config.Config{State: config.State{Path: name}, Neighbours: beside}}
	}
	groups := accounts(t.Context(), []*turn{at("us", "eu"), at("outlet"), at("eu", "us")})
	var got []string
	for _, g := range groups {
		var names []string
		for _, one := range g {
			names = append(names, one.name)
		}
		got = append(got, strings.Join(names, " "))
	}
	require.Equal(t, []string{"us eu", "outlet"}, got)

	half := &turn{began: time.Now(), left: 2}
	require.InDelta(t, time.Minute, half.slice(2*time.Minute), float64(time.Second))
	late := &turn{began: time.Now().Add(-time.Hour), left: 1}
	require.Equal(t, time.Second, late.slice(time.Minute), "it still looks at what is due")
	require.Equal(t, time.Minute, (*turn)(nil).slice(time.Minute))
}

func TestNameOfAPageBesides(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]string{
		"status.html":         "status-us.html",
		"/var/www/a.b/status": "/var/www/a.b/status-us",
		"s3://bucket/status.html?region=eu-west-1": "s3://bucket/status-us.html?region=eu-west-1",
	} {
		require.Equal(t, want, besides(to, "us"))
	}
}

func TestErrorsNameTheDestination(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	a := &app{stderr: &stderr, config: defaultConfig}
	own := a.of(&turn{name: "eu"})
	require.Equal(t, 64, own.fail(usage("run again", "one thing\nanother")))
	require.Equal(t, "impactsync: eu: one thing\nimpactsync: eu: another\nimpactsync: hint: eu: run again\n", stderr.String())
}
