package state

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"strings"
)

// eventKey is what an event is remembered by.
type eventKey [16]byte

func keyOf(e *Event) (k eventKey) {
	sum := sha256.Sum256([]byte(e.Key))
	copy(k[:], sum[:])
	return k
}

// pageLoad is an event that waits to be stored with others.
type pageLoad struct {
	item    *Item
	profile int64
	key     eventKey
}

// pageChunk is how many page loads one statement stores.
const pageChunk = 40

// event puts an event into the outbox, unless it came before. Page loads wait
// for each other; conversions, of which there are few, have a second key.
func (s *storing) event(it *Item, profile int64) error {
	p := pageLoad{item: it, profile: profile, key: keyOf(it.Event)}
	if it.Event.Kind == Conversion {
		return s.conversion(p)
	}
	for i := range s.pages {
		if s.pages[i].key == p.key {
			s.countRun("duplicate_message", 1)
			return nil
		}
	}
	s.pages = append(s.pages, p)
	if len(s.pages) < pageChunk {
		return nil
	}
	return s.flush()
}

const deliveryColumns = `(kind, status, has_click, profile_id, message_id, event, event_at, created_at, payload, origin, line, event_type, order_id, amount, currency)`

func (s *storing) conversion(p pageLoad) error {
	e := p.item.Event
	fresh, err := s.exec(`INSERT INTO event_keys (key, seen_at) VALUES (?, ?) ON CONFLICT DO NOTHING`, p.key[:], s.now)
	if err != nil {
		return err
	}
	if fresh == 0 {
		s.countRun("duplicate_message", 1)
		return nil
	}
	status := statusPending
	if s.d.guards.Conversions.on() {
		status = statusHeld // until the guard's verdict
	}
	var amount any
	if e.Currency != "" {
		amount = e.Amount
	}
	added, err := s.exec(`INSERT INTO deliveries `+deliveryColumns+` VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		e.Kind, status, p.item.ClickID != "", p.profile, e.MessageID, e.Name, nanos(e.At), s.now, string(e.Payload), s.origin, p.item.Line, null(e.EventType), null(e.OrderID), amount, null(e.Currency))
	if err != nil {
		return err
	}
	if added == 0 {
		s.countRun("duplicate_order", 1)
		return nil
	}
	s.countRun("found", 1)
	s.count(scopeConversions, statusNames[status], 1)
	return nil
}

// flush stores the page loads that wait.
func (s *storing) flush() error {
	if len(s.pages) == 0 {
		return nil
	}
	wait := s.pages
	s.pages = s.pages[:0]
	known, err := s.knownKeys(wait)
	if err != nil {
		return err
	}
	fresh := make([]pageLoad, 0, len(wait))
	for _, p := range wait {
		if known[p.key] {
			s.countRun("duplicate_message", 1)
			continue
		}
		fresh = append(fresh, p)
	}
	return s.pageLoads(fresh)
}

func (s *storing) knownKeys(wait []pageLoad) (map[eventKey]bool, error) {
	args := make([]any, len(wait))
	for i := range wait {
		args[i] = wait[i].key[:]
	}
	var known map[eventKey]bool
	err := s.each(valuesOf(`SELECT key FROM event_keys WHERE key IN (`, "?", len(wait))+`)`, args, func(rows *sql.Rows) error {
		var key sql.RawBytes
		if err := rows.Scan(&key); err != nil {
			return err
		}
		if known == nil {
			known = map[eventKey]bool{}
		}
		known[eventKey(key)] = true
		return nil
	})
	return known, err
}

func (s *storing) pageLoads(fresh []pageLoad) error {
	if len(fresh) == 0 {
		return nil
	}
	keys := []any{s.now}
	rows := []any{s.now, s.origin}
	for i := range fresh {
		p := &fresh[i]
		e := p.item.Event
		keys = append(keys, p.key[:])
		rows = append(rows, p.item.ClickID != "", p.profile, e.MessageID, e.Name, nanos(e.At), string(e.Payload), p.item.Line)
	}
	if _, err := s.exec(numbered(`INSERT INTO event_keys (key, seen_at) VALUES `, len(fresh), 2, 1, `(?%d, ?1)`), keys...); err != nil {
		return err
	}
	if _, err := s.exec(numbered(`INSERT INTO deliveries `+deliveryColumns+` VALUES `, len(fresh), 3, 7,
		`('page_load', 1, ?%d, ?%d, ?%d, ?%d, ?%d, ?1, ?%d, ?2, ?%d, NULL, NULL, NULL, NULL)`), rows...); err != nil {
		return err
	}
	n := int64(len(fresh))
	s.countRun("found", n)
	s.count(scopePageLoads, statusNames[statusPending], n)
	return nil
}

// numbered repeats a row of a statement n times, its parameters numbered on
// from first; per is how many a row has.
func numbered(start string, n, first, per int, row string) string {
	var q strings.Builder
	q.WriteString(start)
	args := make([]any, per)
	for i := range n {
		if i > 0 {
			q.WriteByte(',')
		}
		for j := range args {
			args[j] = first + i*per + j
		}
		fmt.Fprintf(&q, row, args...)
	}
	return q.String()
}

// follow moves page loads that still wait, when their person turns out to be a
// user.
func (s *storing) follow(anonymous Person, user int64) {
	old := Person{AnonymousID: anonymous.AnonymousID}.ProfileID()
	for i := range s.pages {
		if s.pages[i].profile == old {
			s.pages[i].profile = user
		}
	}
}

func scopeOf(k Kind) int64 {
	if k == Conversion {
		return scopeConversions
	}
	return scopePageLoads
}
