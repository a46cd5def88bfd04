package state

// outbox gathers events, so that they are stored together.
type outbox struct {
	*tx
	next    int64 // the id of the first of the events
	events  []event
	waiting map[eventKey]bool
}

// add lets an event wait, unless the same one waits already.
func (o *outbox) add(it *Item, profile, origin int64) {
	e := event{Event: it.Event, id: o.next + int64(len(o.events)), key: keyOf(it.Event), profile: profile, click: it.ClickID != "", origin: origin, line: it.Line}
	if o.waiting[e.key] {
		o.countRun("duplicate_message", 1)
		return
	}
	o.waiting[e.key] = true
	o.events = append(o.events, e)
}

// flush stores the events that wait, unless they came before.
func (o *outbox) flush() error {
	o.next += int64(len(o.events))
	known, err := o.remember(o.events)
	if err != nil {
		return err
	}
	events := o.events[:0]
	for _, e := range o.events {
		if known[e.key] {
			o.countRun("duplicate_message", 1)
			continue
		}
		events = append(events, e)
	}
	again, err := o.insertEvents(events)
	if err != nil {
		return err
	}
	for i := range again { // one by one: the next may be of the same order
		if err := o.correct(again[i : i+1]); err != nil {
			return err
		}
	}
	clear(o.events) // their payloads are large
	o.events = o.events[:0]
	clear(o.waiting)
	return nil
}

// correct stores an event whose order came before, if that one makes way.
func (o *outbox) correct(event []event) error {
	moved, err := o.vacate(&event[0])
	if err != nil {
		return err
	}
	if !moved {
		o.countRun("duplicate_order", 1)
		return nil
	}
	_, err = o.insertEvents(event)
	return err
}

// vacate takes the order away from an earlier event, so that this one can have it: a
// correction, or the real order after a forged one. The earlier one must certainly
// not have reached impact.com, and will not be sent as it is.
func (o *outbox) vacate(e *event) (moved bool, err error) {
	var id int64
	var was status
	var hopeless, unsure bool
	found, err := o.Get(`SELECT id, status, event_at < ?1 OR own_refusal IS NOT NULL, event_at >= ?1 AND own_refusal IS NOT NULL AND unsure FROM deliveries
		WHERE event_type = ?2 AND order_id = ?3 AND doubt = 0 AND (status IN (1, 4, 6) OR status = 0 AND outcome IN ('dropped', 'too_old'))`,
		[]any{o.d.tooOld(o.now), e.EventType, e.OrderID}, &id, &was, &hopeless, &unsure)
	if err == nil && found && unsure {
		hopeless, err = o.lacksClick(id)
		e.id, o.next = o.next, o.next+1 // its own is among those that were applied
	}
	if err != nil || !found {
		return false, err
	}
	switch {
	case was == statusSettled: // given up before
		return true, o.freeOrder(id)
	case was != statusRefused && !hopeless: // its turn is still to come
		return false, nil
	}
	return true, o.supersedeEvent(id)
}

// lacksClick reports whether no click of an event's person came before it.
func (o *outbox) lacksClick(id int64) (lacks bool, err error) {
	if err := o.applyLogs(); err != nil {
		return false, err
	}
	_, err = o.Get(`SELECT NOT coalesce(p.click_at <= d.event_at, 0) FROM deliveries d `+joinOwner+` WHERE d.id = ?`, []any{id}, &lacks)
	return lacks, err
}
