package warehouse

import (
	"fmt"
	"slices"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/told"
)

// mostIDs is how many anonymous ids and addresses of a profile are kept, the newest:
// Segment itself keeps 1,000 (https://segment.com/docs/unify/identity-resolution/).
const mostIDs = 1000

// profile gathers the rows of one profile.
type profile struct {
	roles   []told.Role
	columns []string // for errors
	key     []string // of the columns with told.RoleProfile
	rows    int64    // 0: nothing was gathered
	line    int64    // of its last row
	value   any
	ids     [3][]string // as idKinds, the newest last
	valid   bool        // its key has no NULL
	gone    bool        // it does not count
}

// same reports whether a row belongs to the profile.
func (p *profile) same(row []any) bool {
	n := 0
	for i, r := range p.roles {
		if r != told.RoleProfile {
			continue
		}
		if key, ok := textOf(row[i]); !ok || n >= len(p.key) || p.key[n] != key {
			return false
		}
		n++
	}
	return n > 0
}

// reset begins with the profile of a row.
func (p *profile) reset(row []any) {
	p.key, p.rows, p.value, p.valid, p.gone = p.key[:0], 0, nil, true, false
	for kind := range p.ids {
		p.ids[kind] = p.ids[kind][:0]
	}
	for i, r := range p.roles {
		if r == told.RoleProfile {
			key, ok := textOf(row[i])
			p.key, p.valid = append(p.key, key), p.valid && ok
		}
	}
}

// add takes a row of the profile.
func (p *profile) add(row []any) error {
	p.rows++
	kind := -1
	for i, r := range p.roles {
		v := row[i]
		switch r {
		case told.RoleValue:
			p.value = v
		case told.RoleGone:
			into, _ := textOf(v)
			p.gone = p.gone || into != "" // of what a join did not find, some databases make ""
		case told.RoleKind:
			text, _ := textOf(v)
			kind = slices.Index(idKinds, text)
		case told.RoleID:
			if err := p.addID(kind, v, p.columns[i]); err != nil {
				return err
			}
		case told.RoleUserID, told.RoleAnonymousID, told.RoleEmail:
			kind := int(r - told.RoleUserID)
			if err := p.addID(kind, v, p.columns[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *profile) addID(kind int, v any, column string) error {
	id, err := idOf(v)
	if err != nil {
		return fmt.Errorf("column %s: %w", column, err)
	}
	if id == "" || kind < 0 {
		return nil
	}
	all := p.ids[kind]
	if len(all) > 0 && all[len(all)-1] == id {
		return nil
	}
	if i := slices.Index(all, id); i >= 0 {
		all = slices.Delete(all, i, i+1)
	}
	if kind > 0 && len(all) == mostIDs {
		all = slices.Delete(all, 0, 1)
	}
	p.ids[kind] = append(all, id)
	return nil
}

// people appends the people whom the profile's ids address, by the newest ones first.
func (p *profile) people(out []segment.Identity, nobody *segment.Placeholders) []segment.Identity {
	for kind := range p.ids {
		slices.Reverse(p.ids[kind])
	}
	return nobody.People(out, p.ids[0], p.ids[1], p.ids[2])
}
