package clickhouse

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// bind puts values into a statement in place of {p1:String} and so on. Versions before
// 19.14 have no parameters. It is the one place where values become part of a statement.
func bind(statement string, args []any) (string, error) {
	if len(args) == 0 {
		return statement, nil
	}
	literals := make([]string, len(args))
	for i, arg := range args {
		text, err := literal(arg)
		if err != nil {
			return "", fmt.Errorf("parameter %d: %w", i+1, err)
		}
		literals[i] = text
	}
	var b strings.Builder
	for i := 0; i < len(statement); {
		n := skip(statement[i:])
		if n == 0 {
			text, length, err := parameter(statement[i:], literals)
			if err != nil {
				return "", err
			}
			b.WriteString(text)
			i += length
			continue
		}
		b.WriteString(statement[i : i+n])
		i += n
	}
	return b.String(), nil
}

// skip returns how many bytes at the start of a statement hold no parameter: a text, a
// quoted name or a comment as a whole, or else one byte; none if one begins there.
func skip(s string) int {
	switch {
	case strings.HasPrefix(s, "{p"):
		return 0
	case s[0] == '\'', s[0] == '"', s[0] == '`':
		return quotedLength(s)
	case strings.HasPrefix(s, "--"):
		return upTo(s, "\n")
	case strings.HasPrefix(s, "/*"):
		return upTo(s, "*/")
	}
	return 1
}

// quotedLength returns the length of a text or name up to the quote that ends it. A
// doubled quote only ends one and begins the next.
func quotedLength(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	return len(s)
}

func upTo(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + len(end)
	}
	return len(s)
}

func parameter(s string, literals []string) (text string, length int, err error) {
	number, _, found := strings.Cut(s[len("{p"):], ":String}")
	n, err := strconv.Atoi(number)
	if !found || err != nil || n < 1 || n > len(literals) {
		return "", 0, errors.New("the statement has a parameter without a value")
	}
	return literals[n-1], len("{p") + len(number) + len(":String}"), nil
}

// escapes are what could end a text or begin something else in it
// (https://clickhouse.com/docs/sql-reference/syntax#string).
var escapes = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\x00", `\0`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\b", `\b`, "\f", `\f`)

// literal returns a value as it is written in a statement.
func literal(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "NULL", nil
	case string:
		return "'" + escapes.Replace(v) + "'", nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case bool:
		if v {
			return "1", nil
		}
		return "0", nil
	}
	return "", fmt.Errorf("a %T cannot be part of a statement", v)
}
