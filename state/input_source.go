package state

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// SourceNote is what a whole listing of a source said.
type SourceNote struct {
	Name    string
	Newest  time.Time     // of its inputs; the zero time: it has none
	MaxAge  time.Duration // as configured; 0: none
	Missing []string      // keys of configured lists that have no file
}

// NoteSource records what a listing said.
func (d *DB) NoteSource(ctx context.Context, s SourceNote) error {
	return d.update(ctx, func(t *tx) error {
		_, err := t.Exec(`INSERT INTO source_reads (name, newest_at, read_at, missing, max_age) VALUES (?, ?, ?, ?, nullif(?, 0))
			ON CONFLICT (name) DO UPDATE SET newest_at = excluded.newest_at, read_at = excluded.read_at, missing = excluded.missing, max_age = excluded.max_age`,
			s.Name, nanos(s.Newest), t.now, strings.Join(s.Missing, "\n"), s.MaxAge)
		return err
	})
}

// Whole says when a source was last listed whole and read to its end.
type Whole struct {
	Place string // what was listed
	At    time.Time
	Day   time.Time // of its newest folder
}

// WholeListing returns the last whole listing of a source, if there is one of this
// place, and how old the source's newest input is.
func (d *DB) WholeListing(ctx context.Context, source, place string) (w Whole, newest time.Time, err error) {
	w.Place = place
	err = d.view(ctx, func(v *view) error {
		_, err := v.Get(`SELECT whole_at, whole_day, newest_at FROM source_reads WHERE name = ? AND whole_of = ?`, []any{source, place}, moment{&w.At}, moment{&w.Day}, moment{&newest})
		return err
	})
	return w, newest, err
}

// NoteWhole records that a source was listed whole, and read to its end.
func (d *DB) NoteWhole(ctx context.Context, source string, w Whole) error {
	return d.update(ctx, func(t *tx) error {
		_, err := t.Exec(`UPDATE source_reads SET whole_at = ?, whole_day = ?, whole_of = ? WHERE name = ?`, nanos(w.At), nanos(w.Day), w.Place, source)
		return err
	})
}

// SourceTrouble is what was the matter with a source in a run.
type SourceTrouble struct {
	Name  string
	Stale []string // why its input is not what it should be
	Error string   // why it could not be read to its end
}

// NoteTrouble records what was the matter with sources, or that nothing was.
func (d *DB) NoteTrouble(ctx context.Context, all []SourceTrouble) error {
	return d.update(ctx, func(t *tx) error {
		for _, s := range all {
			if _, err := t.Exec(`INSERT INTO source_reads (name, stale, error) VALUES (?, ?, ?)
				ON CONFLICT (name) DO UPDATE SET stale = excluded.stale, error = excluded.error`, s.Name, strings.Join(s.Stale, "\n"), null(s.Error)); err != nil {
				return err
			}
		}
		return nil
	})
}

// NoteLists records which traits have lost the file of their list, given the keys that
// each source which was listed whole has lists of. It returns those that lost it now.
func (d *DB) NoteLists(ctx context.Context, found map[string][]string) (gone []string, err error) {
	var sources, keys []string
	for name, lists := range found {
		sources, keys = append(sources, name), append(keys, lists...)
	}
	return gone, d.update(ctx, func(t *tx) error {
		there := `key IN (SELECT value FROM json_each(?))`
		if _, err := t.Exec(`UPDATE traits SET list_gone_at = NULL WHERE list_gone_at IS NOT NULL AND `+there, jsonList(keys)); err != nil {
			return err
		}
		gone, err = collect(t, `UPDATE traits SET list_gone_at = ? WHERE list_gone_at IS NULL AND last_list_at IS NOT NULL
			AND list_source IN (SELECT value FROM json_each(?)) AND NOT `+there+` RETURNING key`, []any{t.now, jsonList(sources), jsonList(keys)}, itself[string])
		return err
	})
}

// jsonList returns texts as SQL takes them, by json_each.
func jsonList(texts []string) string {
	data, _ := json.Marshal(append([]string{}, texts...)) // texts always can be; null is no list
	return string(data)
}
