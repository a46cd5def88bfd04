package segment

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// Placeholders tells the ids of people from words that a shop sends for nobody: those
// of [UsablePersonID] and those of its configuration. A nil *Placeholders knows only
// the former. It never changes.
type Placeholders struct {
	words   map[string]bool // trimmed and folded
	trusted map[string]bool // exact
}

// NewPlaceholders adds words, which are matched regardless of case and of space around
// them, and trusted ids, which belong to somebody although they look like a word.
func NewPlaceholders(words, trusted []string) *Placeholders {
	if len(words)+len(trusted) == 0 {
		return nil
	}
	p := &Placeholders{words: map[string]bool{}, trusted: map[string]bool{}}
	for _, w := range words {
		p.words[fold(w)] = true
		if hash, ok := HashEmail(w); ok { // addresses are compared by their hash
			p.words[hash] = true
		}
	}
	for _, id := range trusted {
		p.trusted[id] = true
	}
	return p
}

func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// Usable reports whether an id can identify one person.
func (p *Placeholders) Usable(id string) bool {
	switch {
	case p.Trusted(id):
		return isPlain(id) && strings.TrimSpace(id) != ""
	case p != nil && len(p.words) > 0 && p.words[fold(id)]:
		return false
	}
	return isOrdinary(id) || UsableID(id) && !isNobody(id) && !strings.Contains(id, unread)
}

// Trusted reports whether the configuration says that an id belongs to one person.
func (p *Placeholders) Trusted(id string) bool { return p != nil && p.trusted[id] }

// Fingerprint returns a text that changes with the rules and the configured words.
func (p *Placeholders) Fingerprint() string {
	const rules = "1" // to be raised when IsPlaceholder or isNobody matches more
	if p == nil {
		return rules
	}
	all := slices.Concat(slices.Sorted(maps.Keys(p.words)), []string{"\x00"}, slices.Sorted(maps.Keys(p.trusted)))
	sum := sha256.Sum256([]byte(strings.Join(all, "\x00")))
	return rules + "-" + hex.EncodeToString(sum[:8])
}

// Identity combines what an input says about a person. Unusable ids are left out, and
// so is an anonymous id that Segment derived from an address (eml_ and 40 hex
// digits), because it is not a device. Of an id that is or holds an address, only
// the hash of the address is kept. email is an address in clear or its SHA-1;
// anything else is ignored. If there are several addresses, that of the user id
// counts, then email, then that of the anonymous id.
func (p *Placeholders) Identity(userID, anonymousID, email string) Identity {
	if userID != "" && !p.Usable(userID) {
		userID = ""
	}
	return p.identity(userID, anonymousID, email)
}

// identity is Identity for a user id that is usable, or "".
func (p *Placeholders) identity(userID, anonymousID, email string) Identity {
	id := Identity{UserID: userID}
	if anonymousID != "" && p.Usable(anonymousID) && !isDerivedID(anonymousID) {
		id.AnonymousID = anonymousID
	}
	anonymousHash := takeEmail(&id.AnonymousID)
	id.EmailSHA1 = takeEmail(&id.UserID)
	if id.EmailSHA1 == "" && email != "" {
		id.EmailSHA1 = p.email(email)
	}
	if id.EmailSHA1 == "" {
		id.EmailSHA1 = anonymousHash
	}
	return id
}

// email returns the hash of an address, or nothing if it is a placeholder or not an
// address.
func (p *Placeholders) email(text string) string {
	hash, _ := HashEmail(text)
	if p != nil && p.words[hash] {
		return ""
	}
	return hash
}
