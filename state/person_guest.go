package state

import "encoding/binary"

// guestID returns the number under which the event of a guest, a person without any
// id, is stored. It is below zero, where no profile is, and differs for each event,
// so that no two guests share a click id or wait for each other.
func guestID(key eventKey) int64 {
	return ^int64(binary.BigEndian.Uint64(key.hash[:8]) >> 1)
}

// guestsWith returns the numbers of guests' events with this order id or message id,
// since a guest has no id of their own.
func guestsWith(r reading, id string) ([]int64, error) {
	return collect(r, `SELECT DISTINCT profile_id FROM deliveries WHERE id IN (SELECT delivery_id FROM events_by_person WHERE profile_id < 0) AND (order_id = ?1 OR message_id = ?1) LIMIT 100`, []any{id}, itself[int64])
}
