package state

import "database/sql"

// click is the last click id of a person.
type click struct {
	id   string
	at   int64
	sure sql.NullBool // came by a name that only impact.com uses; NULL: not known, of an older schema
}

// replaces reports whether a click takes the place of an older one: the newest
// counts. But one that came by a name which other networks use, too, never takes
// the place of one that is certainly impact.com's, and always gives way to it: an
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

// click keeps a person's click id, if it takes the place of the one there is. A
// crowd keeps none: it would be one of its people's, and go to all of them.
func (t *tx) click(prof *profile, c click) error {
	if !c.replaces(prof.click) {
		return nil
	}
	if err := t.loadCrowds(); err != nil || t.d.crowds[prof.id] {
		return err
	}
	if c.id == prof.click.id { // what was sold since the first time belongs to it, too
		c.at = min(c.at, prof.click.at)
	}
	prof.click = c
	return t.putProfile(*prof)
}
