package segment

import (
	"cmp"
	"strings"
	"unicode"
)

// TraitKey returns the key that Segment is believed to make from a name: that of the
// npm package to-snake-case 1.0.0 (https://github.com/ianstormtaylor/to-snake-case).
// "Order Completed Last 30days" becomes order_completed_last_30days, as on Segment's
// pages. The rule of Segment's own app is not public, so a real key takes precedence.
//
// Anything but ASCII letters and digits separates words. Capitals begin words only in
// a name without spaces and separators; digits never do. The result is empty for a
// name without an ASCII letter or digit, and if it would be longer than
// [MaxTraitKey]. TraitKey of a key is that key.
func TraitKey(name string) string {
	words := splitWords(noCase(name))
	key := strings.Join(words, "_")
	if len(key) > MaxTraitKey {
		return ""
	}
	return key
}

// noCase does what the package to-no-case does: the first kind of separator that
// occurs anywhere in the name is the one that counts.
func noCase(s string) string {
	switch {
	case strings.ContainsFunc(s, isJSSpace):
		return lower(s)
	case strings.ContainsAny(s, "_-.:"):
		return lower(cmp.Or(strings.Join(splitWords(s), " "), s))
	case hasCamel(s):
		return lower(uncamel(s))
	}
	return lower(s)
}

// splitWords cuts at every run of what JavaScript calls \W, and at _.
func splitWords(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return !isWord(r) })
}

func isWord(r rune) bool { return isSmall(r) || isCapital(r) || r >= '0' && r <= '9' }

func isSmall(r rune) bool { return r >= 'a' && r <= 'z' }

func isCapital(r rune) bool { return r >= 'A' && r <= 'Z' }

// hasCamel reports whether two ASCII letters of different case are adjacent.
func hasCamel(s string) bool {
	for i := 1; i < len(s); i++ {
		a, b := rune(s[i-1]), rune(s[i])
		if isSmall(a) && isCapital(b) || isCapital(a) && isSmall(b) {
			return true
		}
	}
	return false
}

// uncamel inserts a space before each capital except the first character:
// VIPCustomers becomes v_i_p_customers.
func uncamel(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && isCapital(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// lower is JavaScript's toLowerCase where it matters for ASCII letters: capital I with
// a dot becomes an i and a combining dot, which separates words.
func lower(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == 'İ' {
			return r
		}
		return unicode.ToLower(r)
	}, s)
	return strings.ReplaceAll(s, "İ", "i\u0307")
}

// isJSSpace is JavaScript's \s.
func isJSSpace(r rune) bool {
	return r == '\ufeff' || r != '\u0085' && unicode.IsSpace(r)
}
