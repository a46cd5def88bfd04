package segment

import (
	"fmt"
	"slices"
	"strings"
)

// field numbers the top-level keys that messages have, and those in
// context, so that a path starts with an index instead of a search.
type field int

const (
	fieldType field = iota
	fieldMessageID
	fieldUserID
	fieldAnonymousID
	fieldEvent
	fieldTimestamp         // receivedAt - (sentAt - originalTimestamp), set by Segment
	fieldOriginalTimestamp // the sender's clock, or what the caller passed
	fieldSentAt
	fieldReceivedAt
	fieldContext
	fieldProperties
	fieldTraits
	fieldIntegrations
	fieldContextApp
	fieldContextConsent
	fieldContextDevice
	fieldContextIP
	fieldContextOS
	fieldContextPage
	fieldContextPersonas
	fieldContextReferrer
	fieldContextTraits
	fieldContextUserAgent
	fieldOther // any other key; also the number of fields
)

func fieldOf(key string) field {
	switch key {
	case "type":
		return fieldType
	case "messageId":
		return fieldMessageID
	case "userId":
		return fieldUserID
	case "anonymousId":
		return fieldAnonymousID
	case "event":
		return fieldEvent
	case "timestamp":
		return fieldTimestamp
	case "originalTimestamp":
		return fieldOriginalTimestamp
	case "sentAt":
		return fieldSentAt
	case "receivedAt":
		return fieldReceivedAt
	case "context":
		return fieldContext
	case "properties":
		return fieldProperties
	case "traits":
		return fieldTraits
	case "integrations":
		return fieldIntegrations
	}
	return fieldOther
}

func contextFieldOf(key string) field {
	switch key {
	case "app":
		return fieldContextApp
	case "consent":
		return fieldContextConsent
	case "device":
		return fieldContextDevice
	case "ip":
		return fieldContextIP
	case "os":
		return fieldContextOS
	case "page":
		return fieldContextPage
	case "personas":
		return fieldContextPersonas
	case "referrer":
		return fieldContextReferrer
	case "traits":
		return fieldContextTraits
	case "userAgent":
		return fieldContextUserAgent
	}
	return fieldOther
}

// Path is a parsed dotted path into a message, for example
// "properties.order_id" or "properties.products.0.sku". The zero Path is the
// message itself.
type Path struct {
	text string
	root field
	keys []string
}

// ParsePath reads a dotted path. Keys are case-sensitive; a key that itself
// holds a dot cannot be addressed; a number is a position in an array, from 0.
func ParsePath(text string) (Path, error) {
	keys := strings.Split(text, ".")
	if slices.Contains(keys, "") {
		return Path{}, fmt.Errorf("read path %q: an empty name; write it like properties.order_id", text)
	}
	p := Path{text: text, root: fieldOf(keys[0]), keys: keys}
	if p.root != fieldOther {
		p.keys = keys[1:]
	}
	if p.root == fieldContext && len(p.keys) > 0 && contextFieldOf(p.keys[0]) != fieldOther {
		p.root, p.keys = contextFieldOf(p.keys[0]), p.keys[1:]
	}
	return p, nil
}

// MustPath is [ParsePath] for paths written in the code; it panics on a bad one.
func MustPath(text string) Path {
	p, err := ParsePath(text)
	if err != nil {
		panic(err)
	}
	return p
}

// String gives the path as it was written.
func (p Path) String() string { return p.text }

// Keys are the parts of the path, from the top of the message.
func (p Path) Keys() []string { return strings.Split(p.text, ".") }
