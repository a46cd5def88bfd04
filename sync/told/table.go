package told

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// version is that of the tables; it changes when they do.
const version = 1

// The tables.
const (
	toldTable = "told"
	metaTable = "told_meta"
)

// New returns the tables in a schema, which it does not reach yet. It closes the engine.
func New(e sqlengine.Engine, schema string) (Table, error) {
	w, ok := e.(sqlengine.Writer)
	if !ok {
		return nil, fmt.Errorf("diff: warehouse is not known for %s", e.Dialect().Name())
	}
	g, err := grammarOf(e.Dialect())
	if err != nil {
		return nil, err
	}
	if schema == "" {
		return nil, errors.New("toldSchema is missing: name a schema that is impactsync's own")
	}
	t := &table{
		engine: w, g: g, schema: schema,
		told: sqlengine.Name(g, sqlengine.Table{Schema: schema, Name: toldTable}), meta: sqlengine.Name(g, sqlengine.Table{Schema: schema, Name: metaTable}),
	}
	if e.Dialect() == sqlengine.ClickHouse() {
		return newClickHouse(t), nil
	}
	return t, nil
}

// table implements [Table] for engines with statements that change rows.
type table struct {
	engine     sqlengine.Writer
	g          *grammar
	schema     string
	told, meta string // names in statements

	mu     sync.Mutex
	holder string // of the lease; "": none
	ttl    time.Duration
	probed bool // g.sha1 is known
}

// Close implements [Table].
func (t *table) Close() error { return t.engine.Close() }

// Objects implements [Table].
func (t *table) Objects() []string {
	return []string{t.schema + "." + toldTable, t.schema + "." + metaTable}
}

// create returns the statements that make the tables.
func (t *table) create() []sqlengine.Statement {
	g := t.g
	return []sqlengine.Statement{
		{Text: fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (trait %[2]s NOT NULL, kind %[2]s NOT NULL, id %[2]s NOT NULL, value %[2]s NOT NULL, told_at %[3]s NOT NULL, anonymous_id %[2]s NOT NULL, email_sha1 %[2]s NOT NULL%[4]s)%[5]s",
			t.told, g.text, g.moment, g.key, g.tail)},
		{Text: fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (version %[3]s NOT NULL, store_id %[2]s NOT NULL, destination %[2]s NOT NULL, holder %[2]s NOT NULL, lease_until %[4]s NOT NULL, token %[2]s NOT NULL)",
			t.meta, g.text, g.integer, g.moment)},
	}
}

// Create implements [Table].
func (t *table) Create(ctx context.Context, owner Owner) error {
	err := t.Check(ctx, owner)
	if !errors.Is(err, ErrGone) {
		return err
	}
	if err := t.recent(ctx); err != nil {
		return err
	}
	if err := t.engine.Write(ctx, t.create()...); err != nil {
		return t.notMade(err)
	}
	if err := t.unowned(ctx); err != nil {
		return err
	}
	own := sqlengine.Statement{
		Text: fmt.Sprintf("INSERT INTO %s (version, store_id, destination, holder, lease_until, token) SELECT %d, %s, %s, '', %s, '' FROM (SELECT COUNT(*) AS entries FROM %[1]s) m WHERE m.entries = 0",
			t.meta, version, t.g.Param(1), t.g.Param(2), t.g.now),
		Args: []any{owner.StoreID, owner.Destination},
	}
	if err := t.engine.Write(ctx, own); err != nil {
		return t.explain(err)
	}
	return t.Check(ctx, owner)
}

// recent returns an error for a server without MERGE.
func (t *table) recent(ctx context.Context) error {
	if t.g.Dialect != sqlengine.Postgres() {
		return nil
	}
	old, err := t.texts(ctx, "SELECT current_setting('server_version') WHERE CAST(current_setting('server_version_num') AS int) < 150000")
	if err == nil && len(old) > 0 {
		err = fmt.Errorf("diff: warehouse needs PostgreSQL 15 or newer, which has MERGE, and this is %s: use diff: local", old[0])
	}
	return err
}

// notMade says why the tables could not be made. That their schema is missing is no loss.
func (t *table) notMade(err error) error {
	if errors.Is(err, sqlengine.ErrNoTable) {
		return fmt.Errorf("schema %s must be there before the tables can be made: make it with the statements in docs/sources.md: %w", t.schema, err)
	}
	return t.explain(err)
}

// unowned returns [ErrForeign] if there are rows of an owner who is not known.
func (t *table) unowned(ctx context.Context) error {
	rows, err := t.texts(ctx, "SELECT trait FROM "+t.told+" LIMIT 1")
	if err == nil && len(rows) > 0 {
		err = fmt.Errorf("%w: %s has rows, and %s does not say whose: give another toldSchema, or drop both tables if they are of no use", ErrForeign, t.told, t.meta)
	}
	return err
}

// Check implements [Table].
func (t *table) Check(ctx context.Context, owner Owner) error {
	all, err := t.records(ctx, 3, "SELECT "+t.g.Text("version")+", store_id, destination FROM "+t.meta)
	if err == nil {
		_, err = t.texts(ctx, "SELECT trait FROM "+t.told+" WHERE 1 = 0")
	}
	if err != nil {
		return err
	}
	if len(all) != 1 {
		return notOne(t.meta, len(all))
	}
	return checkOwner(all[0], owner, t.meta)
}

// checkOwner compares the version, the store and the destination of a table.
func checkOwner(meta []string, owner Owner, name string) error {
	switch found := (Owner{meta[1], meta[2]}); {
	case found.StoreID != owner.StoreID:
		return fmt.Errorf("%w: %s is of the state %s, and this is %s: give each state a toldSchema of its own", ErrForeign, name, found.StoreID, owner.StoreID)
	case found.Destination != owner.Destination:
		return fmt.Errorf("%w: %s is of the destination %s, and this is %s", ErrForeign, name, found.Destination, owner.Destination)
	case meta[0] != strconv.Itoa(version):
		return fmt.Errorf("%w: %s has version %s, and this program knows %d", ErrOld, name, meta[0], version)
	}
	return nil
}

// Drop implements [Table].
func (t *table) Drop(ctx context.Context) error {
	return errors.Join(t.clear(ctx, incoming, ""), t.explain(t.engine.Write(ctx, sqlengine.Statement{Text: "DROP TABLE IF EXISTS " + t.told}, sqlengine.Statement{Text: "DROP TABLE IF EXISTS " + t.meta})))
}

// clear drops the tables that an interrupted process left, by how their names begin; if
// before is not "", only those whose names come before it.
func (t *table) clear(ctx context.Context, begin, before string) error {
	names, err := sqlengine.Tables(ctx, t.engine, t.schema)
	for _, name := range names {
		if strings.HasPrefix(name, begin) && (before == "" || name < before) {
			dropped := t.engine.Write(ctx, sqlengine.Statement{Text: "DROP TABLE IF EXISTS " + sqlengine.Name(t.g, sqlengine.Table{Schema: t.schema, Name: name})})
			if !errors.Is(dropped, sqlengine.ErrLocked) { // by a process that stands still; it is dropped another time
				err = errors.Join(err, dropped)
			}
		}
	}
	return t.explain(err)
}

// explain adds to an error of the engine what to do about it.
func (t *table) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sqlengine.ErrNoTable):
		return fmt.Errorf("%w: schema %s: %w", ErrGone, t.schema, err)
	case errors.Is(err, sqlengine.ErrDenied):
		return fmt.Errorf("schema %s: %w: impactsync must own its schema; see the statements in docs/sources.md", t.schema, err)
	}
	return fmt.Errorf("schema %s: %w", t.schema, err)
}

// texts returns the first column of a statement.
func (t *table) texts(ctx context.Context, statement string, args ...any) ([]string, error) {
	all, err := sqlengine.Texts(ctx, t.engine, statement, args...)
	return all, t.explain(err)
}

// records returns the rows of a short statement, as texts; NULL is "".
func (t *table) records(ctx context.Context, columns int, statement string, args ...any) (all [][]string, err error) {
	for record, err := range t.stream(ctx, columns, statement, args...) {
		if err != nil {
			return nil, err
		}
		all = append(all, append([]string(nil), record...))
	}
	return all, nil
}
