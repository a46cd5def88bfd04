package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/dustin/go-humanize"

	"github.com/impactsync/impactsync/cmd/bench/shopdata"
)

// With the default of 5,000,000 members: 1 M, 5 M and 20 M, and 0.1, 1 and 4 GB.
var (
	growingMembers = []float64{0.2, 1, 4}    // of -members
	growingLogs    = []float64{20, 200, 800} // bytes a member of -members
	messageBytes   = 705.0                   // of a sample message as logged, about
	listHead       = "| members | first load | 5 % others | `sort`, `comm` | the same again | nothing to do | state a member |\n|---|---|---|---|---|---|---|\n"
	logHead        = "| logs, unzipped | messages | into the outbox | MB a second | state a message |\n|---|---|---|---|---|\n"
)

// growth is the same work at three sizes.
func (b *bench) growth() ([]line, error) {
	lines, err := b.listGrowth()
	if err != nil {
		return nil, err
	}
	b.notes.WriteString("\n" + logHead)
	for _, x := range growingLogs {
		if err := b.logGrowth(x * float64(b.members)); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

func (b *bench) listGrowth() ([]line, error) {
	b.notes.WriteString("\n" + listHead)
	var all []*grown
	for _, x := range growingMembers {
		g, err := b.grow(int(x * float64(b.members)))
		if err != nil {
			return nil, err
		}
		b.notes.WriteString(g.String())
		fmt.Print("  " + g.String())
		all = append(all, g)
	}
	smallest, largest := all[0], all[len(all)-1]
	lines, err := b.compare(func() error { return nil }, largest.idle, line{
		work: "a run with nothing to do, " + largest.label(), peer: "the same, " + smallest.label(),
		unit: seconds, run: smallest.idle, must: []limit{ratioAtMost(1.2), peakAtMost(50)},
	})
	for _, g := range all {
		lines = append(lines, g.peak(smallest, g == largest))
		err = errors.Join(err, os.RemoveAll(g.dir))
	}
	return lines, err
}

// peak is the diff's memory; that of the largest list must be near that of the
// smallest.
func (g *grown) peak(smallest *grown, largest bool) line {
	l := line{work: "peak memory of the diff, " + g.label(), peer: "-", unit: megabytes, must: []limit{peakAtMost(128)}}
	for _, s := range g.diff.ours {
		l.ours = append(l.ours, spent{memory: s.memory})
	}
	if largest {
		l.peer, l.must = "the same, "+smallest.label(), append(l.must, ratioAtMost(1.5))
		l.theirs = smallest.peak(smallest, false).ours
	}
	return l
}

func (g *grown) label() string { return humanize.Comma(int64(g.members)) + " members" }

// grown is what a list of one size cost.
type grown struct {
	*bench
	firstLoad, diff, same, nothing line
	idle                           func() (spent, error)
	stateBytes                     float64
}

// grow measures a list of one size. Its folder stays, for idle.
func (b *bench) grow(members int) (*grown, error) {
	s, err := b.sized(members)
	if err != nil {
		return nil, err
	}
	g := &grown{bench: s}
	return g, g.measure()
}

func (g *grown) measure() error {
	if err := g.twoLists(); err != nil {
		return err
	}
	first, err := g.compare(func() error { return errors.Join(g.fresh(), g.show("a.csv", "vip.csv")) }, g.read(g.members), line{unit: seconds})
	if err != nil {
		return err
	}
	diff, err := g.compare(g.beforeDiff, g.read(g.differing()), g.sortComm())
	if err != nil {
		return err
	}
	same, err := g.unchanged()
	if err != nil {
		return err
	}
	if g.idle, err = g.nothingNew(); err != nil {
		return err
	}
	nothing, err := g.compare(func() error { return nil }, g.idle, line{unit: seconds})
	if err != nil {
		return err
	}
	g.firstLoad, g.diff, g.same, g.nothing = first[0], diff[0], same[0], nothing[0]
	g.stateBytes, err = g.stateSize()
	return err
}

func (g *grown) String() string {
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %.0f bytes |\n", humanize.Comma(int64(g.members)), g.firstLoad.figure(g.firstLoad.ours), g.diff.figure(g.diff.ours),
		times(g.diff.ratio()), g.same.figure(g.same.ours), g.nothing.figure(g.nothing.ours), g.stateBytes/float64(g.members))
}

// logGrowth reads a log of so many bytes, before gzip.
func (b *bench) logGrowth(size float64) error {
	s, err := b.sized(0)
	if err != nil {
		return err
	}
	messages := int(size / messageBytes)
	shop := shopdata.Shop{Seed: 1, Base: lastDay(), People: max(1, messages/10), Messages: messages}
	if err := errors.Join(s.shopLogs(shop), s.config(nowhere, logs)); err != nil {
		return err
	}
	wc, err := s.shell("find logs -name '*.gz' -print0 | xargs -0 zcat | wc -lc")
	if err != nil {
		return err
	}
	var lines, plain float64
	if _, err := fmt.Sscan(wc.out, &lines, &plain); err != nil {
		return err
	}
	read, err := s.compare(s.fresh, s.someChanges, line{unit: seconds})
	if err != nil {
		return err
	}
	state, err := s.stateSize()
	if err != nil {
		return err
	}
	wall, _, _ := spread(read[0].ours, seconds)
	text := fmt.Sprintf("| %.2f GB | %s | %s | %.1f | %.0f bytes |\n", plain/1e9, humanize.Comma(int64(lines)), read[0].figure(read[0].ours), plain/1e6/wall, state/lines)
	b.notes.WriteString(text)
	fmt.Print("  " + text)
	return os.RemoveAll(s.dir)
}
