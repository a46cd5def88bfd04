package segment

import (
	"cmp"
	"strings"
	"unicode"
)

// TraitKey returns the key that Segment is believed to make of a name: what the
// npm package to-snake-case 1.0.0 makes
// (https://github.com/ianstormtaylor/to-snake-case). "Order Completed Last
// 30days" is order_completed_last_30days, as on Segment's pages; which rule
// Segment's own app follows is not public, so a real key always wins over this.
//
// Digits never part a word; anything but ASCII letters and digits does.
// Capitals part words only in a name without spaces and separators. The result
// is empty for a name without an ASCII letter or digit, and for one whose key
// would be longer than [MaxTraitKey]. TraitKey of a key is that key.
func TraitKey(name string) string {
	words := splitWords(noCase(name))
	key := strings.Join(words, "_")
	if len(key) > MaxTraitKey {
		return ""
	}
	return key
}

// noCase is the package to-no-case: which signs part words is decided by the
// first kind found in the whole name.
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

// hasCamel reports whether two ASCII letters of different case stand together.
func hasCamel(s string) bool {
	for i := 1; i < len(s); i++ {
		a, b := rune(s[i-1]), rune(s[i])
		if isSmall(a) && isCapital(b) || isCapital(a) && isSmall(b) {
			return true
		}
	}
	return false
}

// uncamel parts each capital from what stands before it. The first character
// is never parted off: VIPCustomers is v_i_p_customers.
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

// lower is JavaScript's toLowerCase as far as it can give an ASCII letter: of
// capital I with a dot it makes an i and a combining dot, which parts words.
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
