package state

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// eventKey is what an event is remembered by.
type eventKey [16]byte

func keyOf(e *Event) (k eventKey) {
	sum := sha256.Sum256([]byte(e.Key))
	copy(k[:], sum[:])
	return k
}

// event is one that waits to be stored with others.
type event struct {
	*Event
	key     eventKey
	profile int64
	click   bool // the message had a click id
	origin  int64
	line    int64
}

// chunk is how many rows one statement stores.
const chunk = 50

// event has an event wait for the outbox, unless the same one waits already.
func (s *storing) event(it *Item, profile int64) {
	e := event{Event: it.Event, key: keyOf(it.Event), profile: profile, click: it.ClickID != "", origin: s.origin, line: it.Line}
	if s.waiting[e.key] {
		s.countRun("duplicate_message", 1)
		return
	}
	s.waiting[e.key] = true
	s.events = append(s.events, e)
}

// follow moves events that still wait, when their person turns out to be a
// user. Whoever is the user first has them.
func (s *storing) follow(anonymous Person, user int64) {
	old := Person{AnonymousID: anonymous.AnonymousID}.ProfileID()
	if _, done := s.users[old]; !done {
		s.users[old] = user
	}
}

// flush puts the events that wait into the outbox, unless they came before.
func (s *storing) flush() error {
	fresh, err := s.remember()
	if err != nil {
		return err
	}
	pages := make([]event, 0, len(s.events))
	for _, e := range s.events {
		if user, ok := s.users[e.profile]; ok {
			e.profile = user
		}
		switch {
		case !fresh[e.key]:
			s.countRun("duplicate_message", 1)
		case e.Kind == PageLoad:
			pages = append(pages, e)
		default:
			if err := s.conversion(&e); err != nil {
				return err
			}
		}
	}
	s.events = s.events[:0]
	clear(s.waiting)
	clear(s.users)
	for some := range slices.Chunk(pages, chunk) {
		if err := s.pageLoads(some); err != nil {
			return err
		}
	}
	return nil
}

// remember stores the keys of the events that wait and gives those that are
// new. In the keys' order, because a page of the table is then changed once in
// a commit and not once for each of its keys.
func (s *storing) remember() (fresh map[eventKey]bool, err error) {
	keys := make([]eventKey, len(s.events))
	for i := range s.events {
		keys[i] = s.events[i].key
	}
	slices.SortFunc(keys, func(a, b eventKey) int { return bytes.Compare(a[:], b[:]) })
	fresh = make(map[eventKey]bool, len(keys))
	for some := range slices.Chunk(keys, chunk) {
		args := []any{s.now}
		for i := range some {
			args = append(args, some[i][:])
		}
		err := s.each(keyRows.of(len(some)), args, func(rows *sql.Rows) error {
			var key sql.RawBytes
			if err := rows.Scan(&key); err != nil {
				return err
			}
			fresh[eventKey(key)] = true
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

const deliveryColumns = `(kind, status, has_click, profile_id, message_id, event, event_at, created_at, payload, origin, line, event_type, order_id, amount, currency)`

var (
	keyRows = insertion{before: `INSERT INTO event_keys (key, seen_at) VALUES `, row: `(?%d, ?1)`, first: 2, per: 1, after: ` ON CONFLICT DO NOTHING RETURNING key`}
	// A blob, because the driver would want the text copied.
	pageRows = insertion{before: `INSERT INTO deliveries ` + deliveryColumns + ` VALUES `, first: 2, per: 8,
		row: `('page_load', 1, ?%d, ?%d, ?%d, ?%d, ?%d, ?1, CAST(?%d AS TEXT), ?%d, ?%d, NULL, NULL, NULL, NULL)`}
)

// conversion stores one, unless the order came before.
func (s *storing) conversion(e *event) error {
	status := statusPending
	if s.d.guards.Conversions.on() {
		status = statusHeld // until the guard's verdict
	}
	var amount any
	if e.Currency != "" {
		amount = e.Amount
	}
	added, err := s.exec(`INSERT INTO deliveries `+deliveryColumns+` VALUES (?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		e.Kind, status, e.click, e.profile, e.MessageID, e.Name, nanos(e.At), s.now, e.Payload, e.origin, e.line, null(e.EventType), null(e.OrderID), amount, null(e.Currency))
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

func (s *storing) pageLoads(some []event) error {
	args := make([]any, 0, 1+len(some)*pageRows.per)
	args = append(args, s.now)
	for i := range some {
		e := &some[i]
		args = append(args, e.click, e.profile, e.MessageID, e.Name, nanos(e.At), e.Payload, e.origin, e.line)
	}
	if _, err := s.exec(pageRows.of(len(some)), args...); err != nil {
		return err
	}
	n := int64(len(some))
	s.countRun("found", n)
	s.count(scopePageLoads, statusNames[statusPending], n)
	return nil
}

// insertion is a statement that stores rows, of any number.
type insertion struct {
	before, row, after string
	first, per         int // the number of the first row's first parameter, and how many a row has
	whole              sync.Once
	text               string // for a whole chunk
}

func (r *insertion) of(n int) string {
	if n != chunk {
		return r.make(n)
	}
	r.whole.Do(func() { r.text = r.make(n) })
	return r.text
}

func (r *insertion) make(n int) string {
	var q strings.Builder
	q.WriteString(r.before)
	args := make([]any, r.per)
	for i := range n {
		if i > 0 {
			q.WriteByte(',')
		}
		for j := range args {
			args[j] = r.first + i*r.per + j
		}
		fmt.Fprintf(&q, r.row, args...)
	}
	q.WriteString(r.after)
	return q.String()
}

func scopeOf(k Kind) int64 {
	if k == Conversion {
		return scopeConversions
	}
	return scopePageLoads
}
