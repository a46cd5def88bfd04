package segment

import "strings"

// IsPlaceholder reports whether a text, but for space around it, stands for
// nothing at all: it is empty, the word for "no value" of some language or
// tool (undefined, NULL, None, NaN, \N, N/A, false), only zeros and signs, a
// pair of quotes around any of these or nothing, or a template that nobody filled in ({clickid},
// %clickid%, $CLICK_ID). The case of letters does not matter. Such texts come
// from faulty trackers and exports; taken for an id, one of them makes one
// person of thousands.
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

// emptyWords are what languages, databases and spreadsheets write for no value.
// A boolean is no id either.
var emptyWords = setOf("undefined", "null", "none", "nan", "nil", "false", "true", "void",
	"[object object]", "object object", "[object null]",
	"(null)", "<null>", "[null]", "(none)", "<none>", "(nil)", "<nil>", "(undefined)",
	"(not set)", "not set", "(empty)", "(blank)",
	`\n`, "n/a", "#n/a", "#null!", "#name?", "#ref!", "#value!", "#div/0!", "#num!",
	"{}", "[]", "()", "<>", "")

// nobodyWords are what shops and exports write for a person whom they do not
// know. R and others write NA for no value; an order may be called so.
var nobodyWords = setOf("unknown", "guest", "anonymous", "test", "na", "n.a.")

func setOf(words ...string) map[string]bool {
	set := map[string]bool{}
	for _, w := range words {
		set[w] = true
	}
	return set
}

func isEmptyWord(s string) bool { return emptyWords[strings.ToLower(s)] }

func isNobody(s string) bool { return nobodyWords[fold(s)] }

// isZeros reports whether s is -1, or holds nothing but zeros, dashes, points
// and spaces.
func isZeros(s string) bool { return s == "-1" || strings.Trim(s, "0-. ") == "" }

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
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz_-. ") == ""
}

// isGUID reports whether s is 32 hex digits with or without dashes.
func isGUID(s string) bool {
	return len(s)-strings.Count(s, "-") == 32 && strings.Trim(s, hexDigits+"-") == ""
}
