package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
)

// maxValue bounds every text that is read from a message, in bytes. It is far
// above impact.com's limits; only URLs come near.
const maxValue = 8 << 10

// source is a compiled path. Ids and addresses are not read from the message but
// from the person's identity, and the timestamp is the time that counts, whichever
// line or custom mapping asks; so no address slips through, and a reduced message
// yields the same.
type source struct {
	path    segment.Path
	as      meaning
	trait   string // the key of a traits.<key> path, which may come from the state
	removed bool   // of a custom mapping: the parameter is not to be sent
}

// meaning is what a path stands for.
type meaning uint8

const (
	plain meaning = iota
	userID
	anonymousID
	messageID
	email
	timestamp
	nothing
)

func compileSource(path segment.Path) source {
	s := source{path: path}
	switch path.String() {
	case "userId":
		s.as = userID
	case "anonymousId":
		s.as = anonymousID
	case "messageId":
		s.as = messageID
	case "timestamp":
		s.as = timestamp
	case "traits.email", "context.traits.email", "properties.email":
		s.as = email
	default:
		keys := path.Keys()
		switch {
		case keys[0] == "timestamp":
			s.as = nothing // a time has no parts
		case keys[0] == "traits" && len(keys) == 2:
			s.trait = keys[1]
		}
	}
	return s
}

// resolve returns a source's text without e-mail addresses; empty if it is absent.
func (b *build) resolve(s *source) string {
	switch s.as {
	case userID:
		return b.identity.UserID
	case anonymousID:
		return b.identity.AnonymousID
	case messageID:
		return messageKey(b.msg)
	case email:
		return b.email
	case timestamp:
		if b.msg == nil {
			return ""
		}
		return bounded(b.msg.TimeText())
	case nothing:
		return ""
	}
	if b.msg != nil {
		if text := textOf(b.msg.Lookup(s.path)); text != "" {
			return text
		}
	}
	if s.trait == "" {
		return ""
	}
	b.askedState = true
	if b.person.Traits == nil {
		return ""
	}
	text, _ := b.person.Traits(s.trait)
	return bounded(text)
}

// messageKey returns the message's key without addresses, which some senders put
// into their ids.
func messageKey(m *segment.Message) string {
	key := m.Key()
	if !segment.HoldsEmail(key) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256-" + hex.EncodeToString(sum[:16])
}

// textOf returns a value's text. All texts of a message are read with it.
func textOf(v segment.Value) string {
	text, _ := v.Text()
	return bounded(text)
}

// bounded cuts a text to maxValue and removes addresses.
func bounded(text string) string {
	if len(text) > maxValue {
		text = strings.ToValidUTF8(text[:maxValue], "")
		if i := strings.LastIndexAny(text, "&?# "); i > maxValue/2 { // half an id would be another id
			text = text[:i]
		}
	}
	return segment.Redact(text)
}
