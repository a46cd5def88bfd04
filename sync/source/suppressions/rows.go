package suppressions

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/table"
)

// rows reads the rows of a table. If none of them names anybody, the list was not
// understood: a list of nobody has only the header.
func rows(next func() (table.Row, error), columns table.IDs, fn func(segment.Identity) error) error {
	named, filled := false, false
	for {
		r, err := next()
		if errors.Is(err, io.EOF) && filled && !named {
			return errNobody
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && r.Skipped == "" {
			filled = filled || slices.ContainsFunc(r.Fields, func(field string) bool { return strings.TrimSpace(field) != "" })
			err = row(r.Fields, columns, func(who segment.Identity) error {
				named = named || !who.IsZero()
				return fn(who)
			})
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", r.Line, err)
		}
	}
}

// row calls fn with each person whom a row names.
func row(fields []string, columns table.IDs, fn func(segment.Identity) error) error {
	var found ids
	for kind, i := range columns.All() {
		if !utf8.ValidString(fields[i]) {
			return segment.ErrInvalidUTF8
		}
		found.add(kind, strings.TrimSpace(fields[i]))
	}
	return found.person(len(columns[table.UserID]) > 0, fn)
}

// lines reads a list with one id or address a line as a table of one column.
func lines(r io.Reader) func() (table.Row, error) {
	w := bucket.NewWindow(r, longestLine)
	return func() (table.Row, error) {
		line, err := w.Line()
		id := string(table.Trim(line))
		if len(id) > 1 && id[0] == '"' && id[len(id)-1] == '"' {
			id = id[1 : len(id)-1]
		}
		switch {
		case errors.Is(err, bucket.ErrTooLong):
			err = errors.New("longer than 4 MiB")
		case strings.ContainsFunc(id, notInID) || !utf8.ValidString(id):
			err = errNoID
		}
		return table.Row{Line: w.Lines(), Fields: []string{id}}, err
	}
}

// notInID reports whether a character cannot be in an id that has a line to itself.
func notInID(r rune) bool {
	return r <= ' ' || r == 0x7f || strings.ContainsRune(",;\"<>\u00a0\ufffd", r)
}

// ids are the ids of one person, by their kind.
type ids [table.Kinds][]string

// add adds an id that is not blank.
func (p *ids) add(kind table.Kind, id string) {
	if strings.TrimSpace(id) != "" {
		p[kind] = append(p[kind], id)
	}
}

func (p *ids) none() bool { return len(slices.Concat(p[:]...)) == 0 }

// person calls fn with the person of each user id, or else of the first anonymous id,
// or else of each address. Placeholders such as NULL name nobody. If beside is set,
// because there is a column of user ids, bad addresses do not matter.
func (p *ids) person(beside bool, fn func(segment.Identity) error) error {
	found := false
	for _, id := range p[table.UserID] {
		if err := user(id, fn); err != nil {
			return err
		}
		found = found || segment.UsablePersonID(id)
	}
	for _, id := range p[table.AnonymousID] {
		if who := segment.NewIdentity("", id, ""); !found && !who.IsZero() {
			return fn(who)
		}
	}
	for _, email := range p[table.Email] {
		if found || segment.IsPlaceholder(email) {
			continue
		}
		who := segment.NewIdentity("", "", email)
		switch {
		case who.IsZero() && beside:
			continue
		case who.IsZero() && segment.FormOf(email) == segment.FormHex64:
			return errSHA256
		case who.IsZero():
			return errNoEmail
		}
		if err := fn(who); err != nil {
			return err
		}
	}
	return nil
}

// user calls fn with the person of a user id, or of an address in place of one.
func user(id string, fn func(segment.Identity) error) error {
	if segment.IsPlaceholder(id) {
		return nil
	}
	if form := segment.FormOf(strings.TrimSpace(id)); form == segment.FormScientific || form == segment.FormDecimal {
		return errCut
	}
	if strings.IndexByte("'\"`=", id[0]) >= 0 || len(id) > segment.MaxID || strings.ContainsFunc(id, unseen) {
		return errSpoilt
	}
	return fn(segment.NewIdentity(id, "", ""))
}
