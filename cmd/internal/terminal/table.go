package terminal

import (
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// Cell is a text of a table. It must be plain: see [telemetry.Escape].
type Cell struct {
	Text string
	Tint Tint
}

// Table has rows of cells below a head, which may be missing. Rows may be shorter
// than others.
type Table struct {
	Head  []string
	Minor []string // columns that may be left out
	Rows  [][]Cell
}

const (
	gap = 2 // between columns
	// leastNote is the least width of a note in the last column; with less it is set
	// below its row.
	leastNote = 24
)

// Render returns a table as lines. If they do not fit the screen, columns in which
// nothing stands are left out, then a note in the last column goes below its row, then
// minor columns are left out, then cells are broken between words; and if all that does
// not help, each row becomes a block of lines.
func (s Screen) Render(t Table) string {
	if s.Width <= 0 || s.fits(t.natural()) {
		return s.draw(t, nil)
	}
	t = t.withoutEmpty()
	t, notes := s.splitNotes(t)
	for _, name := range t.Minor {
		if i := slices.Index(t.Head, name); i >= 0 && !s.fits(t.natural()) {
			t = t.without(i)
		}
	}
	widths, ok := s.shrink(t)
	if !ok {
		return s.blocks(t, notes)
	}
	return s.draw(t.broken(widths), notes)
}

// columns returns the number of columns.
func (t Table) columns() int {
	n := len(t.Head)
	for _, r := range t.Rows {
		n = max(n, len(r))
	}
	return n
}

// measure returns the largest measure of each column.
func (t Table) measure(of func(string) int) []int {
	widths := make([]int, t.columns())
	for i, h := range t.Head {
		widths[i] = of(h)
	}
	for _, r := range t.Rows {
		for i, c := range r {
			widths[i] = max(widths[i], of(c.Text))
		}
	}
	return widths
}

func (t Table) natural() []int { return t.measure(width) }

func (s Screen) fits(widths []int) bool {
	return total(widths) <= s.Width
}

func total(widths []int) int {
	n := gap * max(len(widths)-1, 0)
	for _, w := range widths {
		n += w
	}
	return n
}

// withoutEmpty leaves out columns that have a head and nothing else, or only zeros. One
// beside the names stays: names alone look as if nothing were known.
func (t Table) withoutEmpty() Table {
	if len(t.Head) == 0 {
		return t
	}
	for i := t.columns() - 1; i > 0; i-- {
		something := slices.ContainsFunc(t.Rows, func(r []Cell) bool {
			return i < len(r) && !slices.Contains([]string{"", "-", "0"}, r[i].Text)
		})
		if !something && t.columns() > 2 {
			t = t.without(i)
		}
	}
	return t
}

// without returns the table without a column.
func (t Table) without(i int) Table {
	less := Table{Head: cut(t.Head, i), Minor: t.Minor}
	for _, r := range t.Rows {
		less.Rows = append(less.Rows, cut(r, i))
	}
	return less
}

func cut[T any](cells []T, i int) []T {
	if i >= len(cells) {
		return cells
	}
	return slices.Delete(slices.Clone(cells), i, i+1)
}

// splitNotes takes the last column off if it is a text for which there is little
// room, and returns it.
func (s Screen) splitNotes(t Table) (Table, []Cell) {
	widths, last := t.natural(), t.columns()-1
	if last < 1 || t.measure(longestWord)[last] > leastNote || widths[last] <= leastNote || s.Width-total(widths[:last])-gap >= leastNote {
		return t, nil
	}
	notes := make([]Cell, len(t.Rows))
	for i, r := range t.Rows {
		if last < len(r) {
			notes[i] = r[last]
		}
	}
	return t.without(last), notes
}

// shrink returns widths that fit: the widest column gives way first, but no column
// becomes narrower than its longest word.
func (s Screen) shrink(t Table) (widths []int, ok bool) {
	widths, least := t.natural(), t.measure(longestWord)
	for !s.fits(widths) {
		widest := -1
		for i, w := range widths {
			if w > least[i] && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return widths, false
		}
		widths[widest]--
	}
	return widths, true
}

// broken returns the table with its cells broken to these widths.
func (t Table) broken(widths []int) Table {
	b := Table{Head: slices.Clone(t.Head)}
	for i, h := range b.Head {
		b.Head[i] = wrapCell(h, widths[i])
	}
	for _, r := range t.Rows {
		r = slices.Clone(r)
		for i := range r {
			r[i].Text = wrapCell(r[i].Text, widths[i])
		}
		b.Rows = append(b.Rows, r)
	}
	return b
}

// draw renders a table that fits, with a note below each row that has one.
func (s Screen) draw(t Table, notes []Cell) string {
	w := table.NewWriter()
	w.SetStyle(style)
	w.SuppressTrailingSpaces()
	if len(t.Head) > 0 {
		head := make(table.Row, len(t.Head))
		for i, h := range t.Head {
			head[i] = s.paintLines(Head, h)
		}
		w.AppendRow(head)
	}
	for _, r := range t.Rows {
		cells := make(table.Row, len(r))
		for i, c := range r {
			cells[i] = s.paintLines(c.Tint, c.Text)
		}
		w.AppendRow(cells)
	}
	lines := w.Render()
	if notes != nil {
		return s.annotate(lines, t, notes)
	}
	return end(lines)
}

// paintLines paints each line of a cell: a colour must not reach the next column.
func (s Screen) paintLines(t Tint, text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = s.Paint(t, lines[i])
	}
	return strings.Join(lines, "\n")
}

// annotate puts notes below the rows, which may have several lines.
func (s Screen) annotate(lines string, t Table, notes []Cell) string {
	all := strings.Split(lines, "\n")
	var b strings.Builder
	next := func(n int) {
		b.WriteString(end(strings.Join(all[:n], "\n")))
		all = all[n:]
	}
	if len(t.Head) > 0 {
		next(height(t.Head))
	}
	for i, r := range t.Rows {
		texts := make([]string, len(r))
		for j, c := range r {
			texts[j] = c.Text
		}
		next(height(texts))
		if notes[i].Text != "" {
			const indent = "    "
			b.WriteString(end(s.paintLines(notes[i].Tint, wrap(indent+notes[i].Text, s.Width, indent))))
		}
	}
	return b.String()
}

// height returns how many lines a row takes.
func height(cells []string) int {
	n := 1
	for _, c := range cells {
		n = max(n, 1+strings.Count(c, "\n"))
	}
	return n
}

// blocks renders each row as a block of lines, for a screen too narrow for a table; or
// as a line, if the cells have no names.
func (s Screen) blocks(t Table, notes []Cell) string {
	var b strings.Builder
	for i, r := range t.Rows {
		if len(t.Head) == 0 {
			b.WriteString(end(wrap(s.joined(r), s.Width, "    ")))
			continue
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(s.block(t.Head, r))
		if notes != nil && notes[i].Text != "" {
			b.WriteString(end(s.paintLines(notes[i].Tint, wrap(notes[i].Text, s.Width, "  "))))
		}
	}
	return b.String()
}

// joined returns the cells of a row as one line.
func (s Screen) joined(row []Cell) string {
	texts := make([]string, len(row))
	for i, c := range row {
		texts[i] = s.Paint(c.Tint, c.Text)
	}
	return strings.Join(texts, strings.Repeat(" ", gap))
}

// block renders a row as a line for each cell. A cell without a name, such as a sign,
// stands before the next one.
func (s Screen) block(head []string, row []Cell) string {
	var b strings.Builder
	sign := ""
	for j, c := range row {
		switch {
		case c.Text == "":
			continue
		case j >= len(head) || head[j] == "":
			sign += s.Paint(c.Tint, c.Text) + " "
			continue
		}
		b.WriteString(end(wrap(sign+s.Paint(Head, head[j]+":")+" "+s.Paint(c.Tint, c.Text), s.Width, "  ")))
		sign = ""
	}
	if sign != "" {
		b.WriteString(end(wrap(sign, s.Width, "  ")))
	}
	return b.String()
}

func end(lines string) string {
	if lines == "" {
		return ""
	}
	return lines + "\n"
}

// style has two spaces between columns and no lines.
var style = func() table.Style {
	s := table.StyleDefault
	s.Box = table.BoxStyle{PaddingRight: strings.Repeat(" ", gap)}
	s.Options = table.OptionsNoBordersAndSeparators
	s.Format = table.FormatOptions{}
	return s
}()
