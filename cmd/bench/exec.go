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
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/impactsync/impactsync/cmd/bench/shopdata"
)

// timed runs a command and accepts the exit codes given besides 0.
func (b *bench) timed(accept []int, name string, args ...string) (spent, error) {
	cmd := exec.CommandContext(context.Background(), name, args...) //nolint:gosec // our own commands
	cmd.Dir, cmd.Env = b.dir, append(os.Environ(), b.env...)
	var out, text strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &text
	start := time.Now()
	err := cmd.Run()
	s := spentBy(cmd.ProcessState, start)
	s.out = out.String()
	if err == nil || cmd.ProcessState != nil && slices.Contains(accept, cmd.ProcessState.ExitCode()) {
		return s, nil
	}
	return s, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, tail(text.String()))
}

// spentBy is what a command took that has ended. What it wrote is the kernel's
// count of the pages that it made dirty, in 512 bytes: of the state, its
// write-ahead log, and spilled lists; of a tmpfs, none.
func spentBy(p *os.ProcessState, start time.Time) spent {
	s := spent{wall: time.Since(start)}
	if p == nil {
		return s
	}
	if u, ok := p.SysUsage().(*syscall.Rusage); ok {
		s.cpu = p.UserTime() + p.SystemTime()
		s.memory, s.written = u.Maxrss<<10, u.Oublock<<9
	}
	return s
}

func tail(s string) string {
	const most = 500
	return s[max(0, len(s)-most):]
}

// shell is timed for a pipe line.
func (b *bench) shell(line string) (spent, error) {
	return b.timed(nil, "bash", "-c", "set -e -o pipefail; "+line)
}

// peer returns a timed shell line, or nil if a program of it is missing.
func (b *bench) peer(line string, programs ...string) func() (spent, error) {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			fmt.Printf("  left out: %s is not installed\n", p)
			return nil
		}
	}
	return func() (spent, error) { return b.shell(line) }
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// What becomes of the messages of a log.
const (
	mapAll  = `enablePageEvents: true, enableScreenEvents: true, enableIdentifyEvents: true`
	mapSome = `iOsAppId: "12001", androidAppId: "12002"` // orders, installs and opened apps: an eighth of the sample's
	mapNone = `actionEventNames: {only: []}, installEventNames: {only: []}, pageLoadEventNames: {only: []}`
)

// config writes a configuration; sources is YAML.
func (b *bench) config(url, mapped, sources string) error {
	text := fmt.Sprintf(`destination: {accountSid: IRbench, apiKey: token, campaignId: "23224", pageUrl: "https://shop.example/", trackingURL: %q, apiURL: %q,
  %s}
sources:
%s
state: {path: ./state.db}
maxEventAge: 87600h
delivery: {workers: 64, pageLoadsPerSecond: 0, conversionsPerHour: 0}
`, url, url, mapped, sources)
	return os.WriteFile(b.path("impactsync.yaml"), []byte(text), 0o600)
}

// remove removes files of the scratch folder that may be there.
func (b *bench) remove(names ...string) error {
	for _, name := range names {
		if err := os.RemoveAll(b.path(name)); err != nil {
			return err
		}
	}
	return nil
}

// fresh makes the next run start with no state.
func (b *bench) fresh() error {
	return b.remove("state.db", "state.db-wal", "state.db-shm")
}

// copyFile leaves nothing for the disk to do while the next command is timed.
func (b *bench) copyFile(from, to string) (err error) {
	in, err := os.Open(b.path(from))
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(b.path(to), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
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
	to := filepath.Join("lists", as)
	if err := b.remove(to); err != nil {
		return err
	}
	if err := os.Link(b.path(name), b.path(to)); err != nil {
		return err
	}
	return os.Chtimes(b.path(to), time.Time{}, time.Now())
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
