package state

import (
	"math"
	"slices"
)

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

// flush puts the events that wait into the outbox, unless they came before.
func (s *storing) flush() error {
	fresh, err := s.remember(s.events)
	if err != nil {
		return err
	}
	events := slices.DeleteFunc(s.events, func(e event) bool { return !fresh[e.key] })
	s.countRun("duplicate_message", int64(len(s.events)-len(events)))
	for i := range events {
		if user, ok := s.absorbed[events[i].profile]; ok {
			events[i].profile = user
		}
	}
	if err := s.outbox(events); err != nil {
		return err
	}
	clear(s.events)
	s.events = s.events[:0]
	clear(s.waiting)
	return nil
}

// outbox stores events, but for those whose order came before.
func (s *storing) outbox(events []event) error {
	again, err := s.insertEvents(events)
	if err != nil || len(again) == 0 {
		return err
	}
	for i := range again { // one by one: the next may be of the same order
		moved, err := s.vacate(&again[i])
		if err != nil {
			return err
		}
		if !moved {
			s.countRun("duplicate_order", 1)
			continue
		}
		if _, err := s.insertEvents(again[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// vacate takes the order away from an earlier event that impact.com certainly
// took nothing of and that will not be sent as it is, so that this one can have
// it: a correction, or the real order after a forged one.
func (s *storing) vacate(e *event) (moved bool, err error) {
	var id int64
	var was status
	var hopeless bool
	found, err := s.Get(`SELECT d.id, d.status, d.event_at < ?1 OR d.own_refusal IS NOT NULL AND NOT (d.unsure AND coalesce(p.click_at <= d.event_at, 0))
		FROM deliveries d LEFT JOIN profiles p ON p.id = d.profile_id
		WHERE d.event_type = ?2 AND d.order_id = ?3 AND d.doubt = 0 AND (d.status IN (1, 4, 6) OR d.status = 0 AND d.outcome IN ('dropped', 'too_old'))`,
		[]any{s.d.tooOld(s.now), e.EventType, e.OrderID}, &id, &was, &hopeless)
	if err != nil || !found {
		return false, err
	}
	switch {
	case was == statusSettled: // given up before
		return true, s.freeOrder(id)
	case was != statusRefused && !hopeless: // its turn is still to come
		return false, nil
	}
	return true, s.supersedeEvent(id)
}

// tooOld is the time before which events are too old to be sent.
func (d *DB) tooOld(now int64) int64 {
	if d.maxEventAge <= 0 {
		return math.MinInt64
	}
	return now - int64(d.maxEventAge)
}
