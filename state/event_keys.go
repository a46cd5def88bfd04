package state

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"database/sql/driver"
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

// keyChunk is how many keys one statement looks up or stores.
const keyChunk = 50

// remember stores the keys of events and returns those that an earlier event has.
// It goes in the order of the keys, so that a page of the table is changed once in
// a commit and not once for each of its keys.
func (t *tx) remember(events []event) (known map[eventKey]bool, err error) {
	keys := make([]eventKey, len(events))
	for i := range events {
		keys[i] = events[i].key
	}
	slices.SortFunc(keys, func(a, b eventKey) int {
		return cmp.Or(cmp.Compare(a.minute, b.minute), bytes.Compare(a.hash[:], b.hash[:]))
	})
	var undated bool
	if _, err := t.Get(`SELECT EXISTS (SELECT 1 FROM event_keys WHERE minute = 0)`, nil, &undated); err != nil {
		return nil, err
	}
	known = map[eventKey]bool{}
	for some := range slices.Chunk(keys, keyChunk) {
		if err := t.knownKeys(some, undated, known); err != nil {
			return nil, err
		}
	}
	if len(known) > 0 {
		keys = slices.DeleteFunc(keys, func(k eventKey) bool { return known[k] })
	}
	for some := range slices.Chunk(keys, keyChunk) {
		if err := t.addKeys(some); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// knownKeys adds to known those of some keys that are in the table. Those from before
// schema 12 have minute 0, as have those of messages without a time. If there are any,
// each key is looked for there, too, which takes as long again.
func (t *tx) knownKeys(keys []eventKey, undated bool, known map[eventKey]bool) error {
	minute := "= new.minute"
	if undated {
		minute = "IN (0, new.minute)"
	}
	args := make([]any, 0, 2*len(keys))
	for i := range keys {
		args = append(args, keys[i].minute, keys[i].hash[:])
	}
	query := valuesOf(`WITH new (minute, key) AS (VALUES `, "(?, ?)", len(keys)) + `)
		SELECT minute, key FROM new WHERE EXISTS (SELECT 1 FROM event_keys k WHERE k.minute ` + minute + ` AND k.key = new.key)`
	return t.Chunks(query, args, keyChunk, func(rows [][]driver.Value) error {
		for _, row := range rows {
			k := eventKey{minute: numberIn(row[0])}
			hash, _ := row[1].([]byte)
			copy(k.hash[:], hash)
			known[k] = true
		}
		return nil
	})
}

// addKeys adds new keys to the table.
func (t *tx) addKeys(keys []eventKey) error {
	args := make([]any, 0, 3*len(keys))
	for i := range keys {
		args = append(args, keys[i].minute, keys[i].hash[:], t.now)
	}
	// FAIL spares SQLite the copies of pages that it keeps to undo one statement.
	return t.Put(valuesOf(`INSERT OR FAIL INTO event_keys (minute, key, seen_at) VALUES `, "(?, ?, ?)", len(keys)), args...)
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
