package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/shopdata"
)

// timed runs a command and accepts the exit codes given besides 0.
func (b *bench) timed(accept []int, name string, args ...string) (spent, error) {
	cmd := exec.CommandContext(context.Background(), name, args...) //nolint:gosec // our own commands
	cmd.Dir = b.dir
	var text strings.Builder
	cmd.Stdout, cmd.Stderr = io.Discard, &text
	start := time.Now()
	err := cmd.Run()
	s := spent{wall: time.Since(start)}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		s.memory = u.Maxrss << 10
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		for _, code := range accept {
			if exit.ExitCode() == code {
				return s, nil
			}
		}
		return s, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, tail(text.String()))
	}
	return s, err
}

func tail(s string) string {
	const most = 500
	return s[max(0, len(s)-most):]
}

// shell is timed for a pipe line.
func (b *bench) shell(line string) (spent, error) {
	return b.timed(nil, "bash", "-c", "set -e -o pipefail; "+line)
}

// peer gives a timed shell line, or nil if a program of it is missing.
func (b *bench) peer(line string, programs ...string) func() (spent, error) {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			fmt.Printf("  peer   left out: %s is not installed\n", p)
			return nil
		}
	}
	return func() (spent, error) { return b.shell(line) }
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// config writes a configuration; sources is YAML.
func (b *bench) config(url, sources, delivery string) error {
	text := fmt.Sprintf(`destination: {accountSid: IRbench, apiKey: token, campaignId: "23224", pageUrl: "https://shop.example/", trackingURL: %q, apiURL: %q,
  enablePageEvents: true, enableScreenEvents: true, enableIdentifyEvents: true}
sources:
%s
state: {path: ./state.db}
maxEventAge: 87600h
delivery: {workers: 64, pageLoadsPerSecond: 0, conversionsPerHour: 0%s}
`, url, url, sources, delivery)
	return os.WriteFile(b.path("impactsync.yaml"), []byte(text), 0o600)
}

func (b *bench) fresh() error {
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		if err := os.Remove(b.path("state.db" + suffix)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// list makes a list of members once.
func (b *bench) list(name string, members int, changed float64) error {
	if _, err := os.Stat(b.path(name)); err == nil {
		return nil
	}
	f, err := os.Create(b.path(name))
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = shopdata.List{Seed: 1, Members: members, Changed: changed}.Write(w)
	return errors.Join(err, w.Flush(), f.Close())
}

// show puts a list where the program finds it, newer than the one before.
func (b *bench) show(name, as string) error {
	if err := os.MkdirAll(b.path("lists"), 0o750); err != nil {
		return err
	}
	for _, old := range []string{"vip.csv", "vip.csv.gz"} {
		if err := os.Remove(b.path(filepath.Join("lists", old))); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	to := b.path(filepath.Join("lists", as))
	if err := os.Link(b.path(name), to); err != nil {
		return err
	}
	return os.Chtimes(to, time.Time{}, time.Now())
}

// sandbox starts a server and gives its address and how to stop it.
func (b *bench) sandbox(args ...string) (url string, stop func() error, err error) {
	cmd := exec.CommandContext(context.Background(), b.bin, append([]string{"sandbox", "--listen", "127.0.0.1:0"}, args...)...) //nolint:gosec // the program that is measured
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return url, func() error { return errors.Join(cmd.Process.Signal(os.Interrupt), cmd.Wait()) }, err
}
