package state

import (
	"context"
	"database/sql"
	"time"
)

// Computation is an audience or a computed trait as Segment's Public API lists it.
type Computation struct {
	Key     string `json:"key"`
	Class   Class  `json:"class"`
	ID      string `json:"id"`
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
	Status  string `json:"status"`
	Size    *int64 `json:"size"` // profiles, not ids; nil: Segment does not say
}

// CatalogueRead is how one part of what Segment knows was read.
type CatalogueRead struct {
	At    time.Time `json:"read_at,omitzero"` // to its end; zero: never
	Error string    `json:"error,omitempty"`  // of the newest attempt
}

// ReadSuppressions is the part that the list of suppressed people is. The others are
// named by their class.
const ReadSuppressions = "suppressions"

// Catalogue is what Segment said last.
type Catalogue struct {
	Computations []Computation            `json:"computations"`
	Refused      map[string]string        `json:"refused"` // why, by key, in the last run
	Reads        map[string]CatalogueRead `json:"reads"`
}

// Catalogue returns what Segment said last, by class and key.
func (d *DB) Catalogue(ctx context.Context) (Catalogue, error) {
	return read(ctx, d, (*view).catalogue)
}

func (v *view) catalogue() (c Catalogue, err error) {
	c.Reads = map[string]CatalogueRead{}
	if c.Computations, err = collect(v, `SELECT key, class, id, name, enabled, status, size FROM segment_catalogue ORDER BY class, key`, nil, func(c *Computation) []any {
		return []any{&c.Key, &c.Class, &c.ID, &c.Name, &c.Enabled, &c.Status, &c.Size}
	}); err != nil {
		return c, err
	}
	if c.Refused, err = pairs[string](v, `SELECT key, reason FROM segment_refused`); err != nil {
		return c, err
	}
	return c, v.Each(`SELECT what, read_at, coalesce(error, '') FROM segment_reads`, nil, func(rows *sql.Rows) error {
		var what string
		var r CatalogueRead
		err := rows.Scan(&what, moment{&r.At}, &r.Error)
		c.Reads[what] = r
		return err
	})
}

// StoreCatalogue replaces what is known of one class.
func (d *DB) StoreCatalogue(ctx context.Context, class Class, all []Computation) error {
	return d.update(ctx, func(t *tx) error {
		if _, err := t.Exec(`DELETE FROM segment_catalogue WHERE class = ?`, class); err != nil {
			return err
		}
		for _, c := range all {
			// Of an audience that was made again under its key, the one that is enabled counts.
			if _, err := t.Exec(`INSERT INTO segment_catalogue (class, key, id, name, enabled, status, size) VALUES (?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET id = excluded.id, name = excluded.name, enabled = excluded.enabled, status = excluded.status, size = excluded.size WHERE excluded.enabled >= enabled`,
				class, c.Key, c.ID, c.Name, c.Enabled, c.Status, c.Size); err != nil {
				return err
			}
		}
		return t.noteCatalogue(string(class), "")
	})
}

// NoteCatalogue notes why a part could not be read.
func (d *DB) NoteCatalogue(ctx context.Context, what, why string) error {
	return d.update(ctx, func(t *tx) error { return t.noteCatalogue(what, why) })
}

func (t *tx) noteCatalogue(what, why string) error {
	_, err := t.Exec(`INSERT INTO segment_reads (what, read_at, error) VALUES (?1, CASE WHEN ?3 IS NULL THEN ?2 END, ?3)
		ON CONFLICT (what) DO UPDATE SET read_at = coalesce(excluded.read_at, read_at), error = excluded.error`, what, t.now, null(why))
	return err
}

// TraitFeed is what feeds a trait.
type TraitFeed struct {
	Class   Class
	Source  string // that feeds it, or did; "": none
	Members int64  // of whom it is wanted
}

// TraitFeeds returns all traits by key.
func (d *DB) TraitFeeds(ctx context.Context) (map[string]TraitFeed, error) {
	return read(ctx, d, func(v *view) (map[string]TraitFeed, error) {
		all := map[string]TraitFeed{}
		return all, v.Each(`SELECT key, class, source, members_wanted FROM audiences`, nil, func(rows *sql.Rows) error {
			var key string
			var f TraitFeed
			err := rows.Scan(&key, &f.Class, &f.Source, &f.Members)
			all[key] = f
			return err
		})
	})
}
