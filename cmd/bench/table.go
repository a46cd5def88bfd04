package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/dustin/go-humanize"
)

const head = `| work | peer | ours | peer's | ratio | CPU ratio | must | met |
|---|---|---|---|---|---|---|---|
`

// writeTable writes Markdown that docs/performance.md can take.
func writeTable(w io.Writer, all []line) error {
	var text strings.Builder
	text.WriteString(head)
	for _, l := range all {
		fmt.Fprintf(&text, "| %s |\n", strings.Join(l.cells(), " | "))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (l line) cells() []string {
	var must, met []string
	for _, m := range l.must {
		must, met = append(must, m.String()), append(met, m.met(l))
	}
	if len(must) == 0 {
		must, met = []string{"report"}, []string{"-"}
	}
	theirs := "-"
	if l.peer != "-" {
		theirs = l.figure(l.theirs)
	}
	return []string{
		l.work, l.peer, l.figure(l.ours), theirs, times(l.ratio()), times(l.cpuRatio()),
		strings.Join(must, ", "), strings.Join(met, ", "),
	}
}

// String is the line while the others are still being measured.
func (l line) String() string {
	c := l.cells()
	return fmt.Sprintf("%s: %s | %s: %s | ratio %s, CPU %s | must be %s: %s", c[0], c[2], c[1], c[3], c[4], c[5], c[6], c[7])
}

// figure is the median, the range, and what it took.
func (l line) figure(all []spent) string {
	if len(all) == 0 {
		return "left out"
	}
	mid, low, high := spread(all, l.unit)
	text := l.unit.write(mid) + " " + l.unit.name
	if low != high {
		text += fmt.Sprintf(" (%s to %s)", l.unit.write(low), l.unit.write(high))
	}
	if used, _, _ := spread(all, cpu); used > 0 {
		text += ", " + cpu.write(used) + " " + cpu.name
		if all[0].done > 0 {
			text += fmt.Sprintf(" per %s", humanize.Comma(perCPU))
		}
	}
	if _, _, most := spread(all, megabytes); most > 0 && l.unit.name != megabytes.name {
		text += ", " + megabytes.write(most) + " " + megabytes.name
	}
	return text
}

func times(ratio float64) string {
	if math.IsNaN(ratio) {
		return "-"
	}
	return fmt.Sprintf("%.2fx", ratio)
}
