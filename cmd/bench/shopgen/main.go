// Shopgen writes the sample shop's data, and lists and logs of any size for
// benchmarks. The same flags give the same data.
//
//	shopgen --out examples/shop/step1 --step 1     the bundled sample
//	shopgen --out /data/logs --messages 10000000   logs of ten million messages
//	shopgen --list --members 5000000 > old.csv     a list of five million members
//	shopgen --list --members 5000000 --changed 5 > new.csv
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/impactsync/impactsync/cmd/bench/shopdata"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "shopgen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	f := flag.NewFlagSet("shopgen", flag.ContinueOnError)
	out := f.String("out", "", "folder to write to")
	seed := f.Uint64("seed", 1, "another seed gives another shop")
	step := f.Int("step", 1, "1: three days and the first lists; 2: what came after")
	base := f.String("base", "2026-11-20", "last of the three days")
	people := f.Int("people", 300, "customers of the shop")
	messages := f.Int("messages", 2600, "about how many messages step 1 logs")
	list := f.Bool("list", false, "write one list to stdout instead of a shop")
	members := f.Int("members", 1_000_000, "with --list: how many members")
	changed := f.Float64("changed", 0, "with --list: percent of the members that differ from the list without it")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *list {
		return shopdata.List{Seed: *seed, Members: *members, Changed: *changed}.Write(os.Stdout)
	}
	day, err := time.Parse(time.DateOnly, *base)
	if err != nil {
		return fmt.Errorf("--base %q is no day such as 2026-11-20", *base)
	}
	if *out == "" {
		return fmt.Errorf("name a folder with --out")
	}
	return shopdata.Shop{Seed: *seed, Base: day, People: *people, Messages: *messages}.Write(*out, *step)
}
