package segment

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// Placeholders tell the ids of people from those that a shop sends for nobody:
// the words of [UsablePersonID] and those of its configuration. A nil one knows
// the former alone. It is never changed.
type Placeholders struct {
	words   map[string]bool // trimmed and folded
	trusted map[string]bool // exact
}

// NewPlaceholders takes more words, without regard to their case and to space
// around them, and ids that are somebody's although they look like a word.
func NewPlaceholders(words, trusted []string) *Placeholders {
	if len(words)+len(trusted) == 0 {
		return nil
	}
	p := &Placeholders{words: map[string]bool{}, trusted: map[string]bool{}}
	for _, w := range words {
		p.words[fold(w)] = true
		if hash, ok := HashEmail(w); ok { // as an address is kept
			p.words[hash] = true
		}
	}
	for _, id := range trusted {
		p.trusted[id] = true
	}
	return p
}

func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// Usable reports whether an id can stand for one person.
func (p *Placeholders) Usable(id string) bool {
	switch {
	case p.Trusted(id):
		return isPlain(id) && strings.TrimSpace(id) != ""
	case p != nil && len(p.words) > 0 && p.words[fold(id)]:
		return false
	}
	return UsableID(id) && !isNobody(id) && !strings.Contains(id, unread)
}

// Trusted reports whether the configuration says that an id is one person's.
func (p *Placeholders) Trusted(id string) bool { return p != nil && p.trusted[id] }

// Fingerprint changes with the rules and the configured words.
func (p *Placeholders) Fingerprint() string {
	const rules = "1" // raised where IsPlaceholder or isNobody takes in more
	if p == nil {
		return rules
	}
	all := slices.Concat(slices.Sorted(maps.Keys(p.words)), []string{"\x00"}, slices.Sorted(maps.Keys(p.trusted)))
	sum := sha256.Sum256([]byte(strings.Join(all, "\x00")))
	return rules + "-" + hex.EncodeToString(sum[:8])
}

// Identity puts together what an input says about a person. Ids that are
// not usable are left out, and so is an anonymous id that Segment derived from
// an address (eml_ and 40 hex digits): it is no device. Of an id that is an
// address, or holds one, only the hash of that is kept. email is an address in
// clear or its SHA-1; anything else is ignored. Of several addresses the user id's counts,
// then email, then the anonymous id's.
func (p *Placeholders) Identity(userID, anonymousID, email string) Identity {
	var id Identity
	if p.Usable(userID) {
		id.UserID = userID
	}
	if p.Usable(anonymousID) && !isDerivedID(anonymousID) {
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

// email is the hash of an address that is somebody's, or empty.
func (p *Placeholders) email(text string) string {
	hash, _ := HashEmail(text)
	if p != nil && p.words[hash] {
		return ""
	}
	return hash
}
