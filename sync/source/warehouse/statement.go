package warehouse

import (
	"errors"
	"strings"
)

// CheckStatement refuses what is not a single statement that reads. Databases with
// read-only transactions refuse the rest of what writes.
func CheckStatement(text string) error {
	code := strings.TrimSpace(plainSQL(text))
	code = strings.TrimSpace(strings.TrimRight(code, "; \t\r\n"))
	word := strings.ToLower(code[:len(code)-len(strings.TrimLeft(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))])
	switch {
	case code == "":
		return errors.New("is empty")
	case word != "select" && word != "with":
		return errors.New("must begin with SELECT or WITH")
	case strings.Contains(code, ";"):
		return errors.New("must be one statement, without ; inside")
	}
	return nil
}

// plainSQL returns a statement without its comments, and with its literals and quoted
// names emptied.
func plainSQL(text string) string {
	var out strings.Builder
	for len(text) > 0 {
		begin, end := text[:1], ""
		switch {
		case strings.HasPrefix(text, "--"):
			begin, end = "--", "\n"
		case strings.HasPrefix(text, "/*"):
			begin, end = "/*", "*/"
		case strings.HasPrefix(text, "$$"):
			begin, end = "$$", "$$"
		case strings.ContainsAny(begin, "'\"`"):
			end = begin
			out.WriteString(begin)
		default:
			out.WriteString(begin)
		}
		text = text[len(begin):]
		if end == "" {
			continue
		}
		if i := strings.Index(text, end); i >= 0 {
			text = text[i+len(end):]
		} else {
			text = ""
		}
		out.WriteString(" ")
	}
	return out.String()
}
