package terminal

import (
	"bytes"
	"strings"
	"time"
)

// Page collects a result for a screen. Lines that are written to it are broken
// between words where they do not fit.
type Page struct {
	Screen
	Now     time.Time           // what relative times are relative to
	Rewrite func(string) string // applied to every line; nil changes nothing
	out     bytes.Buffer
	line    []byte // not ended yet
}

// Write takes text. It never fails.
func (p *Page) Write(text []byte) (int, error) {
	p.line = append(p.line, text...)
	for {
		line, rest, ended := bytes.Cut(p.line, []byte("\n"))
		if !ended {
			return len(text), nil
		}
		whole := string(line)
		if p.Rewrite != nil {
			whole = p.Rewrite(whole)
		}
		p.out.WriteString(p.wrapped(whole) + "\n")
		p.line = rest
	}
}

// wrapped indents what does not fit by two more than the line, or as far as the text
// after a word that stands in a column of its own.
func (p *Page) wrapped(line string) string {
	text := strings.TrimLeft(line, " ")
	indent := len(line) - len(text) + 2
	if word, rest, found := strings.Cut(text, "  "); found && !strings.Contains(word, " ") {
		indent = len(line) - len(strings.TrimLeft(rest, " "))
	}
	return wrap(line, p.Width, strings.Repeat(" ", indent))
}

// Table writes a table.
func (p *Page) Table(t Table) { p.out.WriteString(p.Render(t)) }

// Bytes returns the page.
func (p *Page) Bytes() []byte { return append(p.out.Bytes(), p.line...) }
