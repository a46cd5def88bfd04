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
	if len(s) > MaxID || IsPlaceholder(s) {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// UsablePersonID is [UsableID] for the ids of people, user ids and anonymous
// ids: of these the words that shops send for somebody they do not know
// (guest, anonymous, unknown, test) are none either. Segment advises to block
// some of them
// (https://segment.com/docs/unify/identity-resolution/identity-resolution-settings/).
func UsablePersonID(s string) bool { return UsableID(s) && !isNobody(s) }

// NewIdentity puts together what an input says about a person. Ids that are
// not usable are left out, and so is an anonymous id that Segment derived from
// an address (eml_ and 40 hex digits): it is no device. Of an id that is an
// address, or holds one, only the hash of that is kept. email is an address in
// clear or its SHA-1; anything else is ignored. Of several addresses the user id's counts,
// then email, then the anonymous id's.
func NewIdentity(userID, anonymousID, email string) Identity {
	var id Identity
	if UsablePersonID(userID) {
		id.UserID = userID
	}
	if UsablePersonID(anonymousID) && !isDerivedID(anonymousID) {
		id.AnonymousID = anonymousID
	}
	if anonymousID == "" && email == "" { // most people, and their list may be long
		id.EmailSHA1 = takeEmail(&id.UserID)
		return id
	}
	anonymousHash := takeEmail(&id.AnonymousID)
	id.EmailSHA1 = takeEmail(&id.UserID)
	if id.EmailSHA1 == "" && email != "" {
		id.EmailSHA1, _ = HashEmail(email)
	}
	if id.EmailSHA1 == "" {
		id.EmailSHA1 = anonymousHash
	}
	return id
}

// takeEmail empties an id that is an address, or holds one, and gives the
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

func isHex(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}
