package state

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"database/sql"
	"slices"
	"time"
)

// nanosAMinute is the length of a minute in nanoseconds.
const nanosAMinute = int64(time.Minute)

// eventKey is what an event is remembered by. The same message has the same
// minute whenever it comes, so the minute only keeps the keys of one time together: those
// of a commit stand on a few pages, however many there are.
type eventKey struct {
	minute int64
	hash   [16]byte
}

func keyOf(e *Event) (k eventKey) {
	sum := sha256.Sum256([]byte(e.Key))
	copy(k.hash[:], sum[:])
	k.minute = e.Minute
	return k
}

// keyChunk is how many keys one statement stores.
const keyChunk = 50

// remember stores the keys of events and returns those that no earlier event has.
// It goes in the order of the keys, so that a page of the table is changed once in
// a commit and not once for each of its keys.
func (t *tx) remember(events []event) (fresh map[eventKey]bool, err error) {
	keys := make([]eventKey, len(events))
	for i := range events {
		keys[i] = events[i].key
	}
	slices.SortFunc(keys, func(a, b eventKey) int {
		return cmp.Or(cmp.Compare(a.minute, b.minute), bytes.Compare(a.hash[:], b.hash[:]))
	})
	fresh = make(map[eventKey]bool, len(keys))
	for some := range slices.Chunk(keys, keyChunk) {
		if err := t.addKeys(some, fresh); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

// addKeys adds the new ones of some keys to the table, and to fresh.
func (t *tx) addKeys(keys []eventKey, fresh map[eventKey]bool) error {
	args := make([]any, 0, 1+2*len(keys))
	for i := range keys {
		args = append(args, keys[i].minute, keys[i].hash[:])
	}
	args = append(args, t.now)
	// Keys from before schema 12 have minute 0. FAIL spares SQLite the copies that it
	// keeps to undo one statement.
	return t.Each(valuesOf(`WITH new (minute, key) AS (VALUES `, "(?, ?)", len(keys))+`) INSERT OR FAIL INTO event_keys (minute, key, seen_at)
		SELECT minute, key, ? FROM new WHERE NOT EXISTS (SELECT 1 FROM event_keys k WHERE k.minute = 0 AND k.key = new.key) ON CONFLICT DO NOTHING RETURNING minute, key`, args, func(rows *sql.Rows) error {
		var k eventKey
		var hash sql.RawBytes
		if err := rows.Scan(&k.minute, &hash); err != nil {
			return err
		}
		copy(k.hash[:], hash)
		fresh[k] = true
		return nil
	})
}

// pruneKeys forgets old keys. Those without a minute have no index by time, so each run
// looks at one of 32 parts of them, and they may stay longer than they must.
func (t *tx) pruneKeys(before int64) error {
	if _, err := t.Exec(`DELETE FROM event_keys WHERE minute > 0 AND minute < ?1 / ?2 AND seen_at < ?1`, before, nanosAMinute); err != nil {
		return err
	}
	first := byte(t.d.run % 32 * 8)
	last := append([]byte{first + 7}, bytes.Repeat([]byte{0xff}, len(eventKey{}.hash))...) // longer than any key
	_, err := t.Exec(`DELETE FROM event_keys WHERE minute = 0 AND key BETWEEN ? AND ? AND seen_at < ?`, []byte{first}, last, before)
	return err
}
