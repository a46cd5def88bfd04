package state

import (
	"bytes"
	"encoding/json"
)

// The table events_by_person: which events a person has. It is filled many events at a
// time, since each of a commit's would change a page of its own once it is large. An
// event stands there under the number that its own ids make. Whose it is follows from
// profiles: a visitor's events are those of the user who absorbed the visitor.

const (
	// joinOwner joins an event (d) with the profile (p) of the person it belongs to,
	// whose number is ownerID. A newcomer has no clicks and no visitors.
	joinOwner = `LEFT JOIN profiles named ON named.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(named.absorbed_into, d.profile_id)`
	ownerID   = `coalesce(named.absorbed_into, d.profile_id)`
)

// eventsOf selects the ids of a person's events, given the SQL for the profile's number.
func eventsOf(profile string) string {
	return `SELECT delivery_id FROM events_by_person WHERE profile_id IN (SELECT ` + profile + ` UNION ALL SELECT id FROM profiles WHERE absorbed_into = ` + profile + `)`
}

// nextEvent returns the id of the next event. An id that was applied is never used
// again, even if the event is gone.
func (t *tx) nextEvent() (id int64, err error) {
	_, err = t.Get(`SELECT max(coalesce((SELECT max(id) FROM deliveries), 0), (SELECT events_applied FROM store)) + 1`, nil, &id)
	return id, err
}

// indexEvents adds the events that are new to the table.
func (t *tx) indexEvents() error {
	_, err := t.Exec(`INSERT OR FAIL INTO events_by_person (profile_id, delivery_id)
		SELECT profile_id, id FROM deliveries WHERE id > (SELECT events_applied FROM store) ORDER BY profile_id, id ON CONFLICT DO NOTHING`)
	if err != nil {
		return err
	}
	_, err = t.Exec(`UPDATE store SET events_applied = max(events_applied, (SELECT coalesce(max(id), 0) FROM deliveries))`)
	return err
}

// correctOwner corrects whose an event is, if the number made from its ids is somebody
// else's, which happens once in a lifetime.
func (t *tx) correctOwner(e *dueEvent) error {
	if e.namesake == "" || bytes.Contains(e.Payload, []byte(e.namesake)) {
		return nil
	}
	var ids struct{ UserID, AnonymousID string }
	_ = json.Unmarshal(e.Payload, &ids) // the sender says what is wrong with it
	p := Person{UserID: ids.UserID, AnonymousID: ids.AnonymousID}.keyOnly()
	if _, key := p.kindAndKey(); key == e.namesake || p.ProfileID() != e.filed { // the second: given to a user
		return nil
	}
	prof, _, err := t.owner(p)
	e.Profile, e.last = prof.id, prof.click
	return err
}
