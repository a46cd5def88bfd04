package state

import (
	"bytes"
	"crypto/sha256"
	"database/sql/driver"
	"slices"
)

// eventKey is what an event is remembered by.
type eventKey [16]byte

func keyOf(e *Event) (k eventKey) {
	sum := sha256.Sum256([]byte(e.Key))
	copy(k[:], sum[:])
	return k
}

// mostRecentKeys is at how many recent keys they move to the large table. With
// more, each commit changes more pages of the small one; with fewer, the large
// one is written more often.
var mostRecentKeys = 200_000 // less in tests

const unknownKeys = -1 // recent ones have to be counted

// remember stores the keys of the events that wait and returns those that are
// new. In the keys' order, because a page of the table is then changed once in
// a commit and not once for each of its keys.
//
// It takes a statement for each, as outbox does: one of many rows has SQLite
// copy every page that it changes, to undo the statement alone. OR FAIL spares
// the copies of a statement that selects.
func (t *tx) remember(events []event) (fresh map[eventKey]bool, err error) {
	keys := make([]eventKey, len(events))
	for i := range events {
		keys[i] = events[i].key
	}
	slices.SortFunc(keys, func(a, b eventKey) int { return bytes.Compare(a[:], b[:]) })
	fresh = make(map[eventKey]bool, len(keys))
	args := make([]driver.Value, 2)
	err = t.Many(`INSERT OR FAIL INTO recent_event_keys (key, seen_at)
		SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM event_keys WHERE key = ?1) ON CONFLICT DO NOTHING`, len(keys),
		func(i int) []driver.Value {
			args[0], args[1] = keys[i][:], t.now
			return args
		}, func(i int, changed int64) {
			if changed > 0 {
				fresh[keys[i]] = true
			}
		})
	if err != nil {
		return nil, err
	}
	return fresh, t.settleKeys(len(fresh))
}

// settleKeys moves recent keys to the large table while they are many: a part
// at a time, for a part changes that share of the table's pages, and all of them
// have to fit the write-ahead log. Added is how many came just now.
func (t *tx) settleKeys(added int) error {
	if t.d.recentKeys == unknownKeys {
		if _, err := t.Get(`SELECT count(*) FROM recent_event_keys`, nil, &t.d.recentKeys); err != nil {
			return err
		}
	} else {
		t.d.recentKeys += added
	}
	for t.d.recentKeys >= mostRecentKeys {
		from, to := keyPart(t.d.keyPart)
		t.d.keyPart++
		// OR IGNORE cannot fail half-way, so SQLite copies no pages. No key is in both.
		if _, err := t.Exec(`INSERT OR IGNORE INTO event_keys (key, seen_at) SELECT key, seen_at FROM recent_event_keys WHERE key >= ? AND key < ? ORDER BY key`, from, to); err != nil {
			return err
		}
		moved, err := t.Exec(`DELETE FROM recent_event_keys WHERE key >= ? AND key < ?`, from, to)
		if err != nil {
			return err
		}
		t.d.recentKeys -= int(moved)
	}
	return nil
}

// keyParts is in how many parts the keys of events are moved, and looked through
// for old ones, one in each run: they have no index by time, and may stay longer
// than they must.
const keyParts = 32

// keyPart is where a part begins, and where it has ended. Parts are counted round
// and round.
func keyPart(n int64) (from, to []byte) {
	const each = 256 / keyParts
	first := int(n%keyParts) * each
	to = append([]byte{byte(first + each - 1)}, bytes.Repeat([]byte{0xff}, len(eventKey{}))...) // longer than any key
	return []byte{byte(first)}, to
}

func (t *tx) pruneKeys(before int64) error {
	from, to := keyPart(t.d.run)
	for _, query := range [...]string{
		`DELETE FROM event_keys WHERE key >= ? AND key < ? AND seen_at < ?`,
		`DELETE FROM recent_event_keys WHERE key >= ? AND key < ? AND seen_at < ?`,
	} {
		if _, err := t.Exec(query, from, to, before); err != nil {
			return err
		}
	}
	t.d.recentKeys = unknownKeys
	return nil
}
