package state

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// schemas are the migrations; tests add some.
var schemas fs.FS = migrations

// prepareSchema migrates an older schema, refuses a newer one, and writes or
// compares the binding.
func (d *DB) prepareSchema(ctx context.Context, o Options) error {
	if o.ReadOnly {
		if err := d.checkSchema(ctx, o); err != nil {
			return err
		}
		return compareBinding(ctx, d.readers, o.Binding, d.path)
	}
	if err := d.refuseForeign(ctx); err != nil {
		return err
	}
	moved, err := d.migrate(ctx, o.Binding)
	if err != nil {
		return err
	}
	if o.Create && o.Binding != nil {
		if err := d.bind(ctx, o.Binding.whole()); err != nil {
			return err
		}
	}
	if moved {
		// A file whose schema were in the log alone would, without the log, be taken for a new one.
		if _, err := d.writer.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
			return err
		}
	}
	if err := os.Remove(d.path + making); !errors.Is(err, fs.ErrNotExist) && err != nil {
		return err
	}
	return d.heal(ctx)
}

func (d *DB) migrate(ctx context.Context, b *Binding) (moved bool, err error) {
	sub, err := fs.Sub(schemas, "migrations")
	if err != nil {
		return false, err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, d.pool, sub, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return false, fmt.Errorf("prepare migrations: %w", err)
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return false, fmt.Errorf("read the schema version: %w", err)
	}
	if have > want {
		return false, fmt.Errorf("%w: %s has schema %d, this program knows %d; use the newer program", ErrNewer, d.path, have, want)
	}
	if have > 0 { // before it is changed
		if err := compareBinding(ctx, d.writer, b, d.path); err != nil {
			return false, err
		}
	}
	done, err := p.Up(ctx)
	if err != nil {
		return false, fmt.Errorf("migrate the schema: %w", err)
	}
	return len(done) > 0, nil
}

// refuseForeign stops before the first write into a database of somebody else.
func (d *DB) refuseForeign(ctx context.Context) error {
	var tables, ours int
	err := d.writer.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(name IN ('store', 'goose_db_version')), 0)
		FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`).Scan(&tables, &ours)
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	if tables > 0 && ours == 0 {
		return fmt.Errorf("%w: %s is a SQLite file of another program; state.path must name a file of its own", ErrUnusable, d.path)
	}
	return nil
}

func (d *DB) checkSchema(ctx context.Context, o Options) error {
	var have int64
	err := d.readers.QueryRowContext(ctx, `SELECT max(version_id) FROM goose_db_version WHERE is_applied`).Scan(&have)
	if err != nil {
		return fmt.Errorf("%w: %s holds no state of this program: %w", ErrUnusable, o.Path, err)
	}
	names, err := fs.Glob(schemas, "migrations/*.sql")
	if err != nil {
		return err
	}
	want, err := goose.NumericComponent(names[len(names)-1])
	if err != nil {
		return err
	}
	if have > want {
		return fmt.Errorf("%w: %s has schema %d, this program knows %d", ErrNewer, o.Path, have, want)
	} else if have < want && !o.Older {
		return fmt.Errorf("%w: %s has schema %d, this program wants %d", ErrOlder, o.Path, have, want)
	}
	return nil
}

// bind writes the binding into a new file.
func (d *DB) bind(ctx context.Context, b Binding) error {
	return d.update(ctx, func(t *tx) error {
		_, err := t.exec(`INSERT INTO store (id, store_id, created_at, account_sid, campaign_id, official, hosts, shard_index, shard_count)
			VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, uuid.NewString(), t.now, b.AccountSID, b.CampaignID, b.Official, b.Hosts, b.ShardIndex, b.ShardCount)
		return err
	})
}

// compareBinding compares the binding of a file with what is wanted, where there is one.
func compareBinding(ctx context.Context, file interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, want *Binding, path string,
) error {
	if want == nil {
		return nil
	}
	var have Binding
	err := file.QueryRowContext(ctx, selectBinding).Scan(have.dest()...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read whose state it is: %w", err)
	}
	return have.compare(want.whole(), path)
}

const selectBinding = `SELECT account_sid, campaign_id, official, hosts, shard_index, shard_count FROM store`

func (b *Binding) dest() []any {
	return []any{&b.AccountSID, &b.CampaignID, &b.Official, &b.Hosts, &b.ShardIndex, &b.ShardCount}
}

// whole is the binding with its defaults.
func (b Binding) whole() Binding {
	b.ShardCount = max(b.ShardCount, 1)
	return b
}

// compare names both sides of a mismatch. The hosts' text may differ (another
// port of a sandbox); whether they are impact.com's own may not. What is empty
// on the wanted side is not known there.
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
	add("the shard", fmt.Sprintf("%d of %d", b.ShardIndex, b.ShardCount), fmt.Sprintf("%d of %d", want.ShardIndex, want.ShardCount))
	if want.Hosts != "" && b.Hosts != want.Hosts && b.Official != want.Official {
		diffs = append(diffs, fmt.Errorf("the state was made against %s, the configuration names %s", b.Hosts, want.Hosts))
	}
	if len(diffs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s: %w; give the other destination a state file of its own", ErrBound, path, errors.Join(diffs...))
}
