package state

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// schemas are the migrations; tests add some.
var schemas fs.FS = migrations

// newSchema is what all migrations make of a new file, written by a test.
//
//go:embed schema.sql
var newSchema string

// prepare returns an error for a file that is damaged, newer or not ours. It migrates
// an older one, and writes or compares the binding.
func (d *DB) prepare(ctx context.Context, o Options) error {
	if err := d.file.CheckLog(ctx, selectCommits); err != nil {
		return err
	}
	have, want, err := d.accepts(ctx, o)
	if err != nil || o.ReadOnly {
		return err
	}
	if have < want {
		if err := d.migrate(o.Progress); err != nil {
			return fmt.Errorf("migrate the schema: %w", err)
		}
	}
	if o.Create && o.Binding != nil {
		if err := d.bind(ctx, *o.Binding); err != nil {
			return err
		}
	}
	if have < want && !o.Rehearsal {
		// If the schema were in the log alone, a file without its log would look new.
		if _, err := d.file.EmptyLog(ctx); err != nil {
			return err
		}
	}
	if err := sqlite.Made(d.path); err != nil {
		return err
	}
	return d.heal(ctx)
}

// accepts returns the schema that a file has and the one that this program wants. It
// returns an error if the file cannot be opened as the caller wants it.
func (d *DB) accepts(ctx context.Context, o Options) (have, want int64, err error) {
	all, err := migrationFiles()
	if err != nil {
		return 0, 0, err
	}
	want = all[len(all)-1].version
	return have, want, d.view(ctx, func(v *view) error {
		var foreign bool
		if have, foreign, err = v.schema(); err != nil {
			return fmt.Errorf("read the schema: %w", err)
		}
		switch {
		case foreign:
			return fmt.Errorf("%w: %s is a SQLite file of another program; state.path must name a file of its own", ErrUnusable, d.path)
		case have == 0 && o.ReadOnly:
			return fmt.Errorf("%w: %s is not a state of this program", ErrUnusable, d.path)
		case have > want:
			return fmt.Errorf("%w: %s has schema %d, this program knows %d; use the newer program", ErrNewer, d.path, have, want)
		case have < want && o.ReadOnly && !o.Older:
			return fmt.Errorf("%w: %s has schema %d, this program wants %d", ErrOlder, d.path, have, want)
		case have == 0:
			return nil
		}
		return compareBinding(v.View, o.Binding, d.path)
	})
}

// schema returns the version of a file's schema, which is 0 for a new file.
func (v *view) schema() (version int64, foreign bool, err error) {
	var tables, ours int
	if err := v.Scan(`SELECT count(*), coalesce(sum(name IN ('store', 'goose_db_version')), 0)
		FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`, nil, &tables, &ours); err != nil {
		return 0, false, err
	}
	if ours == 0 {
		return 0, tables > 0, nil
	}
	// While rows are still to be moved, it counts as the schema before.
	return version, false, v.Scan(`SELECT max(version_id) - (`+halfMoved+`) FROM goose_db_version WHERE is_applied`, nil, &version)
}

// versionTable is the one that goose made, which older versions of this program used.
const versionTable = `CREATE TABLE IF NOT EXISTS goose_db_version (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	version_id INTEGER NOT NULL,
	is_applied INTEGER NOT NULL,
	tstamp     TIMESTAMP DEFAULT (datetime('now'))
)`

// migrate brings the schema to the newest version.
func (d *DB) migrate(progress func(rows, of int64)) error {
	for half := true; half; {
		err := d.file.Update(nil, func(t sqlite.Tx) (err error) {
			half, err = migrateSome(t)
			return err
		})
		if err == nil && half {
			err = d.moveRows(progress)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// migrateSome goes on until the newest version, or until rows are to be moved.
func migrateSome(t sqlite.Tx) (half bool, err error) {
	if err := t.Script(versionTable); err != nil {
		return false, err
	}
	var have int64 // by now: another process may have been faster
	if _, err := t.Get(`SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`, nil, &have); err != nil {
		return false, err
	}
	all, err := migrationFiles()
	if err != nil {
		return false, err
	}
	if have == 0 && schemas == fs.FS(migrations) { // one by one, they take ten times as long
		if err := t.Script(newSchema); err != nil {
			return false, fmt.Errorf("schema.sql: %w", err)
		}
		have = all[len(all)-1].version
		if err := applied(t, have); err != nil {
			return false, err
		}
	}
	for _, m := range all {
		if _, err := t.Get(halfMoved, nil, &half); err != nil || half {
			return half, err
		}
		if m.version > have {
			if err := m.apply(t); err != nil {
				return false, fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	_, err = t.Get(halfMoved, nil, &half)
	return half, err
}

type migration struct {
	name    string
	version int64
}

func (m migration) apply(t sqlite.Tx) error {
	text, err := fs.ReadFile(schemas, m.name)
	if err != nil {
		return err
	}
	if err := t.Script(string(text)); err != nil {
		return err
	}
	return applied(t, m.version)
}

func applied(t sqlite.Tx, version int64) error {
	_, err := t.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)`, version)
	return err
}

// migrationFiles returns the migrations in order.
func migrationFiles() (all []migration, err error) {
	names, err := fs.Glob(schemas, "migrations/*.sql")
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, failed := strconv.ParseInt(number, 10, 64)
		all, err = append(all, migration{name, version}), errors.Join(err, failed)
	}
	return all, err
}

// bind writes the binding into a new file.
func (d *DB) bind(ctx context.Context, b Binding) error {
	return d.appending(ctx, func(t *tx) error {
		_, err := t.Exec(`INSERT INTO store (id, store_id, created_at, account_sid, campaign_id, official, hosts)
			VALUES (1, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, rand.Text(), t.now, b.AccountSID, b.CampaignID, b.Official, b.Hosts)
		return err
	})
}

// compareBinding compares the binding of a file, if it has one, with what is wanted.
func compareBinding(v *sqlite.View, want *Binding, path string) error {
	if want == nil {
		return nil
	}
	var have Binding
	found, err := v.Get(selectBinding, nil, have.dest()...)
	if err != nil {
		return fmt.Errorf("read the binding: %w", err)
	}
	if !found {
		return nil
	}
	return have.compare(*want, path)
}

const selectBinding = `SELECT account_sid, campaign_id, official, hosts FROM store`

func (b *Binding) dest() []any {
	return []any{&b.AccountSID, &b.CampaignID, &b.Official, &b.Hosts}
}

// compare returns an error that names both sides of a mismatch. The hosts' text may
// differ (another port of a sandbox), but not whether they are impact.com's own. What
// is empty in want is not compared.
func (b Binding) compare(want Binding, path string) error {
	var diffs []error
	add := func(what string, have, want any) {
		if have != want {
			diffs = append(diffs, fmt.Errorf("%s is %v in the state and %v in the configuration", what, have, want))
		}
	}
	if want.AccountSID != "" {
		add("accountSid", b.AccountSID, want.AccountSID)
	}
	if want.CampaignID != "" {
		add("campaignId", b.CampaignID, want.CampaignID)
	}
	if want.Hosts != "" && b.Hosts != want.Hosts && b.Official != want.Official {
		diffs = append(diffs, fmt.Errorf("the state was made against %s, the configuration names %s", b.Hosts, want.Hosts))
	}
	if len(diffs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s: %w; give the other destination a state file of its own", ErrBound, path, errors.Join(diffs...))
}
