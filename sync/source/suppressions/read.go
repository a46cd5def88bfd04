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
	"github.com/impactsync/impactsync/sync/source/table"
)

// longestLine is how long a line may be: Segment puts at most 5,000 ids into one
// regulation.
const longestLine = 4 << 20

const sniffBytes = 64 << 10

var (
	errBlank    = errors.New("only white space: a list of nobody has a header user_id")
	errNoColumn = errors.New("no column user_id, anonymous_id or email")
	errHeader   = errors.New("line 1 looks like the name of a column, but of which kind of ids? Call it user_id, anonymous_id or email")
	errCut      = errors.New("an id in scientific notation or with decimals: a spreadsheet has changed it; export again, with the column as text")
	errNoEmail  = errors.New("neither an e-mail address nor the SHA-1 of one")
	errSHA256   = errors.New("the SHA-256 of an address, which identifies nobody: give the address or its SHA-1")
	errSpoilt   = errors.New("an id that begins with a quote or an equals sign, or holds invisible characters (control characters, a zero-width space, a lone CR), and matches nobody: export again")
	errNobody   = errors.New("rows without a single id or address: a list of nobody has only the header")
	errNoID     = errors.New("the line is not a single id or address: if these are columns, add a header line (user_id)")
)

// read recognises the form of a list by its start. Anything that is none of them is
// an error: a list that is misread would suppress nobody.
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
	header, err := table.ReadHeader(start, whole, func(names []string) int { return len(table.Columns{}.Find(names).Columns()) })
	if err != nil {
		return fmt.Errorf("line 1: %w", err)
	}
	ids := table.Columns{}.Find(header.Names)
	all := strings.Split(string(text), "\n")
	if !whole {
		all = all[:len(all)-1] // the last one is cut off
	}
	switch {
	case len(ids.Columns()) > 0:
		return rows(table.NewReader(r, header, longestLine).Next, ids, fn)
	case strings.ContainsAny(all[0], ",;\t"):
		return fmt.Errorf("line 1: %w", errNoColumn)
	case looksLikeHeader(all):
		return errHeader
	}
	return rows(lines(r), table.IDs{table.UserID: {0}}, fn)
}

// parquet reads Parquet.
func parquet(p *table.Parquet, fn func(segment.Identity) error) error {
	ids := table.Columns{}.Find(p.Names)
	if len(ids.Columns()) == 0 {
		return errNoColumn
	}
	if err := p.Use(ids.Columns()); err != nil {
		return err
	}
	return rows(p.Next, ids, fn)
}

// headerWords are words that may be the name of a column of ids.
var headerWords = []string{
	"account", "client", "contact", "customer", "identifier", "key", "kunde", "kundennummer", "login", "mail", "member", "name", "person", "phone", "profile", "subject", "user", "username", "users",
}

// looksLikeHeader reports whether the first line is more likely a name than an id:
// one that columns have, or a word while all other lines hold digits or signs.
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

// unseen reports whether a character is an invisible one that a program left in an
// id.
func unseen(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError
}
