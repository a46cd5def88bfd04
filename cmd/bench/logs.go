package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// A source of messages, with and without the traits among them.
const (
	logs      = `  - {name: web, kind: events, url: "file://./logs/", traits: {include: ["*"]}}`
	plainLogs = `  - {name: web, kind: events, url: "file://./logs/"}`
)

// someChanges reads, sends nothing, and finds something.
func (b *bench) someChanges() (spent, error) {
	s, n, err := b.readAll()
	if err == nil && n == 0 {
		err = errors.New("it found nothing")
	}
	return s, err
}

func (b *bench) events() ([]line, error) {
	if err := errors.Join(b.shopLogs(b.messages), b.config(nowhere, mapAll, logs)); err != nil {
		return nil, err
	}
	peer := b.peer("zcat logs/all.gz | jq -c .userId >/dev/null", "zcat", "jq")
	if peer != nil {
		// jq gives up at the sample's broken lines; both read the same good ones.
		_, err := b.shell(`find logs -name '*.gz' -print0 | xargs -0 zcat | jq -cR 'fromjson? | select(type == "object")' >good.ndjson; rm -r logs; mkdir logs; gzip -6 -c good.ndjson >logs/all.gz`)
		if err != nil {
			return nil, err
		}
	}
	return b.compare(b.fresh, b.someChanges, line{
		work: "event log: gunzip, decode, de-duplicate, route, outbox, durable", peer: "`zcat`, `jq -c .userId`",
		unit: seconds, run: peer, must: []limit{ratioAtMost(0.9)},
	})
}

// drop reads a log of which nothing is mapped.
func (b *bench) drop() ([]line, error) {
	size, _, err := b.shopOf(b.messages)
	if err != nil {
		return nil, err
	}
	ours := func() (spent, error) {
		s, n, err := b.readAll()
		if err == nil && n != 0 {
			err = fmt.Errorf("it found %d", n)
		}
		s.size = size
		return s, err
	}
	prepare := func() error { return errors.Join(b.fresh(), b.config(nowhere, mapNone, plainLogs)) }
	return b.compare(prepare, ours, line{work: "event log, parsed and dropped: nothing of it is mapped", peer: "-", unit: perCore, must: []limit{oursAtLeast(100, perCore)}})
}

// shopOf makes the logs of about so many messages, and counts them and their
// bytes before gzip.
func (b *bench) shopOf(messages int) (size, lines float64, err error) {
	if err := b.shopLogs(messages); err != nil {
		return 0, 0, err
	}
	wc, err := b.shell("find logs -name '*.gz' -print0 | xargs -0 zcat | wc -lc")
	if err == nil {
		_, err = fmt.Sscan(wc.out, &lines, &size)
	}
	return size, lines, err
}

// messagesIn returns how many messages of the sample are so many gigabytes, about.
func messagesIn(gb float64) int { return int(gb * 1e9 / 705) }

// shopLogs makes the logs of a shop, without its lists. They are made once.
func (b *bench) shopLogs(messages int) error {
	made := filepath.Join(b.kept, fmt.Sprintf("shop-of-%d", messages))
	if _, err := os.Stat(made); err != nil {
		// By another process: what a child's peak is said to be includes ours.
		out, err := exec.CommandContext(context.Background(), "go", "run", "./shopgen", "--out", made+".new", "--base", lastDay().Format(time.DateOnly), //nolint:gosec // our own program
			"--people", strconv.Itoa(max(1, messages/10)), "--messages", strconv.Itoa(messages)).CombinedOutput()
		if err == nil {
			err = os.Rename(made+".new", made)
		}
		if err != nil {
			return fmt.Errorf("make the logs: %w: %s", err, tail(string(out)))
		}
	}
	_, err := b.shell("rm -rf logs; cp -al '" + made + "/segment-logs' logs")
	return err
}

// lastDay of the sample logs is yesterday: no message is of the future.
func lastDay() time.Time { return time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour) }

// What RudderStack's transform of the same kinds of events did in node, on a
// like machine: known figures, not measured here.
const (
	nodeOrders = 12_000
	nodePages  = 38_000
)

var iterations = regexp.MustCompile(`(?m)^Benchmark\w+\s+(\d+)\s`)

// mapping times the benchmarks of sync/mapping, a line's text in, a request's
// body out: by CPU time, since nothing else stands for one core on a machine
// that is shared.
func (b *bench) mapping() ([]line, error) {
	test := b.path("mapping.test")
	mapping := filepath.Join("..", "..", "sync", "mapping")                                 // of the program's own module
	build := exec.CommandContext(context.Background(), "go", "test", "-c", "-o", test, ".") //nolint:gosec // our own test
	build.Dir = mapping
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the benchmarks: %w: %s", err, tail(string(out)))
	}
	there := *b
	there.dir = mapping // its test data is there
	var all []line
	for _, w := range []struct {
		name, what string
		node       float64
	}{{"Order", "orders", nodeOrders}, {"Page", "page calls", nodePages}} {
		l, err := there.compare(func() error { return nil }, there.benchmark(test, w.name), line{
			work: "mapping alone, " + w.what + ", one core", peer: "RudderStack's transform in node, a known figure",
			unit: perSecond, must: []limit{ratioAtLeast(6)}, run: known(w.node),
		})
		if err != nil {
			return nil, err
		}
		all = append(all, l...)
	}
	return all, nil
}

func (b *bench) benchmark(test, name string) func() (spent, error) {
	return func() (spent, error) {
		s, err := b.timed(nil, test, "-test.run", "^$", "-test.bench", "^Benchmark"+name+"$", "-test.cpu", "1")
		if err != nil {
			return s, err
		}
		done := number(iterations, s.out)
		if done == 0 {
			return s, fmt.Errorf("the benchmark said %q", tail(s.out))
		}
		return spent{wall: s.cpu, done: done}, nil
	}
}

func known(rate float64) func() (spent, error) {
	return func() (spent, error) { return spent{wall: time.Second, done: rate}, nil }
}
