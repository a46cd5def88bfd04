package state

// joinChunk is the number of people in one statement of a merge.
const joinChunk = 50

// join handles a member without a row of the trait. Rows are stored many in one
// statement, unless the member's profile must be looked up.
func (m *merge) join(mem *member) error {
	if mem.cleared || m.joined[mem.id] { // no row to be due; a visitor's row may have come over
		return m.alone(mem)
	}
	if m.joins = append(m.joins, *mem); len(m.joins) < joinChunk {
		return nil
	}
	return m.storeJoins()
}

// storeJoins stores the members who wait, with their people where they are new.
func (m *merge) storeJoins() error {
	wait := m.joins
	m.joins = wait[:0]
	if len(wait) == 0 {
		return nil
	}
	fresh, err := m.addProfiles(wait)
	if err == nil && int(fresh) < len(wait) {
		wait, err = m.ownNumbers(wait)
	}
	if err != nil || len(wait) == 0 {
		return err
	}
	m.verdict.Joins += int64(len(wait))
	return m.addMembers(m.trait, m.at, -m.list.gen, wait)
}

// ownNumbers returns the members who are stored under their own numbers. It
// stores the others: somebody else has the number, or the visitor is a user by now.
func (m *merge) ownNumbers(wait []member) (own []member, err error) {
	err = m.lookUp(func(yield func(Person) bool) {
		for i := range wait {
			if !yield(wait[i].person.keyOnly()) {
				return
			}
		}
	})
	for i := range wait {
		if err != nil {
			return nil, err
		}
		var prof profile
		var found bool
		if prof, found, err = m.find(wait[i].person); err != nil {
			return nil, err
		}
		if found && prof.id == wait[i].id && prof.absorbed == 0 {
			own = append(own, wait[i])
			continue
		}
		err = m.alone(&wait[i])
	}
	return own, err
}
