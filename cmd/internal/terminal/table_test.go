package terminal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/impactsync/impactsync/cmd/internal/terminal"
	"github.com/stretchr/testify/require"
)

// cells makes a table whose first row is its head.
func cells(rows ...[]string) terminal.Table {
	t := terminal.Table{Head: rows[0]}
	for _, r := range rows[1:] {
		line := make([]terminal.Cell, len(r))
		for i, text := range r {
			line[i].Text = text
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}

var runs = cells(
	[]string{"RUN", "KIND", "STARTED", "TOOK", "EXIT", "FOUND", "DELIVERED", "REFUSED", "HELD", "NOTE"},
	[]string{"12", "run", "3m ago", "1m4s", "3", "1,937", "1,935", "2", "0", "2 refused, 0 rejected, and source web is older than its maxAge of 26 hours"},
	[]string{"11", "run", "2h ago", "58s", "0", "40", "40", "0", "0", ""},
)

func TestATableThatFitsIsDrawnWhole(t *testing.T) {
	t.Parallel()
	want := "A    B\nx    1\nyyy  22\n"
	require.Equal(t, want, terminal.Screen{}.Render(cells([]string{"A", "B"}, []string{"x", "1"}, []string{"yyy", "22"})))
	require.Equal(t, want, terminal.Screen{Width: 7}.Render(cells([]string{"A", "B"}, []string{"x", "1"}, []string{"yyy", "22"})))
	require.Equal(t, "山田  1\nx     2\n", terminal.Screen{}.Render(terminal.Table{Rows: [][]terminal.Cell{{{Text: "山田"}, {Text: "1"}}, {{Text: "x"}, {Text: "2"}}}}), "wide characters take two cells")
}

func TestANarrowTableGivesWayInThisOrder(t *testing.T) {
	t.Parallel()
	require.Equal(t, `RUN  KIND  STARTED  TOOK  EXIT  FOUND  DELIVERED  REFUSED
12   run   3m ago   1m4s  3     1,937  1,935      2
    2 refused, 0 rejected, and source web is older than its maxAge of 26 hours
11   run   2h ago   58s   0     40     40         0
`, terminal.Screen{Width: 80}.Render(runs), "no column of zeros, and notes below their rows")

	idle := cells([]string{"DUE", "PENDING", "IN FLIGHT"}, []string{"page loads", "0", "0"})
	require.Equal(t, "DUE         PENDING\npage loads  0\n", terminal.Screen{Width: 20}.Render(idle), "never names alone")

	some := runs
	some.Minor = []string{"KIND", "TOOK"}
	require.Equal(t, `RUN  STARTED  TOOK  EXIT  FOUND  DELIVERED  REFUSED
12   3m ago   1m4s  3     1,937  1,935      2
    2 refused, 0 rejected, and source web is older than
    its maxAge of 26 hours
11   2h ago   58s   0     40     40         0
`, terminal.Screen{Width: 55}.Render(some), "no more minor columns are left out than must be")

	require.Equal(t, `NAME  WHY
vip   the list
      is short
`, terminal.Screen{Width: 14}.Render(cells([]string{"NAME", "WHY"}, []string{"vip", "the list is short"})), "cells are broken between words")

	require.Equal(t, `NAME: vip
WHY: older-than-its
  maxAge

NAME: gold
`, terminal.Screen{Width: 19}.Render(cells([]string{"NAME", "WHY"}, []string{"vip", "older-than-its maxAge"}, []string{"gold", ""})), "a row is a block of lines")
}

func TestBlocksAndLines(t *testing.T) {
	t.Parallel()
	require.Equal(t, "- ID: cus_0add7c3c944bf3e5d11e\nWHY: left\n", terminal.Screen{Width: 30}.Render(cells([]string{"", "ID", "WHY"}, []string{"-", "cus_0add7c3c944bf3e5d11e", "left"})))
	rows := cells([]string{}, []string{"  page_load", "1795132800000-16.1.000.gz:48", "delivered"})
	rows.Head = nil
	require.Equal(t, "  page_load\n    1795132800000-16.1.000.gz:48\n    delivered\n", terminal.Screen{Width: 34}.Render(rows))
}

func TestNoWidthBreaksAWord(t *testing.T) {
	t.Parallel()
	whole := map[string]bool{}
	for _, r := range runs.Rows {
		for _, c := range r {
			for _, word := range strings.Fields(c.Text) {
				whole[word] = true
			}
		}
	}
	for _, h := range runs.Head {
		whole[h], whole[h+":"] = true, true
	}
	for w := 5; w < 200; w++ {
		text := terminal.Screen{Width: w}.Render(runs)
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\n")
			require.Equal(t, line, strings.TrimRight(line, " "), "no blanks at the end")
			words := strings.Fields(line)
			for _, word := range words {
				require.True(t, whole[word], "%d: %q of %q", w, word, line)
			}
			require.True(t, len(line) <= w || len(words) == 1, "%d: %q", w, line)
		}
	}
}

func TestColours(t *testing.T) {
	t.Parallel()
	table := terminal.Table{Head: []string{"WHY", "N"}, Rows: [][]terminal.Cell{{{Text: "two words", Tint: terminal.Warn}, {Text: "1"}}}}
	require.Equal(t, "\x1b[1mWHY\x1b[0m    \x1b[1mN\x1b[0m\n\x1b[33mtwo\x1b[0m    1\n\x1b[33mwords\x1b[0m\n", terminal.Screen{Width: 8, Colour: true}.Render(table))

	var out strings.Builder
	fmt.Fprint(terminal.Screen{Colour: true}.Writer(&out), "\x1b[33mtwo\x1b[0m \x1b[2K\u202e\x1b]0;title\a\n")
	require.Equal(t, "\x1b[33mtwo\x1b[0m \\u001b[2K\\u202e\\u001b]0;title\\u0007\n", out.String(), "only colours get through")
	out.Reset()
	fmt.Fprint(terminal.Screen{}.Writer(&out), "\x1b[33mtwo\x1b[0m\n")
	require.Equal(t, "\\u001b[33mtwo\\u001b[0m\n", out.String())

	out.Reset()
	w := terminal.Screen{Colour: true}.LogWriter(&out)
	fmt.Fprint(w, "time=22:00:00 level=WARN msg=\"a level=ERROR \"\n")
	require.Equal(t, "time=22:00:00 \x1b[33mlevel=WARN\x1b[0m msg=\"a level=ERROR \"\n", out.String())
}

func TestLinesOfAPageAreBrokenBetweenWords(t *testing.T) {
	t.Parallel()
	p := &terminal.Page{Screen: terminal.Screen{Width: 20}}
	fmt.Fprint(p, "one two three ")
	fmt.Fprintln(p, "four five six")
	fmt.Fprintln(p, "  a-word-that-is-longer-than-the-line and more of them")
	fmt.Fprintln(p, "  12  the state is damaged")
	fmt.Fprint(p, "\nend")
	require.Equal(t, `one two three four
  five six
  a-word-that-is-longer-than-the-line
    and more of them
  12  the state is
      damaged

end`, string(p.Bytes()))
	require.NotRegexp(t, ` \n`, string(p.Bytes()))
}

func TestFrame(t *testing.T) {
	t.Parallel()
	require.Equal(t, "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J", string(terminal.Screen{Height: 2}.Frame([]byte("a\nb\n"))))
	require.Equal(t, "\x1b[Ha\x1b[K\r\n... 2 more lines\x1b[K\x1b[J", string(terminal.Screen{Height: 2}.Frame([]byte("a\nb\nc\n"))))
}
