package state

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"time"
)

// nanosADay is the length of a day in nanoseconds.
const nanosADay = int64(24 * time.Hour)

// eventKey is what an event is remembered by. The same message has the same day
// whenever it comes, so the day only keeps the keys of one time together.
type eventKey struct {
	day  int64
	hash [16]byte
}

func keyOf(e *Event) (k eventKey) {
	sum := sha256.Sum256([]byte(e.Key))
	copy(k.hash[:], sum[:])
	k.day = e.Day
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
	slices.SortFunc(keys, func(a, b eventKey) int {
		return cmp.Or(cmp.Compare(a.day, b.day), bytes.Compare(a.hash[:], b.hash[:]))
	})
	fresh = make(map[eventKey]bool, len(keys))
	for _, k := range keys {
		// Keys from before schema 11 have day 0.
		added, err := t.Exec(`INSERT OR FAIL INTO event_keys (day, key, seen_at)
			SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM event_keys WHERE day = 0 AND key = ?2) ON CONFLICT DO NOTHING`, k.day, k.hash[:], t.now)
		if err != nil {
			return nil, err
		}
		if added > 0 {
			fresh[k] = true
		}
	}
	return fresh, nil
}

// pruneKeys forgets old keys. Those without a day have no index by time, so each run
// looks at one of 32 parts of them, and they may stay longer than they must.
func (t *tx) pruneKeys(before int64) error {
	if _, err := t.Exec(`DELETE FROM event_keys WHERE day > 0 AND day < ?1 / ?2 AND seen_at < ?1`, before, nanosADay); err != nil {
		return err
	}
	first := byte(t.d.run % 32 * 8)
	last := append([]byte{first + 7}, bytes.Repeat([]byte{0xff}, len(eventKey{}.hash))...) // longer than any key
	_, err := t.Exec(`DELETE FROM event_keys WHERE day = 0 AND key BETWEEN ? AND ? AND seen_at < ?`, []byte{first}, last, before)
	return err
}
