package state

// known remembers profiles as they stand in the file, the open transaction
// included, so that a visitor's hundredth message does not look them up again.
// It is emptied after a rollback.
type known struct {
	byID map[int64]profile
}

// mostKnown bounds the profiles in memory: about 20 MiB.
const mostKnown = 100_000

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
