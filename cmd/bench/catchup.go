package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

const catchupHead = "| catch-up | messages | first call | all delivered | kills | calls | of messages | repeated | lost | peak |\n|---|---|---|---|---|---|---|---|---|---|\n"

// catchup is a small pod after a long outage: a list with some other members,
// and logs of days, of which an eighth is mapped. It is killed again and again.
// What had to arrive is what arrives when the same work is left alone.
//
// Nothing is sent before everything is read, so the first call tells when that was.
func (b *bench) catchup() ([]line, error) {
	_, messages, err := b.shopOf(messagesIn(b.sizes[len(b.sizes)-1]))
	if err = errors.Join(err, b.settled(), b.show("b.csv", "vip.csv")); err != nil {
		return nil, err
	}
	alone, err := b.catchUp(pod{name: "all memory, left alone"}, 0)
	if err != nil {
		return nil, err
	}
	hard, err := b.catchUp(b.pod(), b.kill)
	if err != nil {
		return nil, err
	}
	b.notes.WriteString("\n" + catchupHead)
	for _, c := range []caughtUp{alone, hard} {
		fmt.Fprintf(b.notes, "| %s | %s |\n", humanize.Comma(int64(messages)), strings.Join(c.cells(alone), " | "))
	}
	if lost := hard.lost(alone); lost > 0 {
		return nil, fmt.Errorf("%d of %d calls were lost", lost, len(alone.calls))
	}
	if found := alone.changes; found < b.differing() { // the sample's log deletes somebody, whom the list brings back
		return nil, fmt.Errorf("%d changes of the list arrived instead of %d", found, b.differing())
	}
	return b.catchupLines(alone, hard)
}

func (b *bench) catchupLines(alone, hard caughtUp) ([]line, error) {
	work := fmt.Sprintf("catch-up, %s, kill -9 every %s", hard.name, b.kill)
	already := func(s spent) func() (spent, error) { return func() (spent, error) { return s, nil } }
	lines := []line{
		{peer: alone.name, run: already(alone.spent), must: []limit{peakAtMost(128)}},
		{peer: "DuckDB, `memory_limit=" + podMemory + "`: the list's difference alone", run: b.duckdb(podMemory)},
		{peer: "Benthos in the same memory: the calls for messages alone, without an account of them", run: b.benthos(len(alone.calls) - alone.changes)},
	}
	for i := range lines {
		lines[i].work, lines[i].unit = work+": to all delivered", seconds
	}
	once := *b
	once.rounds = 1
	lines, err := once.compare(func() error { return nil }, already(hard.spent), lines...)
	return append([]line{{work: work + ": to the first call", peer: alone.name, unit: seconds, ours: []spent{{wall: hard.first}}, theirs: []spent{{wall: alone.first}}}}, lines...), err
}

// caughtUp is a catch-up to its end.
type caughtUp struct {
	spent
	name    string
	start   time.Time
	first   time.Duration // to the first call
	kills   int
	calls   map[uint64]int // what arrived, and how often
	changes int            // of the list
}

func (c caughtUp) lost(of caughtUp) (n int) {
	for call := range of.calls {
		if c.calls[call] == 0 {
			n++
		}
	}
	return n
}

func (c caughtUp) cells(alone caughtUp) []string {
	total := 0
	for _, n := range c.calls {
		total += n
	}
	cells := []string{c.name, seconds.write(c.first.Seconds()) + " s", seconds.write(c.wall.Seconds()) + " s"}
	for _, n := range []int{c.kills, total, len(c.calls) - c.changes, total - len(c.calls), c.lost(alone)} {
		cells = append(cells, humanize.Comma(int64(n)))
	}
	return append(cells, megabytes.write(float64(c.memory)/1e6)+" MB")
}

// catchUp runs until everything is delivered, from the settled state on.
func (b *bench) catchUp(p pod, kill time.Duration) (c caughtUp, err error) {
	c.name = p.name
	if err := errors.Join(b.settled(), b.remove("calls.ndjson")); err != nil {
		return c, err
	}
	url, stop, err := b.sandbox("--log", b.path("calls.ndjson"))
	if err != nil {
		return c, err
	}
	if err = b.config(url, mapSome, lists+"\n"+plainLogs); err == nil {
		err = b.untilDone(p, kill, &c)
	}
	if err = errors.Join(err, stop()); err != nil {
		return c, err
	}
	return c, b.readCalls(&c)
}

// untilDone starts the program anew as often as it is killed.
func (b *bench) untilDone(p pod, kill time.Duration, c *caughtUp) error {
	c.start = time.Now()
	for {
		after := 24 * time.Hour
		if kill > 0 {
			after = kill/2 + rand.N(kill)
		}
		s, killed, err := b.attempt(p, after)
		c.cpu, c.memory, c.written = c.cpu+s.cpu, max(c.memory, s.memory), c.written+s.written
		if err != nil || !killed {
			c.wall = time.Since(c.start)
			return err
		}
		c.kills++
	}
}

// attempt is one run, which is killed after some time.
func (b *bench) attempt(p pod, after time.Duration) (s spent, killed bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), after)
	defer cancel()
	args := append(slices.Clone(p.prefix), b.bin, "run")
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // our own command
	cmd.Dir, cmd.Env = b.dir, append(os.Environ(), p.env...)
	var text strings.Builder
	cmd.Stderr = &text
	start := time.Now()
	err = cmd.Run()
	s = spentBy(cmd.ProcessState, start)
	switch code := cmd.ProcessState.ExitCode(); {
	case err == nil, code == 3: // the sample has lines that are rejected
		return s, false, nil
	case code == -1 && ctx.Err() != nil:
		return s, true, nil
	}
	return s, false, fmt.Errorf("%w (a kill that is not ours is the system's: out of memory): %s", err, tail(text.String()))
}

// readCalls reads the sandbox's log. Which click an install came from is the
// sandbox's invention, so an order or an install counts by its number.
func (b *bench) readCalls(c *caughtUp) error {
	f, err := os.Open(b.path("calls.ndjson"))
	if err != nil {
		return err
	}
	defer f.Close()
	c.calls = map[uint64]int{}
	dec := json.NewDecoder(bufio.NewReaderSize(f, 1<<20))
	for {
		var call struct {
			At   time.Time
			Path string
			Form json.RawMessage
		}
		switch err := dec.Decode(&call); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case call.Path == "/AppInstall":
			continue
		}
		if c.first == 0 {
			c.first = call.At.Sub(c.start)
		}
		key, change := callKey(call.Form)
		h := fnv.New64a()
		fmt.Fprint(h, call.Path, key)
		if c.calls[h.Sum64()]++; change && c.calls[h.Sum64()] == 1 {
			c.changes++
		}
	}
}

func callKey(form json.RawMessage) (key string, change bool) {
	var known struct{ OrderId, Vip string }
	if err := json.Unmarshal(form, &known); err == nil && known.OrderId != "" {
		return known.OrderId, false
	}
	return string(form), known.Vip != ""
}

// podMemory is what a small pod has. Of that, Go may take five eighths, as in k8s/base.
const (
	podMemory = "128MB"
	podHeap   = "GOMEMLIMIT=76MiB"
)

// pod is how to run a program in so little memory.
type pod struct {
	name   string
	prefix []string // of the command
	env    []string
}

// pod takes the given cgroup, or one that systemd makes. Without either, only Go
// knows the limit, and the row's own limit is on the peak of what was resident. An
// rlimit would not do: the addresses that Go reserves count, 2 GB of them.
func (b *bench) pod() pod {
	p := pod{env: []string{podHeap}}
	scope := []string{"systemd-run", "--scope", "--quiet", "--collect", "-p", "MemoryMax=128000000", "-p", "MemorySwapMax=0"}
	switch {
	case b.cgroup != "":
		p.name = "cgroup " + path.Base(b.cgroup)
		p.prefix = []string{"sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, b.cgroup}
	case exec.CommandContext(context.Background(), scope[0], append(scope[1:], "true")...).Run() == nil: //nolint:gosec // constants
		p.name, p.prefix = "cgroup of "+podMemory, scope
	default:
		p.name = podHeap + ", no cgroup"
	}
	return p
}

// forward is Benthos's configuration: the same messages of the same logs, as page
// loads. It keeps no account of what it did, orders nothing and drops no repeats.
const forward = `
logger: {level: ERROR}
input: {file: {paths: ["logs/**/*.gz"], scanner: {decompress: {algorithm: gzip, into: {lines: {}}}}}}
pipeline:
  processors:
    - mapping: |
        let m = content().string().parse_json().catch({})
        let mapped = ["Order Completed", "Application Opened", "Application Installed"].contains($m.event.or(""))
        root = if $mapped {
          "CampaignId=23224&EventDate=" + $m.timestamp.escape_url_query() + "&CustomProfileId=" + $m.anonymousId.escape_url_query() + "&CustomerId=" + $m.userId.or("").escape_url_query() + "&PageUrl=https%%3A%%2F%%2Fshop.example%%2F"
        } else { deleted() }
output: {http_client: {url: "%s/PageLoad", verb: POST, headers: {Content-Type: application/x-www-form-urlencoded}, max_in_flight: 64}}
`

func (b *bench) benthos(least int) func() (spent, error) {
	run := b.peer(podHeap+" benthos run forward.yaml", "benthos")
	if run == nil {
		return nil
	}
	return func() (s spent, err error) {
		if err := b.remove("calls.ndjson"); err != nil {
			return s, err
		}
		url, stop, err := b.sandbox("--log", b.path("calls.ndjson"))
		if err != nil {
			return s, err
		}
		if err = os.WriteFile(b.path("forward.yaml"), fmt.Appendf(nil, forward, url), 0o600); err == nil {
			s, err = run()
		}
		if err = errors.Join(err, stop()); err != nil {
			return s, err
		}
		var c caughtUp
		if err = b.readCalls(&c); err == nil && len(c.calls) < least {
			err = fmt.Errorf("it called %d times instead of %d", len(c.calls), least)
		}
		return s, err
	}
}
