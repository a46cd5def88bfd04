package suppressions

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/table"
)

// longestLine bounds a line: Segment puts at most 5,000 ids into one regulation.
const longestLine = 4 << 20

const sniffBytes = 64 << 10

var (
	errBlank    = errors.New("nothing but blanks: a list of nobody has a header user_id")
	errNoColumn = errors.New("no column user_id, anonymous_id or email")
	errHeader   = errors.New("line 1 looks like the name of a column, and it is not known whose: call it user_id, anonymous_id or email")
	errCut      = errors.New("an id in scientific notation or with decimals: a spreadsheet has cut it; export again, with the column as text")
	errNoEmail  = errors.New("the column of addresses has neither an address nor its SHA-1")
	errSHA256   = errors.New("the SHA-256 of an address, by which nobody can be known: give the address, or its SHA-1")
	errSpoilt   = errors.New("an id with quotes or an equals sign before it, or with characters that are not seen (control characters, a zero-width space, a lone CR): nobody is known by it; export again")
	errNobody   = errors.New("rows, and not one id or address in them: a list of nobody has the header alone")
	errNoID     = errors.New("not one id or address alone: give the file a header line (user_id) if these are columns")
)

// read tells the forms apart by the start. What fits none of them is an error:
// a list that is misread would suppress nobody.
func read(src io.Reader, fn func(segment.Identity) error) error {
	r := bufio.NewReaderSize(src, sniffBytes)
	start, err := r.Peek(r.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := table.Foreign(start); err != nil {
		return err
	}
	text := table.Trim(start)
	if len(text) == 0 {
		return errBlank
	}
	if text[0] == '{' || text[0] == '[' {
		return objects(r, fn)
	}
	whole := err != nil
	header, err := table.ReadHeader(start, whole, func(names []string) int { return table.Columns{}.Find(names).Len() })
	if err != nil {
		return fmt.Errorf("line 1: %w", err)
	}
	ids := table.Columns{}.Find(header.Names)
	all := strings.Split(string(text), "\n")
	if !whole {
		all = all[:len(all)-1] // the last one is cut off
	}
	switch {
	case ids.Len() > 0:
		return rows(table.NewReader(bucket.NewWindow(r, longestLine, false), header, longestLine).Next, ids, fn)
	case strings.ContainsAny(all[0], ",;\t"):
		return fmt.Errorf("line 1: %w", errNoColumn)
	case looksLikeHeader(all):
		return errHeader
	}
	return lines(r, fn)
}

// headerWords are names of columns that might be those of ids.
var headerWords = []string{
	"account", "client", "contact", "customer", "identifier", "key", "kunde", "kundennummer", "login", "mail", "member", "name", "person", "phone", "profile", "subject", "user", "username", "users",
}

// looksLikeHeader reports whether the first of some lines is rather a name than
// an id: one that columns have, or a word where all others hold digits or signs.
func looksLikeHeader(all []string) bool {
	first := strings.Trim(all[0], "\" \t\r")
	if !isWord(first) {
		return false
	}
	for _, end := range []string{"_id", "-id", " id", "Id", "ID", "_ID", " Id"} {
		if strings.HasSuffix(first, end) {
			return true
		}
	}
	return slices.Contains(headerWords, table.Fold(first)) || len(all) > 1 && !slices.ContainsFunc(all[1:], isWord)
}

func isWord(line string) bool {
	line = strings.TrimSpace(line)
	return line != "" && strings.IndexFunc(line, func(r rune) bool { return !isLetter(r) }) < 0
}

func isLetter(r rune) bool { return unicode.IsLetter(r) || strings.ContainsRune("_- ", r) }

// lines reads one id or address a line.
func lines(r io.Reader, fn func(segment.Identity) error) error {
	w := bucket.NewWindow(r, longestLine, false)
	for {
		line, err := w.Line()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, bucket.ErrTooLong):
			return fmt.Errorf("line %d is longer than 4 MiB", w.Lines())
		case err != nil:
			return err
		}
		id := string(table.Trim(line))
		if len(id) > 1 && id[0] == '"' && id[len(id)-1] == '"' {
			id = id[1 : len(id)-1]
		}
		if id == "" {
			continue
		}
		if err = user(id, fn); strings.ContainsFunc(id, notInID) || !utf8.ValidString(id) {
			err = errNoID
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", w.Lines(), err)
		}
	}
}

// notInID reports whether a character is in no id that stands in a line alone.
func notInID(r rune) bool {
	return r <= ' ' || r == 0x7f || strings.ContainsRune(",;\"<>\u00a0\ufffd", r)
}

// user calls fn with the person of a user id, or of an address in its place.
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

// unseen reports whether a character is one that a program left in an id, and
// that no one sees there.
func unseen(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError
}

// person calls fn with whom a row or an object names: by the user ids, else the
// anonymous ids, else the addresses. Placeholders such as NULL name nobody; beside
// a column of user ids, a bad address does not matter.
func person(users, anons, emails []string, beside bool, fn func(segment.Identity) error) error {
	found := false
	for _, id := range users {
		if err := user(id, fn); err != nil {
			return err
		}
		found = found || segment.UsablePersonID(id)
	}
	for _, id := range anons {
		if who := segment.NewIdentity("", id, ""); !found && !who.IsZero() {
			return fn(who)
		}
	}
	for _, email := range emails {
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
