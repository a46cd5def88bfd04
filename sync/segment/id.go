package segment

import (
	"strings"
	"unicode/utf8"
)

// MaxID is the length of the longest usable id, in bytes. Segment documents no limit
// (https://segment.com/docs/connections/spec/identify/); this one only keeps out
// junk.
const MaxID = 512

// UsableID reports whether s can identify one thing: an order, a click, a product, a
// message. Placeholders (see [IsPlaceholder]), ids with control characters and ids
// longer than [MaxID] cannot. Everything else is used byte for byte.
func UsableID(s string) bool {
	return isOrdinary(s) || !IsPlaceholder(s) && isPlain(s)
}

func isPlain(s string) bool {
	return len(s) <= MaxID && !HoldsControl(s)
}

// isOrdinary is a quick test that most ids pass. It is true only for an id that can
// identify a person and holds no address: one of letters, digits, - and _ that begins
// with a digit other than 0, or with a letter and is longer than all words for nobody.
func isOrdinary(s string) bool {
	if s == "" || len(s) > MaxID || !isAlphanumeric(s[0]) || s[0] == '0' || s[0] > '9' && len(s) <= max(emptyWords.longest, nobodyWords.longest) {
		return false
	}
	for i := range len(s) {
		if !ordinary[s[i]] {
			return false
		}
	}
	return true
}

// ordinary are letters, digits, - and _.
var ordinary = func() (set [256]bool) {
	for c := range byte(utf8.RuneSelf) {
		set[c] = isAlphanumeric(c) || c == '-' || c == '_'
	}
	return set
}()

func isAlphanumeric(c byte) bool { return c-'0' < 10 || c|0x20-'a' < 26 }

// UsablePersonID is [UsableID] for user ids and anonymous ids. It also rejects words
// that shops send for people they do not know (guest, anonymous, unknown, test), and
// ids with characters that could not be read (U+FFFD), which several people may
// share. Segment advises blocking some of these words
// (https://segment.com/docs/unify/identity-resolution/identity-resolution-settings/).
// [Placeholders] adds more.
func UsablePersonID(s string) bool { return (*Placeholders)(nil).Usable(s) }

// NewIdentity is [Placeholders.Identity] without words from a configuration.
func NewIdentity(userID, anonymousID, email string) Identity {
	return (*Placeholders)(nil).Identity(userID, anonymousID, email)
}

// takeEmail empties an id that is or holds an address, and returns the hash of the
// address.
func takeEmail(id *string) string {
	text := *id
	if text == "" || isOrdinary(text) || !HoldsEmail(text) {
		return ""
	}
	*id = ""
	hash, _ := HashEmail(addressIn(unveil(text)))
	return hash
}

func isDerivedID(s string) bool {
	rest, ok := strings.CutPrefix(s, "eml_")
	return ok && len(rest) == 40 && isHex(rest)
}

func isHexDigit(c byte) bool { return c-'0' < 10 || c|0x20-'a' < 6 }

func isHex(s string) bool {
	for i := range len(s) {
		if !isHexDigit(s[i]) {
			return false
		}
	}
	return s != ""
}
