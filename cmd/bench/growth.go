package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/dustin/go-humanize"
)

const (
	listHead = "| members | first load | 5 % others | `sort`, `comm` | the same again | nothing to do | state a member |\n|---|---|---|---|---|---|---|\n"
	logHead  = "| logs, unzipped | messages | into the outbox | MB a second | CPU a message | written an event | state a message |\n|---|---|---|---|---|---|---|\n"
)

// listGrowth is the same work with lists of several sizes.
func (b *bench) listGrowth() ([]line, error) {
	b.notes.WriteString("\n" + listHead)
	var all []*grown
	for _, x := range b.millions {
		g, err := b.grow(int(x * 1e6))
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
		unit: seconds, run: smallest.idle, must: []limit{ratioAtMost(1.2), oursAtMost(0.12, seconds), peakAtMost(40)},
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
	if largest && g != smallest {
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

// logGrowth reads logs of several sizes. A message of the largest must cost what
// one of the smallest does.
func (b *bench) logGrowth() ([]line, error) {
	b.notes.WriteString("\n" + logHead)
	var all [][]spent
	for _, gb := range b.sizes {
		rounds, err := b.readLog(gb)
		if err != nil {
			return nil, err
		}
		all = append(all, rounds)
	}
	smallest, largest, gb := all[0], all[len(all)-1], b.sizes[len(b.sizes)-1]
	// The musts for 4 GB, for as much as there is.
	return []line{
		{work: fmt.Sprintf("a message of logs of %g GB", gb), peer: fmt.Sprintf("one of %g GB", b.sizes[0]), unit: eachTook, ours: largest, theirs: smallest, must: []limit{ratioAtMost(1.25)}},
		{work: fmt.Sprintf("an event of logs of %g GB", gb), peer: "-", unit: eachWrote, ours: largest, must: []limit{oursAtMost(3000, eachWrote)}},
		{work: fmt.Sprintf("logs of %g GB", gb), peer: "-", unit: seconds, ours: largest, must: []limit{oursAtMost(27.5*gb, seconds), peakAtMost(128)}},
	}, nil
}

// readLog reads logs of so many gigabytes, before gzip.
func (b *bench) readLog(gb float64) ([]spent, error) {
	s, err := b.sized(0)
	if err != nil {
		return nil, err
	}
	size, messages, err := s.shopOf(messagesIn(gb))
	if err != nil {
		return nil, err
	}
	if err := s.config(nowhere, mapAll, logs); err != nil {
		return nil, err
	}
	lines, err := s.compare(s.fresh, func() (spent, error) {
		one, err := s.someChanges()
		one.messages = messages
		return one, err
	}, line{unit: seconds})
	if err != nil {
		return nil, err
	}
	state, err := s.stateSize()
	if err != nil {
		return nil, err
	}
	ours := lines[0].ours
	wall, _, _ := spread(ours, seconds)
	each, _, _ := spread(ours, eachTook)
	written, _, _ := spread(ours, eachWrote)
	text := fmt.Sprintf("| %.2f GB | %s | %s | %.1f | %.1f us | %.0f bytes | %.0f bytes |\n", size/1e9, humanize.Comma(int64(messages)), lines[0].figure(ours), size/1e6/wall, each, written, state/messages)
	b.notes.WriteString(text)
	fmt.Print("  " + text)
	return ours, os.RemoveAll(s.dir)
}
