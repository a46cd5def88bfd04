package segment

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"
)

// Message is one Segment call. Its fields own their memory and may be kept; what
// [Message.Lookup] returns is valid only until [Message.Release]. A Message is for
// one goroutine at a time.
//
// Ids are byte-exact, and empty if absent or unusable, see [Placeholders.Usable]. An
// id that was sent as a number is its text.
type Message struct {
	Type        string // page, screen, identify, track, group, alias, delete, or whatever was sent
	MessageID   string
	UserID      string
	AnonymousID string
	Event       string // of a track call

	doc  document
	root Value
	tops [topKeys]uint32 // the values of these keys, as numbers of nodes; zero: absent

	identity Identity
	at       time.Time // the effective one
	timing   Timing
	written  time.Time // when its object was written
	now      time.Time // when it is read

	identified bool // identity is set
	timed      bool // at is set
	size       int
	pool       *sync.Pool

	placeholders *Placeholders
}

// Release returns the message's memory to its decoder. Neither the message
// nor any [Value] or text of it that came from Lookup may be used afterwards.
func (m *Message) Release() {
	pool, size, doc := m.pool, m.size, m.doc
	if pool == nil {
		return
	}
	*m = Message{}
	m.doc = doc
	if size <= keepBytes {
		pool.Put(m)
	}
}

// Key identifies the message among all. It is the messageId, or else a hash of the
// whole message that does not depend on the order of keys or on white space.
func (m *Message) Key() string {
	if m.MessageID != "" {
		return m.MessageID
	}
	sum := sha256.Sum256(m.root.AppendJSON(nil))
	return "sha256-" + hex.EncodeToString(sum[:16])
}

// Identity says how the person of the message can be addressed; see
// [Placeholders.Identity] for addresses among the ids. The e-mail address is the
// first valid one of traits.email, context.traits.email and properties.email.
func (m *Message) Identity() Identity {
	if !m.identified { // it is needed several times
		m.identity, m.identified = m.readIdentity(), true
	}
	return m.identity
}

func (m *Message) readIdentity() Identity {
	id := m.placeholders.Identity(m.UserID, m.AnonymousID, "")
	for i := 0; i < len(emailPaths) && id.EmailSHA1 == ""; i++ {
		if text, ok := m.Lookup(emailPaths[i]).Text(); ok {
			id.EmailSHA1 = m.placeholders.email(text)
		}
	}
	return id
}

// EmailHash returns the SHA-1 of the person's address, or else a SHA-256 that the
// message holds in its place, which impact.com accepts only in conversions.
func (m *Message) EmailHash() string {
	if hash := m.Identity().EmailSHA1; hash != "" {
		return hash
	}
	const sha256Digits = 64
	for _, path := range emailPaths {
		text, _ := m.Lookup(path).Str()
		if text = strings.TrimSpace(text); len(text) == sha256Digits && isHex(text) {
			return strings.ToLower(text)
		}
	}
	return ""
}

var emailPaths = [...]Path{
	MustPath("traits.email"), MustPath("context.traits.email"), MustPath("properties.email"),
}

// Root returns the whole message.
func (m *Message) Root() Value { return m.root }

// Get returns the value of a top-level key.
func (m *Message) Get(key string) Value {
	if top := topKeyOf(key); top != 0 {
		return m.top(top)
	}
	return m.root.Get(key)
}

// Lookup returns the value at a path. It takes some nanoseconds per key of the objects
// on the way and never allocates.
func (m *Message) Lookup(p Path) Value {
	if p.top == 0 {
		return m.root.At(p.keys)
	}
	return m.top(p.top).At(p.keys[1:])
}

func (m *Message) top(key topKey) Value {
	if i := m.tops[key]; i != 0 {
		return Value{&m.doc, i}
	}
	return Value{}
}

// findTops finds the values of the top-level keys that are asked for again and again.
func (m *Message) findTops() {
	nodes := m.doc.nodes
	for i := uint32(1); i < nodes[0].end; i = nodes[i].end {
		if top := topKeyOf(m.doc.string(nodes[i].key, nodes[i].keyEnd)); top != 0 && m.tops[top] == 0 {
			m.tops[top] = i
		}
	}
}

// topKey is a key at the top of a message; zero stands for all others.
type topKey uint8

const topKeys = 14

func topKeyOf(key string) topKey {
	switch key {
	case "type":
		return 1
	case "event":
		return 2
	case "messageId":
		return 3
	case "userId":
		return 4
	case "anonymousId":
		return 5
	case "context":
		return 6
	case "properties":
		return 7
	case "traits":
		return 8
	case "integrations":
		return 9
	case "timestamp":
		return 10
	case "originalTimestamp":
		return 11
	case "receivedAt":
		return 12
	case "sentAt":
		return 13
	}
	return 0
}
