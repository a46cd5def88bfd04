package config

import (
	"fmt"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
)

// Problem says what is wrong with the file, where, and what to do about it. It
// never holds a secret or a value from the environment.
type Problem struct {
	File         string
	Line, Column int    // from 1; 0 where the file has no place for it
	Key          string // such as sources[0].url
	Message      string
	Hint         string
	cause        error // for errors.Is; nil for most
}

// String returns "file:line:column: key: message (hint)".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(shownPath(p.Key) + ": ")
	}
	b.WriteString(segment.Redact(p.Message))
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// Problems lists everything that is wrong with a file, in the order of the file.
type Problems []Problem

// Error returns the problems, one per line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors of files that could not be opened.
func (p Problems) Unwrap() []error {
	var causes []error
	for _, one := range p {
		if one.cause != nil {
			causes = append(causes, one.cause)
		}
	}
	return causes
}
