package state

// outbox gathers events, so that they are stored together.
type outbox struct {
	*tx
	events  []event
	waiting map[eventKey]bool
}

// add lets an event wait, unless the same one waits already.
func (o *outbox) add(it *Item, profile, origin int64) {
	e := event{Event: it.Event, key: keyOf(it.Event), profile: profile, click: it.ClickID != "", origin: origin, line: it.Line}
	if o.waiting[e.key] {
		o.countRun("duplicate_message", 1)
		return
	}
	o.waiting[e.key] = true
	o.events = append(o.events, e)
}

// flush stores the events that wait, unless they came before.
func (o *outbox) flush() error {
	fresh, err := o.remember(o.events)
	if err != nil {
		return err
	}
	events := o.events[:0]
	for _, e := range o.events {
		if !fresh[e.key] {
			o.countRun("duplicate_message", 1)
			continue
		}
		if user, ok := o.absorbed[e.profile]; ok {
			e.profile = user
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
	o.events = nil
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
	var hopeless bool
	found, err := o.Get(`SELECT d.id, d.status, d.event_at < ?1 OR d.own_refusal IS NOT NULL AND NOT (d.unsure AND coalesce(p.click_at <= d.event_at, 0))
		FROM deliveries d LEFT JOIN profiles p ON p.id = d.profile_id
		WHERE d.event_type = ?2 AND d.order_id = ?3 AND d.doubt = 0 AND (d.status IN (1, 4, 6) OR d.status = 0 AND d.outcome IN ('dropped', 'too_old'))`,
		[]any{o.d.tooOld(o.now), e.EventType, e.OrderID}, &id, &was, &hopeless)
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
