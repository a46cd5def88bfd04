package state

import (
	"crypto/sha256"
	"encoding/binary"
)

// Person is how somebody can be addressed. The first field that is set, in
// this order, is the profile's key; the others ride along.
type Person struct {
	UserID      string
	AnonymousID string
	EmailSHA1   string
}

// IsZero reports whether the person has no id at all.
func (p Person) IsZero() bool { return p == Person{} }

// key is the profile's key with its kind in front, since a user id and an
// anonymous id of the same text are two people.
func (p Person) key() string {
	kind, key := p.kindAndKey()
	return string(kind) + key
}

func (p Person) kindAndKey() (kind byte, key string) {
	switch {
	case p.UserID != "":
		return 'u', p.UserID
	case p.AnonymousID != "":
		return 'a', p.AnonymousID
	default:
		return 'e', p.EmailSHA1
	}
}

// keyOnly is the person without what rides along.
func (p Person) keyOnly() Person {
	switch {
	case p.UserID != "":
		return Person{UserID: p.UserID}
	case p.AnonymousID != "":
		return Person{AnonymousID: p.AnonymousID}
	}
	return p
}

// hasRiders reports whether there is more than the key.
func (p Person) hasRiders() bool {
	return p.UserID != "" && (p.AnonymousID != "" || p.EmailSHA1 != "") || p.AnonymousID != "" && p.EmailSHA1 != ""
}

// hash is the SHA-256 of the key. Buf is scratch space and comes back.
func (p Person) hash(buf []byte) ([sha256.Size]byte, []byte) {
	kind, key := p.kindAndKey()
	buf = append(append(buf[:0], kind), key...)
	return sha256.Sum256(buf), buf
}

// ProfileID is the number under which the state keeps a person, barring a
// clash: the first 63 bits of the SHA-256 of the key. It is the same in every
// state file.
func (p Person) ProfileID() int64 {
	var buf [128]byte // on the stack, for the usual key
	sum, _ := p.hash(buf[:0])
	return profileID(sum)
}

func profileID(sum [sha256.Size]byte) int64 {
	return int64(binary.BigEndian.Uint64(sum[:8]) >> 1)
}

// sameKey reports whether a stored profile is this person.
func (p Person) sameKey(stored Person) bool {
	kind, key := p.kindAndKey()
	storedKind, storedKey := stored.kindAndKey()
	return key == storedKey && kind == storedKind
}
