// Package terminal lays results out for people: tables that fit the width of a
// terminal, lines broken between words, and colours that mean something. Where there
// is no terminal, lines are as long as they are and have no colour.
package terminal

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	"golang.org/x/term"
)

// The values of --color.
const (
	Auto   = "auto"
	Always = "always"
	Never  = "never"
)

// Screen is where a stream of the program ends. The zero Screen is a file.
type Screen struct {
	Terminal bool
	Width    int // in cells; 0 means that lines may have any length
	Height   int // in lines; 0 where there is no terminal
	Colour   bool
}

// Of returns what a stream is, as --color, NO_COLOR (https://no-color.org), TERM and
// COLUMNS say. COLUMNS bounds the width of a pipe, too.
func Of(f *os.File, colour string, lookup func(string) (string, bool)) Screen {
	s := Screen{Terminal: term.IsTerminal(int(f.Fd()))}
	if s.Terminal {
		s.Width, s.Height = 80, 24 // of one that does not tell
		if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			s.Width, s.Height = width, height
		}
	}
	columns, _ := lookup("COLUMNS")
	if n, err := strconv.Atoi(columns); err == nil && n > 0 {
		s.Width = n
	}
	switch colour {
	case Always:
		s.Colour = true
	case Auto:
		no, _ := lookup("NO_COLOR")
		kind, _ := lookup("TERM")
		s.Colour = s.Terminal && no == "" && kind != "dumb"
	}
	return s
}

// Writer returns a writer to the stream of the screen. What is written to it is plain,
// as of [telemetry.Plain], but for colours.
func (s Screen) Writer(w io.Writer) io.Writer {
	if s.Colour {
		return colourful{w}
	}
	return telemetry.Plain(w)
}

// sequence is what a [Tint] writes.
var sequence = regexp.MustCompile("\x1b\\[[0-9;]{0,8}m")

type colourful struct{ w io.Writer }

func (c colourful) Write(text []byte) (int, error) {
	plain, from := telemetry.Plain(c.w), 0
	for _, at := range sequence.FindAllIndex(text, -1) {
		if _, err := plain.Write(text[from:at[0]]); err != nil {
			return 0, err
		}
		if _, err := c.w.Write(text[at[0]:at[1]]); err != nil {
			return 0, err
		}
		from = at[1]
	}
	if _, err := plain.Write(text[from:]); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Frame returns text that takes the place of what the terminal shows. What is too high
// is left out, and counted in the last line.
func (s Screen) Frame(text []byte) []byte {
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if most := max(s.Height, 2); len(lines) > most {
		more := "... " + english.Plural(len(lines)-most+1, "more line", "")
		lines = append(lines[:most-1:most-1], s.Paint(Dim, more))
	}
	const home, clearLine, clearRest = "\x1b[H", "\x1b[K", "\x1b[J"
	return []byte(home + strings.Join(lines, clearLine+"\r\n") + clearLine + clearRest)
}

// Tint is a colour by its meaning.
type Tint string

// The meanings.
const (
	None Tint = ""
	Good Tint = "32"   // as it should be
	Warn Tint = "33"   // needs a look
	Bad  Tint = "1;31" // failed or lost
	Now  Tint = "36"   // under way
	Head Tint = "1"    // names what is below
	Dim  Tint = "2"    // of less interest
)

// Paint returns text in a colour, if the screen has colours.
func (s Screen) Paint(t Tint, text string) string {
	if !s.Colour || t == None || text == "" {
		return text
	}
	return "\x1b[" + string(t) + "m" + text + "\x1b[0m"
}

// LogWriter returns a writer of log lines as [slog.TextHandler] makes them, with the
// level in a colour.
func (s Screen) LogWriter(w io.Writer) io.Writer { return logLines{s, w} }

type logLines struct {
	Screen
	w io.Writer
}

var tints = map[string]Tint{" level=DEBUG ": Dim, " level=INFO ": Now, " level=WARN ": Warn, " level=ERROR ": Bad}

func (l logLines) Write(line []byte) (int, error) {
	start, rest := line[:min(40, len(line))], line[min(40, len(line)):] // text of others stands further right
	for level, tint := range tints {
		if before, after, found := bytes.Cut(start, []byte(level)); found {
			painted := " " + l.Paint(tint, strings.TrimSpace(level)) + " "
			start = slices.Concat(before, []byte(painted), after)
			break
		}
	}
	if _, err := l.w.Write(slices.Concat(start, rest)); err != nil {
		return 0, err
	}
	return len(line), nil
}
