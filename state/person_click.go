package state

import "database/sql"

// click is the last click id of a person.
type click struct {
	id   string
	at   int64
	sure sql.NullBool // came in a parameter that only impact.com uses; NULL: not known, from an older schema
}

// replaces reports whether a click takes the place of another one. The newest counts,
// with one exception: a click id whose parameter other networks use as well never
// replaces one that is certainly impact.com's, and is always replaced by it. An
// advertisement in between must not cost the partner the sale.
func (c click) replaces(old click) bool {
	switch {
	case c.id == "":
		return false
	case old.id == "":
		return true
	case c.sure.Bool && old.sure.Valid && !old.sure.Bool:
		return true
	case !c.sure.Bool && old.sure.Bool:
		return false
	}
	return c.at >= old.at && (c.id != old.id || c.sure != old.sure)
}

// click stores a person's click id if it takes the place of the one there is. A crowd
// has none: it would be the click id of one of its people, and be sent for all of them.
func (t *tx) click(prof *profile, c click) error {
	if !c.replaces(prof.click) {
		return nil
	}
	if crowd, err := t.crowd(prof.id); err != nil || crowd {
		return err
	}
	if c.id == prof.click.id { // what was sold since it was first seen belongs to it, too
		c.at = min(c.at, prof.click.at)
	}
	prof.click = c
	return t.putProfile(*prof)
}

// ownClick stores a visitor's click id in the visitor's own row as well. If the user
// turns out to be many people, each has their own.
func (t *tx) ownClick(visitor Person, c click) error {
	if c.id == "" {
		return nil
	}
	prof, found, err := t.find(visitor)
	if err != nil || !found {
		return err
	}
	return t.click(&prof, c)
}
