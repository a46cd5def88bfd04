package state

// event is one that waits to be stored with others.
type event struct {
	*Event
	key     eventKey
	profile int64
	click   bool // the message had a click id
	origin  int64
	line    int64
}

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
	for i := range s.events {
		e := &s.events[i]
		if user, ok := s.users[e.profile]; ok {
			e.profile = user
		}
		if !fresh[e.key] {
			s.countRun("duplicate_message", 1)
			continue
		}
		if err := s.outbox(e); err != nil {
			return err
		}
	}
	s.events = s.events[:0]
	clear(s.waiting)
	clear(s.users)
	return nil
}

// outbox stores an event, unless its order came before. The payload is bound
// as a blob, because the driver would want the text copied.
func (s *storing) outbox(e *event) error {
	status := statusPending
	if e.Kind == Conversion && s.d.guards.Conversions.on() {
		status = statusHeld // until the guard's verdict
	}
	var amount any
	if e.Currency != "" {
		amount = e.Amount
	}
	added, err := s.exec(`INSERT INTO deliveries (kind, status, has_click, profile_id, message_id, event, event_at, created_at, payload, origin, line, event_type, order_id, amount, currency)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		string(e.Kind), status, e.click, e.profile, e.MessageID, e.Name, nanos(e.At), s.now, e.Payload, e.origin, e.line, null(e.EventType), null(e.OrderID), amount, null(e.Currency))
	if err != nil {
		return err
	}
	if added == 0 {
		s.countRun("duplicate_order", 1)
		return nil
	}
	s.countRun("found", 1)
	s.count(scopeOf(e.Kind), statusNames[status], 1)
	return nil
}

func scopeOf(k Kind) int64 {
	if k == Conversion {
		return scopeConversions
	}
	return scopePageLoads
}
