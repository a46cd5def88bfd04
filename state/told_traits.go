package state

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrElsewhere means that what is known of a trait is not where the configuration says,
// or that its table has lost rows. Nothing was changed.
var ErrElsewhere = errors.New("what impact.com was told of a trait is elsewhere")

// Told is what a table elsewhere holds of a person's trait.
type Told struct {
	Trait  string // its key
	Person Person // the key, and what rides along
	Value  string
	At     time.Time // when it became wanted
	Gone   bool      // there is to be no such row

	// Differs is set if the list that is being compared does not want it so.
	Differs bool
}

// ToldTable is what the state knows of a trait's rows in a table elsewhere.
type ToldTable struct {
	Place string // which table that is
	IDs   string // a fingerprint of what were people's ids when a list was last compared with it
	Class Class
	Away  int64 // rows that are only there
	Rows  int64 // how many there must be: fewer were lost
}

// loadElsewhere marks the traits in the cache of which what is settled is elsewhere.
func (t *tx) loadElsewhere() error {
	ids, err := collect(t, `SELECT trait_id FROM told_traits`, nil, itself[int64])
	t.d.anyElsewhere = len(ids) > 0
	for _, id := range ids {
		t.d.byID[id].elsewhere = true
	}
	return err
}

// Tables returns the traits of which what is settled is elsewhere.
func (d *DB) Tables(ctx context.Context) (byKey map[string]ToldTable, err error) {
	type table struct {
		key string
		ToldTable
	}
	byKey = map[string]ToldTable{}
	return byKey, d.view(ctx, func(v *view) error {
		all, err := collect(v, `SELECT t.key, t.class, e.place, e.ids, coalesce((SELECT value FROM counters WHERE scope = t.id AND name = 'away_all'), 0),
				coalesce((SELECT value FROM counters WHERE scope = t.id AND name = 'away_all'), 0)
				+ (SELECT count(*) FROM trait_rows v WHERE v.trait_id = t.id AND v.delivered IS NOT NULL AND v.delivered_at IS NULL)
				- (SELECT count(*) FROM told_gone g WHERE g.trait_id IN (0, t.id))
			FROM told_traits e JOIN traits t ON t.id = e.trait_id`, nil, func(t *table) []any { return []any{&t.key, &t.Class, &t.Place, &t.IDs, &t.Away, &t.Rows} })
		for _, t := range all {
			byKey[t.key] = t.ToldTable
		}
		return err
	})
}

// KeepElsewhere records that what is settled of a trait is kept at a place. It returns
// [ErrElsewhere] if it is kept at another one, or in the state unless move is set.
func (d *DB) KeepElsewhere(ctx context.Context, info TraitInfo, place string, move bool) error {
	return d.update(ctx, func(t *tx) error {
		tr, err := t.trait(info, true)
		if err != nil {
			return err
		}
		if tr.changesSource != "" && tr.authority != AuthorityList {
			return t.twoFeeds(tr)
		}
		there, err := keptAt(t, tr.key, place, move)
		if err != nil || there {
			return err
		}
		tr.elsewhere, t.d.anyElsewhere = true, true
		_, err = t.Exec(`INSERT INTO told_traits (trait_id, place) VALUES (?, ?)`, tr.id, place)
		return errors.Join(err, t.unwritten(tr))
	})
}

// KeptAt returns [ErrElsewhere] if what is settled of a trait is not kept at a place; the
// state itself is "". It changes nothing.
func (d *DB) KeptAt(ctx context.Context, key, place string) error {
	return d.view(ctx, func(v *view) error {
		_, err := keptAt(v, key, place, false)
		return err
	})
}

// keptAt reports whether what is settled of a trait is kept at a place outside of the state.
// It returns [ErrElsewhere] if it is kept at another one, or in the state unless it moves.
func keptAt(from reading, key, place string, moves bool) (there bool, err error) {
	have, err := collect(from, `SELECT e.place FROM told_traits e JOIN traits t ON t.id = e.trait_id WHERE t.key = ?`, []any{key}, itself[string])
	switch there = len(have) > 0; {
	case err != nil, there && have[0] == place:
		return there, err
	case there && place == "":
		return true, fmt.Errorf("%w: that of %q is in schema %s of a warehouse, and the configuration says diff: local: set diff and toldSchema as they were, run impactsync state move --to local, and then set diff: local", ErrElsewhere, key, have[0])
	case there:
		return true, fmt.Errorf("%w: that of %q is in schema %q, and the configuration says %q: set toldSchema as it was, and run impactsync state move --to local first", ErrElsewhere, key, have[0], place)
	case place == "" || moves:
		return false, nil
	}
	here, err := collect(from, `SELECT 1 FROM trait_rows WHERE trait_id = (SELECT id FROM traits WHERE key = ?) LIMIT 1`, []any{key}, itself[int64])
	if err == nil && len(here) > 0 {
		err = fmt.Errorf("%w: that of %q is in the state file, and the configuration says diff: warehouse: move it with impactsync state move --to warehouse", ErrElsewhere, key)
	}
	return false, err
}

// twoFeeds refuses a trait that is elsewhere and whose messages count, too: what they
// say would have to be compared with rows that are not here.
func (t *tx) twoFeeds(tr *trait) error {
	return fmt.Errorf("%w: %q comes as messages, too, of source %q: with diff: warehouse only its list can count; set authority: list for it, or diff: local", ErrAuthority, tr.key, tr.changesSource)
}

// KeepHere records that everything of a trait is kept in the state. Its rows must all be
// here: see [DB.BringHome].
func (d *DB) KeepHere(ctx context.Context, key string) error {
	return d.update(ctx, func(t *tx) error {
		tr, err := t.traitByKey(key)
		if err != nil {
			return err
		}
		if err := t.dated(tr); err != nil {
			return err
		}
		tr.elsewhere = false
		for _, query := range []string{`DELETE FROM told_traits WHERE trait_id = ?`, `DELETE FROM told_differs WHERE trait_id = ?`, `DELETE FROM told_gone WHERE trait_id = ?`, `DELETE FROM counters WHERE scope = ? AND name IN ('away', 'away_all')`} {
			if _, err := t.Exec(query, tr.id); err != nil {
				return err
			}
		}
		return t.recount(tr)
	})
}

// Rewrite has everything that is here of traits elsewhere written again, and takes as
// lost what is neither here nor in their table, which has so many rows by trait, and so
// many that were told true. It returns how many values were lost. Their lists are read
// again even if they are as they were, since nobody knows any more who was told.
func (d *DB) Rewrite(ctx context.Context, place string, all, told map[string]int64) (lost int64, err error) {
	return lost, d.update(ctx, func(t *tx) error {
		for _, tr := range d.ordered() {
			var at string
			found, err := t.Get(`SELECT place FROM told_traits WHERE trait_id = ?`, []any{tr.id}, &at)
			if err != nil {
				return err
			}
			if !found || at != place {
				continue
			}
			n, err := t.correctAway(tr, told[tr.key], all[tr.key])
			lost -= n
			if err = errors.Join(err, t.unwritten(tr)); err != nil {
				return err
			}
			if _, err := t.Exec(`UPDATE objects SET etag = '' WHERE (source, name) IN (SELECT source, objects FROM generations WHERE trait_id = ?)`, tr.id); err != nil {
				return err
			}
		}
		return nil
	})
}

// away is how many rows of a trait are only elsewhere.
type away struct {
	told int64 // those that count as told true
	all  int64
}

// countAway counts rows that leave, or come back.
func (t *tx) countAway(tr *trait, told, all int64) {
	t.count(tr.id, "away", told)
	t.count(tr.id, "away_all", all)
}

// setAway corrects how many rows are away, and returns by how many rows that is more
// than was counted.
func (t *tx) setAway(tr *trait, is away) (more int64, err error) {
	was, err := awayOf(t, tr.id)
	if err != nil {
		return 0, err
	}
	told, all := is.told-was.told, is.all-was.all
	t.countAway(tr, told, all)
	for _, name := range []string{"wanted", "delivered", "told"} {
		t.count(tr.id, name, told)
	}
	t.count(tr.id, statusNames[statusSettled], all)
	return all, nil
}

func awayOf(t *tx, id int64) (a away, err error) {
	n, err := pairs[int64](t, `SELECT name, value FROM counters WHERE scope = ? AND name IN ('away', 'away_all')`, id)
	return away{told: n["away"] + t.moved[counter{id, "away"}], all: n["away_all"] + t.moved[counter{id, "away_all"}]}, err
}

// Compared records by which rules for ids a list was compared with its table.
func (d *DB) Compared(ctx context.Context, key, ids string) error {
	return d.update(ctx, func(t *tx) error {
		tr, err := t.traitByKey(key)
		if err == nil {
			_, err = t.Exec(`UPDATE told_traits SET ids = ?1 WHERE trait_id = ?2 AND ids <> ?1`, ids, tr.id)
		}
		return err
	})
}

// Owner returns the number of the state, and the account and program it belongs to.
func (d *DB) Owner(ctx context.Context) (id, destination string, err error) {
	return id, destination, d.view(ctx, func(v *view) error {
		return v.Scan(`SELECT store_id, account_sid || '/' || campaign_id FROM store`, nil, &id, &destination)
	})
}

// SetAway corrects how many rows are away by what the table has of a trait: all of them,
// and those that were told true. It returns by how many that is more than was counted.
func (d *DB) SetAway(ctx context.Context, key string, told, all int64) (more int64, err error) {
	return more, d.update(ctx, func(t *tx) error {
		tr, err := t.traitByKey(key)
		if err == nil && tr.elsewhere {
			more, err = t.correctAway(tr, told, all)
		}
		return err
	})
}

func (t *tx) correctAway(tr *trait, told, all int64) (int64, error) {
	var here, hereTold int64
	_, err := t.Get(`SELECT count(*), count(*) FILTER (WHERE ?2 = 'computed' OR delivered = 1) FROM trait_rows WHERE trait_id = ?1 AND delivered IS NOT NULL AND delivered_at IS NULL`,
		[]any{tr.id, tr.class}, &here, &hereTold)
	if err != nil {
		return 0, err
	}
	if tr.class == Computed {
		told = all
	}
	return t.setAway(tr, away{told: max(told-hereTold, 0), all: max(all-here, 0)})
}

// TraitInfos returns the traits that are known, as a list names them.
func (d *DB) TraitInfos(ctx context.Context) ([]TraitInfo, error) {
	return read(ctx, d, func(v *view) ([]TraitInfo, error) {
		return collect(v, `SELECT key, name, class, authority FROM traits ORDER BY key`, nil, func(i *TraitInfo) []any { return []any{&i.Key, &i.Name, &i.Class, &i.Authority} })
	})
}

// ListSources returns the source whose lists feed a trait, by its key.
func (d *DB) ListSources(ctx context.Context) (byKey map[string]string, err error) {
	byKey = map[string]string{}
	return byKey, d.view(ctx, func(v *view) error {
		all, err := collect(v, `SELECT key, list_source FROM traits WHERE list_source IS NOT NULL`, nil, func(p *[2]string) []any { return []any{&p[0], &p[1]} })
		for _, p := range all {
			byKey[p[0]] = p[1]
		}
		return err
	})
}

// PersonOf returns the key of a profile; nothing, if it is not known.
func (d *DB) PersonOf(ctx context.Context, profile int64) (Person, error) {
	return read(ctx, d, func(v *view) (Person, error) {
		prof, _, err := v.byID(profile)
		return prof.person.keyOnly(), err
	})
}
