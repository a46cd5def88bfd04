package segment

import "strings"

// IsPlaceholder reports whether a text, but for space around it, stands for
// nothing at all: it is empty, the word for "no value" of some language or
// tool (undefined, NULL, None, NaN, \N, N/A, false), only zeros and signs, a
// pair of quotes around any of these or nothing, or a template that nobody filled in ({clickid},
// %clickid%, $CLICK_ID). The case of letters does not matter. Such texts come
// from faulty trackers and exports; taken for an id, one of them makes one
// person of thousands. It does not allocate.
func IsPlaceholder(s string) bool {
	s = unquote(strings.TrimSpace(s))
	return isEmptyWord(s) || isZeros(s) || isTemplate(s)
}

// unquote takes a pair of quotes off.
func unquote(s string) string {
	if n := len(s) - 1; n > 0 && s[0] == s[n] && (s[0] == '"' || s[0] == '\'' || s[0] == '`') {
		return strings.TrimSpace(s[1:n])
	}
	return s
}

// maxWord is the length of the longest word of isEmptyWord and isNobody.
const maxWord = 15

// foldWord lower-cases a short text into buf; a long one gives nothing.
func foldWord(buf *[maxWord]byte, s string) []byte {
	if len(s) > maxWord {
		return nil
	}
	n := copy(buf[:], s)
	for i, c := range buf[:n] {
		if c >= 'A' && c <= 'Z' {
			buf[i] = c | 0x20
		}
	}
	return buf[:n]
}

// isEmptyWord knows what languages, databases and spreadsheets write for no
// value. A boolean is no id either.
func isEmptyWord(s string) bool {
	if s == "" {
		return true
	}
	var buf [maxWord]byte
	switch string(foldWord(&buf, s)) {
	case "undefined", "null", "none", "nan", "nil", "false", "true", "void",
		"[object object]", "object object", "[object null]",
		"(null)", "<null>", "[null]", "(none)", "<none>", "(nil)", "<nil>", "(undefined)",
		"(not set)", "not set", "(empty)", "(blank)",
		`\n`, "n/a", "#n/a", "#null!", "#name?", "#ref!", "#value!", "#div/0!", "#num!",
		"{}", "[]", "()", "<>":
		return true
	}
	return false
}

// isNobody knows what shops and exports write for a person whom they do not know.
func isNobody(s string) bool {
	var buf [maxWord]byte
	switch string(foldWord(&buf, strings.TrimSpace(s))) {
	case "unknown", "guest", "anonymous", "test", "na", "n.a.": // R and others write NA for no value; an order may be called so
		return true
	}
	return false
}

// isZeros reports whether s is -1, or holds nothing but zeros, dashes, points
// and spaces.
func isZeros(s string) bool {
	if s == "-1" {
		return true
	}
	for i := range len(s) {
		switch s[i] {
		case '0', '-', '.', ' ':
		default:
			return false
		}
	}
	return true
}

// isTemplate knows the forms in which links and tag managers write a value
// that is still to be filled in. A GUID in braces is an id.
func isTemplate(s string) bool {
	if len(s) < 3 {
		return false
	}
	inner := s[1 : len(s)-1]
	switch first, last := s[0], s[len(s)-1]; {
	case first == '{' && last == '}':
		return !isGUID(inner)
	case first == '[' && last == ']', first == '<' && last == '>', first == '%' && last == '%':
		return isName(strings.Trim(inner, "[]<>%"))
	case strings.HasPrefix(s, "__") && strings.HasSuffix(s, "__"):
		return isName(strings.Trim(s, "_"))
	case first == '$' && (s[1] == '{' || s[1] == '(' || s[1] == '[' || s[1] == '$'):
		return true
	case first == '$':
		return isName(s[1:])
	}
	return false
}

// isName reports whether s is a name as templates have them: letters and the
// signs that join words.
func isName(s string) bool {
	for i := range len(s) {
		letter := s[i] | 0x20
		if (letter < 'a' || letter > 'z') && s[i] != '_' && s[i] != '-' && s[i] != '.' && s[i] != ' ' {
			return false
		}
	}
	return s != ""
}

// isGUID reports whether s is 32 hex digits with or without dashes.
func isGUID(s string) bool {
	digits := 0
	for i := range len(s) {
		switch {
		case s[i] == '-':
		case isHex(s[i : i+1]):
			digits++
		default:
			return false
		}
	}
	return digits == 32
}
