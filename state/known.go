package state

import (
	"database/sql"
	"encoding/json"
	"iter"
	"maps"
	"slices"
)

// known remembers profiles as they stand in the file, the open transaction
// included, so that a visitor's hundredth message does not look them up again.
// It is emptied after a rollback.
type known struct {
	byID map[int64]profile
}

// mostKnown bounds the profiles in memory: about 8 MiB.
const mostKnown = 32_768

func (k *known) get(id int64) (profile, bool) {
	p, ok := k.byID[id]
	return p, ok
}

func (k *known) put(p profile) {
	if k.byID == nil || len(k.byID) >= mostKnown {
		k.byID = make(map[int64]profile)
	}
	k.byID[p.id] = p
}

func (k *known) drop(id int64) { delete(k.byID, id) }

func (k *known) clear() { k.byID = nil }

// lookAhead looks up all the people of some batches at once.
func (t *tx) lookAhead(batches []Batch) error {
	return t.lookUp(func(yield func(Person) bool) {
		for b := range batches {
			for i := range batches[b].Items {
				if !yield(batches[b].Items[i].Person) {
					return
				}
			}
		}
	})
}

// lookUp looks up people and their visitors at once, in the order of the table,
// which takes 1 us a person instead of 5 to 8. Until [tx.lookedUp] only
// insertProfile may add profiles.
func (t *tx) lookUp(people iter.Seq[Person]) error {
	t.absent = map[int64]bool{} // until they are found
	for p := range people {
		t.lookFor(p)
		if p.UserID != "" && p.AnonymousID != "" {
			t.lookFor(Person{AnonymousID: p.AnonymousID})
		}
	}
	ids, err := json.Marshal(slices.Sorted(maps.Keys(t.absent)))
	if err != nil {
		return err
	}
	return t.Each(selectProfiles+` IN (SELECT value FROM json_each(?))`, []any{string(ids)}, func(rows *sql.Rows) error {
		var prof profile
		if err := rows.Scan(prof.dest()...); err != nil {
			return err
		}
		delete(t.absent, prof.id)
		t.d.profiles.put(prof)
		return nil
	})
}

func (t *tx) lookFor(p Person) {
	id := p.ProfileID()
	if _, ok := t.d.profiles.get(id); !ok {
		t.absent[id] = true
	}
}

// lookedUp forgets whom lookUp did not find.
func (t *tx) lookedUp() { t.absent = nil }
