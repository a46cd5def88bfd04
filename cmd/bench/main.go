// Command bench measures what a run costs against what the machine can do:
// each row does our work and a peer's in turn, several rounds, and prints the
// medians and their ratio. Machines differ and are shared; only ratios count.
//
//	go run ./cmd/bench [-members 5000000] [-rounds 3] [-only diff,first]
//
// It builds nothing: make bench does. Peers that are not installed are named
// and left out.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

type bench struct {
	bin      string // the program
	dir      string // scratch
	members  int
	messages int
	rounds   int
	only     []string
}

func main() {
	b := &bench{}
	only := ""
	flag.StringVar(&b.bin, "bin", "bin/impactsync", "the program to measure")
	flag.IntVar(&b.members, "members", 5_000_000, "members of a list")
	flag.IntVar(&b.messages, "messages", 200_000, "messages of the event log")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds of each pair")
	flag.StringVar(&only, "only", "", "names of rows, with commas; all by default")
	flag.Parse()
	if only != "" {
		b.only = strings.Split(only, ",")
	}
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// rows are the measurements, in order. Each makes what it needs and is timed
// in pairs.
var rows = []struct {
	name string
	what string
	run  func(*bench) error
}{
	{"first", "first load of a list | sqlite3 .import into a keyed table, INSERT SELECT", (*bench).first},
	{"diff", "5 % other members, durable | sort both lists, comm", (*bench).diff},
	{"unchanged", "the same list again, gzip | zcat | wc -l", (*bench).unchanged},
	{"nothing", "a run with nothing to do, state of that size", (*bench).nothing},
	{"size", "bytes of state a member, ids of 24 bytes", (*bench).size},
	{"events", "event log into the outbox, durable | zcat | jq -c .userId", (*bench).events},
	{"delivery30", "page loads at 30 ms, 64 workers, durable | wrk, same server", (*bench).delivery30},
	{"delivery0", "page loads at 0 ms, 64 workers, durable | wrk, same server", (*bench).delivery0},
}

func (b *bench) run() (err error) {
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "impactsync-bench-*"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	fmt.Printf("%d members, %d messages, %d rounds; medians (lowest to highest)\n\n", b.members, b.messages, b.rounds)
	for _, r := range rows {
		if len(b.only) > 0 && !slices.Contains(b.only, r.name) {
			continue
		}
		fmt.Printf("%s: %s\n", r.name, r.what)
		if err := r.run(b); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		fmt.Println()
	}
	return nil
}

// spent is what one command used.
type spent struct {
	wall, cpu time.Duration
	memory    int64 // peak, bytes
}

// pair times two commands in turn. Before each round prepare is called,
// untimed.
func (b *bench) pair(prepare func(round int) error, ours, peer func() (spent, error)) error {
	var a, p []spent
	for round := range b.rounds {
		if prepare != nil {
			if err := prepare(round); err != nil {
				return err
			}
		}
		s, err := ours()
		if err != nil {
			return fmt.Errorf("ours: %w", err)
		}
		a = append(a, s)
		if peer == nil {
			continue
		}
		if s, err = peer(); err != nil {
			return fmt.Errorf("peer: %w", err)
		}
		p = append(p, s)
	}
	report("ours", a)
	if len(p) > 0 {
		report("peer", p)
		fmt.Printf("  ratio  %.2fx wall, %.2fx CPU\n", ratio(a, p, wall), ratio(a, p, cpu))
	}
	return nil
}

func wall(s spent) float64   { return s.wall.Seconds() }
func cpu(s spent) float64    { return s.cpu.Seconds() }
func memory(s spent) float64 { return float64(s.memory) / (1 << 20) }

func median(all []spent, of func(spent) float64) (mid, low, high float64) {
	var v []float64
	for _, s := range all {
		v = append(v, of(s))
	}
	slices.Sort(v)
	return v[len(v)/2], v[0], v[len(v)-1]
}

// ratio is the median of the ratios of the pairs: the machine's drift is in
// both halves of one.
func ratio(a, p []spent, of func(spent) float64) float64 {
	var v []float64
	for i := range a {
		v = append(v, of(a[i])/max(of(p[i]), 1e-9))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func report(who string, all []spent) {
	w, lo, hi := median(all, wall)
	c, _, _ := median(all, cpu)
	m, _, most := median(all, memory)
	fmt.Printf("  %-5s  %.2f s wall (%.2f to %.2f), %.2f s CPU, %.0f MiB (%.0f at most)\n", who, w, lo, hi, c, m, most)
}
