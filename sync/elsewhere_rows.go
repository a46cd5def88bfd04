package sync

import (
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/told"
)

func keyOfPerson(p state.Person) told.Key {
	switch {
	case p.UserID != "":
		return told.Key{Kind: told.UserID, ID: p.UserID}
	case p.AnonymousID != "":
		return told.Key{Kind: told.AnonymousID, ID: p.AnonymousID}
	}
	return told.Key{Kind: told.EmailSHA1, ID: p.EmailSHA1}
}

func keysOfPeople(people []state.Person) []told.Key {
	keys := make([]told.Key, len(people))
	for i, p := range people {
		keys[i] = keyOfPerson(p)
	}
	return keys
}

func ridersOf(r told.Row) (keys []told.Key) {
	if r.AnonymousID != "" {
		keys = append(keys, told.Key{Kind: told.AnonymousID, ID: r.AnonymousID})
	}
	if r.EmailSHA1 != "" {
		keys = append(keys, told.Key{Kind: told.EmailSHA1, ID: r.EmailSHA1})
	}
	return keys
}

func toldRow(r *state.Told) told.Row {
	row := told.Row{Trait: r.Trait, Key: keyOfPerson(r.Person), Value: r.Value, Gone: r.Gone, At: r.At}
	if p := r.Person; p.UserID != "" {
		row.AnonymousID = p.AnonymousID
	}
	if row.Key.Kind != told.EmailSHA1 {
		row.EmailSHA1 = r.Person.EmailSHA1
	}
	return row
}

func stateRow(r told.Row) state.Told {
	p := state.Person{AnonymousID: r.AnonymousID, EmailSHA1: r.EmailSHA1}
	switch r.Key.Kind {
	case told.UserID:
		p.UserID = r.Key.ID
	case told.AnonymousID:
		p.AnonymousID = r.Key.ID
	default:
		p.EmailSHA1 = r.Key.ID
	}
	return state.Told{Trait: r.Trait, Person: p, Value: r.Value, At: r.At}
}

func toldOf(rows []told.Row) []state.Told {
	all := make([]state.Told, len(rows))
	for i, r := range rows {
		all[i] = stateRow(r)
	}
	return all
}
