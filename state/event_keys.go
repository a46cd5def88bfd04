package state

import (
	"bytes"
	"crypto/sha256"
	"slices"
)

// eventKey is what an event is remembered by.
type eventKey [16]byte

func keyOf(e *Event) (k eventKey) {
	sum := sha256.Sum256([]byte(e.Key))
	copy(k[:], sum[:])
	return k
}

// remember stores the keys of events and returns those that no earlier event has.
// It goes in the order of the keys, so that a page of the table is changed once in
// a commit and not once for each of its keys.
func (t *tx) remember(events []event) (fresh map[eventKey]bool, err error) {
	keys := make([]eventKey, len(events))
	for i := range events {
		keys[i] = events[i].key
	}
	slices.SortFunc(keys, func(a, b eventKey) int { return bytes.Compare(a[:], b[:]) })
	fresh = make(map[eventKey]bool, len(keys))
	for _, k := range keys {
		added, err := t.Exec(`INSERT INTO event_keys (key, seen_at) VALUES (?, ?) ON CONFLICT DO NOTHING`, k[:], t.now)
		if err != nil {
			return nil, err
		}
		if added > 0 {
			fresh[k] = true
		}
	}
	return fresh, nil
}

// pruneKeys forgets old keys. They have no index by time, so each run looks at
// one of 32 parts, and a key may stay longer than it must.
func (t *tx) pruneKeys(before int64) error {
	first := byte(t.d.run % 32 * 8)
	last := append([]byte{first + 7}, bytes.Repeat([]byte{0xff}, len(eventKey{}))...) // longer than any key
	_, err := t.Exec(`DELETE FROM event_keys WHERE key BETWEEN ? AND ? AND seen_at < ?`, []byte{first}, last, before)
	return err
}
