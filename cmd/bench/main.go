// Command bench measures what a run costs against what the machine can do:
// each row does our work and its peers' in turn, several rounds, and all end in
// one Markdown table of medians, ranges and ratios. Machines differ and are
// shared; only ratios count.
//
//	make bench BENCH="[-members 5000000] [-messages 200000] [-rounds 3] [-only diff,first]"
//	make bench BENCH="-only lists -millions 1,5,20 -rounds 1"
//	make bench BENCH="-only logs -gigabytes 0.14,1,4,10 -rounds 1"
//	make bench BENCH="-only catchup -gigabytes 4 -kill 20s [-cgroup DIR]"
//
// It builds and installs nothing: make bench does. Peers that are not installed
// are named and left out.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

type bench struct {
	bin      string // the program
	dir      string // scratch
	kept     string // where logs stay that were made
	env      []string
	members  int
	messages int
	rounds   int
	only     []string
	millions []float64 // of members: lists
	sizes    []float64 // of logs, in GB: logs, and catchup the last of them
	kill     time.Duration
	cgroup   string
	notes    *strings.Builder // tables of a row's own, for the end
}

func main() {
	b := &bench{notes: &strings.Builder{}}
	only := ""
	flag.StringVar(&b.bin, "bin", "../../bin/impactsync", "the program to measure")
	flag.IntVar(&b.members, "members", 5_000_000, "members of a list")
	flag.IntVar(&b.messages, "messages", 200_000, "messages of the event log")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds of each row")
	flag.StringVar(&b.kept, "keep", "", "a folder in which logs stay that were made, for the next time")
	flag.StringVar(&only, "only", "", "names of rows, with commas; all but lists, logs and catchup by default")
	numbers(&b.millions, "millions", "1,5,20", "for lists: millions of members, with commas")
	numbers(&b.sizes, "gigabytes", "0.14,1,4", "for logs: their sizes, unzipped, with commas; catchup takes the last")
	flag.DurationVar(&b.kill, "kill", 20*time.Second, "for catchup: kill -9 that often, on the average")
	flag.StringVar(&b.cgroup, "cgroup", "", "for catchup: a cgroup's folder whose memory limit is set; systemd-run makes one by default, where it can")
	flag.Parse()
	if only != "" {
		b.only = strings.Split(only, ",")
	}
	// An interrupt ends the command that is being timed, and with it us; but not
	// before the scratch folder is gone, which may be large.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// numbers is a flag for some of them.
func numbers(all *[]float64, name, standard, usage string) {
	parse := func(text string) error {
		*all = nil
		for one := range strings.SplitSeq(text, ",") {
			x, err := strconv.ParseFloat(one, 64)
			if err != nil || x <= 0 {
				return fmt.Errorf("%q is no size", one)
			}
			*all = append(*all, x)
		}
		return nil
	}
	if err := parse(standard); err != nil {
		panic(err)
	}
	flag.Func(name, usage+" (default "+standard+")", parse)
}

// row is a measurement. It makes what it needs, and gives a line of the table
// for each peer.
type row struct {
	name  string
	run   func(*bench) ([]line, error)
	asked bool // only by name: it takes long
}

var rows = []row{
	{name: "first", run: (*bench).first},
	{name: "diff", run: (*bench).diff},
	{name: "unchanged", run: (*bench).unchanged},
	{name: "nothing", run: (*bench).nothing},
	{name: "plan", run: (*bench).plan},
	{name: "size", run: (*bench).size},
	{name: "events", run: (*bench).events},
	{name: "drop", run: (*bench).drop},
	{name: "mapping", run: (*bench).mapping},
	{name: "delivery30", run: (*bench).delivery30},
	{name: "delivery0", run: (*bench).delivery0},
	{name: "lists", run: (*bench).listGrowth, asked: true},
	{name: "logs", run: (*bench).logGrowth, asked: true},
	{name: "catchup", run: (*bench).catchup, asked: true},
}

func (b *bench) wants(r row) bool {
	if len(b.only) == 0 {
		return !r.asked
	}
	return slices.Contains(b.only, r.name)
}

func (b *bench) run() (err error) {
	if err := b.check(); err != nil {
		return err
	}
	if err := b.scratch(); err != nil {
		return errors.Join(err, os.RemoveAll(b.dir))
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	fmt.Printf("%d members, %d messages, %d rounds; medians (lowest to highest)\n\n", b.members, b.messages, b.rounds)
	var all []line
	for _, r := range rows {
		if !b.wants(r) {
			continue
		}
		fmt.Printf("%s:\n", r.name)
		lines, err := r.run(b)
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", r.name, err), writeTable(os.Stdout, all))
		}
		for _, l := range lines {
			fmt.Println("  " + l.String())
		}
		all = append(all, lines...)
	}
	fmt.Println()
	err = writeTable(os.Stdout, all)
	fmt.Print(b.notes)
	return err
}

// scratch makes the folder to work in. It is beside the logs that are kept, which
// are linked into it. The program is measured as a copy: of a file that was just
// linked, the kernel keeps larger pieces and maps 8 MB more, until it reads it anew.
func (b *bench) scratch() (err error) {
	if b.kept != "" {
		if b.kept, err = filepath.Abs(b.kept); err != nil {
			return err
		}
		if err := os.MkdirAll(b.kept, 0o700); err != nil {
			return err
		}
	}
	if b.dir, err = os.MkdirTemp(b.kept, "impactsync-bench-*"); err != nil {
		return err
	}
	b.kept = cmp.Or(b.kept, b.dir)
	from, err := filepath.Abs(b.bin)
	if err != nil {
		return err
	}
	b.bin = b.path("impactsync")
	_, err = b.timed(nil, "cp", from, b.bin)
	return err
}

// check refuses what would measure nothing.
func (b *bench) check() error {
	if b.members < 1000 || b.messages < 1000 || b.rounds < 1 {
		return errors.New("-members and -messages must be 1,000 at least, -rounds 1")
	}
	for _, name := range b.only {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.name == name }) {
			return fmt.Errorf("-only %q: there is no such row", name)
		}
	}
	return nil
}
