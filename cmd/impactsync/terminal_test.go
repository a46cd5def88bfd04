package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// onTerminal runs the program on a terminal of this width, and returns what it shows.
func (p *process) onTerminal(columns uint16, env []string, args ...string) string {
	p.t.Helper()
	c := p.command(args...)
	c.Env = append(os.Environ(), append([]string{"TERM=xterm-256color", "NO_COLOR="}, env...)...)
	tty, err := pty.StartWithSize(c, &pty.Winsize{Rows: 24, Cols: columns})
	require.NoError(p.t, err)
	defer tty.Close()
	shown, err := io.ReadAll(tty)
	if !errors.Is(err, syscall.EIO) { // how Linux says that the other end was closed
		require.NoError(p.t, err)
	}
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) {
		require.NoError(p.t, err)
	}
	return strings.ReplaceAll(string(shown), "\r\n", "\n")
}

var sequences = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

// shopOnce is a state of the sample shop after a run.
func shopOnce(t *testing.T) *process {
	t.Helper()
	p := newProcess(t, "")
	close(p.release)
	go func() {
		for {
			select {
			case <-p.asked:
			case <-t.Context().Done():
				return
			}
		}
	}()
	require.NoError(t, os.CopyFS(p.dir, os.DirFS("../../examples/shop/step1")))
	config, err := os.ReadFile("../../examples/shop/impactsync.yaml")
	require.NoError(t, err)
	p.write("impactsync.yaml", strings.ReplaceAll(string(config), "http://127.0.0.1:8090", p.url))
	var exit *exec.ExitError
	require.ErrorAs(t, p.command("run", "-q").Run(), &exit)
	require.Equal(t, 3, exit.ExitCode())
	return p
}

func TestEightyColumnsAreEnough(t *testing.T) {
	t.Parallel()
	p := shopOnce(t)
	for _, args := range [][]string{{"status"}, {"plan"}, {"doctor"}, {"rejected", "list"}, {"refused", "list"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			wide := p.onTerminal(1000, nil, args...)
			words := map[string]bool{"now": true, "second": true, "seconds": true, "minute": true, "minutes": true} // time goes on
			for _, word := range strings.Fields(sequences.ReplaceAllString(wide, "")) {
				words[word] = true
			}
			shown := p.onTerminal(80, nil, args...)
			require.Contains(t, shown, "\x1b[", "colours")
			for line := range strings.Lines(sequences.ReplaceAllString(shown, "")) {
				line = strings.TrimRight(line, "\n")
				require.True(t, len([]rune(line)) <= 80 || len(strings.Fields(line)) == 1, "%q", line)
				for _, word := range strings.Fields(line) {
					require.True(t, words[word] || strings.ContainsAny(word, "0123456789:"), "%q is no word of the wide output", word)
				}
			}
		})
	}
	require.NotContains(t, p.onTerminal(80, []string{"NO_COLOR=1"}, "status"), "\x1b[")
	require.NotContains(t, p.onTerminal(80, []string{"TERM=dumb"}, "status"), "\x1b[")
	require.Regexp(t, `(?m)^.*1.*\d+s ago`, p.onTerminal(80, []string{"NO_COLOR=1"}, "status"), "times are relative")
}

func TestStatusCanBeWatched(t *testing.T) {
	t.Parallel()
	p := shopOnce(t)
	c := p.command("status", "--watch", "--every", "100ms")
	c.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1")
	tty, err := pty.StartWithSize(c, &pty.Winsize{Rows: 10, Cols: 80})
	require.NoError(t, err)
	defer tty.Close()
	shown := make(chan string)
	go func() {
		all, _ := io.ReadAll(tty) // EIO at the end
		shown <- string(all)
	}()
	time.Sleep(2 * time.Second)
	require.NoError(t, c.Process.Signal(os.Interrupt))
	require.NoError(t, c.Wait(), "Ctrl-C is how it ends")
	frames := strings.Split(<-shown, "\x1b[H")
	require.Greater(t, len(frames), 2)
	require.True(t, strings.HasSuffix(frames[len(frames)-1], "\x1b[?25h\x1b[?1049l"), "the terminal is as it was")
	for _, frame := range frames[1:] {
		require.Equal(t, 9, strings.Count(frame, "\n"), "it fits: %q", frame)
		require.Contains(t, frame, "more lines")
	}
}
