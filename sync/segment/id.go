package segment

import "strings"

// MaxID is the longest id that is used, in bytes. Segment documents no limit
// (https://segment.com/docs/connections/spec/identify/); this one only keeps
// junk out.
const MaxID = 512

// UsableID reports whether s can stand for one thing: an order, a click, a
// product, a message. Placeholders (see [IsPlaceholder]) are turned down, and
// so are ids with control characters and ones over [MaxID]. Everything else is
// used byte for byte.
func UsableID(s string) bool {
	return !IsPlaceholder(s) && isPlain(s)
}

func isPlain(s string) bool {
	return len(s) <= MaxID && !HoldsControl(s)
}

// UsablePersonID is [UsableID] for the ids of people, user ids and anonymous
// ids: of these the words that shops send for somebody they do not know
// (guest, anonymous, unknown, test) are none either, nor are ids of which a part
// could not be read (U+FFFD): they may be several people's. Segment advises to block
// some of them
// (https://segment.com/docs/unify/identity-resolution/identity-resolution-settings/).
// [Placeholders] adds to them.
func UsablePersonID(s string) bool { return (*Placeholders)(nil).Usable(s) }

// NewIdentity is [Placeholders.Identity] with the words alone that are known
// without a configuration.
func NewIdentity(userID, anonymousID, email string) Identity {
	return (*Placeholders)(nil).Identity(userID, anonymousID, email)
}

// takeEmail empties an id that is an address, or holds one, and returns the
// address's hash.
func takeEmail(id *string) string {
	text := *id
	if !HoldsEmail(text) {
		return ""
	}
	*id = ""
	text = unveil(text)
	start, end := findEmail(text)
	for end == 0 { // percent-encoded, or HoldsEmail had not seen it
		text = unescape(text)
		start, end = findEmail(text)
	}
	hash, _ := HashEmail(text[start:end])
	return hash
}

func isDerivedID(s string) bool {
	rest, ok := strings.CutPrefix(s, "eml_")
	return ok && len(rest) == 40 && isHex(rest)
}

const hexDigits = digits + "abcdefABCDEF"

func isHex(s string) bool {
	return s != "" && strings.Trim(s, hexDigits) == ""
}
