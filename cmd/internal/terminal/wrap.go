package terminal

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// width returns how many cells a text takes; colours take none.
func width(s string) int { return text.StringWidthWithoutEscSequences(s) }

// wrap breaks a line between words so that each part fits, where it can: a word is
// never broken, so that it can be copied. Further parts begin with indent.
func wrap(line string, most int, indent string) string {
	if most <= 0 || width(line) <= most {
		return line
	}
	var b strings.Builder
	start := line[:len(line)-len(strings.TrimLeft(line, " "))]
	b.WriteString(start)
	at, fresh := len(start), true
	for _, word := range strings.Fields(line) {
		w := width(word)
		switch {
		case fresh:
		case at+1+w > most:
			b.WriteString("\n" + indent)
			at = len(indent)
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at, fresh = at+w, false
	}
	return b.String()
}

// wrapCell is wrap for a cell of a table.
func wrapCell(cell string, most int) string { return wrap(cell, most, "") }

// longestWord returns the width of the longest word.
func longestWord(s string) (most int) {
	for _, word := range strings.Fields(s) {
		most = max(most, width(word))
	}
	return most
}
