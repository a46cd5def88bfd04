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
	at, fresh := 0, true
	for rest := line; rest != ""; {
		word := strings.TrimLeft(rest, " ")
		blanks := len(rest) - len(word)
		word, _, _ = strings.Cut(word, " ")
		rest = rest[blanks+len(word):]
		if w := width(word); !fresh && at+blanks+w > most {
			b.WriteString("\n" + indent + word)
			at = len(indent) + w
		} else {
			b.WriteString(strings.Repeat(" ", blanks) + word)
			at += blanks + w
		}
		fresh = false
	}
	return strings.TrimRight(b.String(), " ")
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
