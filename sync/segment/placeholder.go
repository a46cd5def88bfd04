package segment

import "strings"

// IsPlaceholder reports whether a text, apart from space around it, stands for no
// value: whether it is empty, a word that some language or tool writes for no value
// (undefined, NULL, None, NaN, \N, N/A, false), only zeros and signs, one of these or
// nothing in quotes, or a template that was not filled in ({clickid}, %clickid%,
// $CLICK_ID). Case does not matter. Such texts come from faulty trackers and
// exports; taken for ids, they would merge thousands of people into one.
func IsPlaceholder(s string) bool {
	s = unquote(strings.TrimSpace(s))
	return isEmptyWord(s) || isZeros(s) || isTemplate(s)
}

// unquote removes a pair of quotes.
func unquote(s string) string {
	if n := len(s) - 1; n > 0 && s[0] == s[n] && (s[0] == '"' || s[0] == '\'' || s[0] == '`') {
		return strings.TrimSpace(s[1:n])
	}
	return s
}

// emptyWords are words that languages, databases and spreadsheets write for no value.
// A boolean is not an id either.
var emptyWords = newWords("undefined", "null", "none", "nan", "nil", "false", "true", "void",
	"[object object]", "object object", "[object null]",
	"(null)", "<null>", "[null]", "(none)", "<none>", "(nil)", "<nil>", "(undefined)",
	"(not set)", "not set", "(empty)", "(blank)",
	`\n`, "n/a", "#n/a", "#null!", "#name?", "#ref!", "#value!", "#div/0!", "#num!",
	"{}", "[]", "()", "<>", "")

// nobodyWords are words that shops and exports write for people they do not know. R
// and others write NA for no value, but an order may have that name.
var nobodyWords = newWords("unknown", "guest", "anonymous", "test", "na", "n.a.")

// words is a set of words in lower case.
type words struct {
	set     map[string]bool
	longest int // in bytes
}

func newWords(all ...string) words {
	w := words{set: map[string]bool{}}
	for _, word := range all {
		w.set[word] = true
		w.longest = max(w.longest, len(word))
	}
	return w
}

// has reports whether s is one of the words, in any case. Most ids are longer than
// all of them, which spares their conversion.
func (w words) has(s string) bool { return len(s) <= w.longest && w.set[strings.ToLower(s)] }

func isEmptyWord(s string) bool { return emptyWords.has(s) }

func isNobody(s string) bool { return nobodyWords.has(strings.TrimSpace(s)) }

// isZeros reports whether s is -1, or holds nothing but zeros, dashes, points
// and spaces.
func isZeros(s string) bool { return s == "-1" || strings.Trim(s, "0-. ") == "" }

// isTemplate reports whether s is a value that is still to be filled in, as links and
// tag managers write it. A GUID in braces is an id.
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

// isName reports whether s is a name as in templates: letters, and signs that join
// words.
func isName(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz_-. ") == ""
}

// isGUID reports whether s is 32 hex digits with or without dashes.
func isGUID(s string) bool {
	count := 0
	for i := range len(s) {
		switch {
		case isHexDigit(s[i]):
			count++
		case s[i] != '-':
			return false
		}
	}
	return count == 32
}
