package warehouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// catalogue knows the tables of a database. It asks for each once.
type catalogue struct {
	engine  sqlengine.Engine
	dialect sqlengine.Dialect
	schemas []string // those of the configuration; at least one, which may be ""
	tables  map[string][]string
	columns map[sqlengine.Table][]sqlengine.Column
	absent  map[sqlengine.Table]bool
	filled  map[string]bool // by the condition for a row
}

func (s *Source) catalogue() *catalogue { return newCatalogue(s.cfg.Engine, s.cfg.Schemas) }

func newCatalogue(e sqlengine.Engine, schemas []string) *catalogue {
	if len(schemas) == 0 {
		schemas = []string{""}
	}
	return &catalogue{
		engine: e, dialect: e.Dialect(), schemas: schemas,
		tables: map[string][]string{}, columns: map[sqlengine.Table][]sqlengine.Column{}, absent: map[sqlengine.Table]bool{}, filled: map[string]bool{},
	}
}

// tablesOf returns the tables of a schema that can be seen. A schema that is not there
// is an error.
func (c *catalogue) tablesOf(ctx context.Context, schema string) ([]string, error) {
	if known, ok := c.tables[schema]; ok {
		return known, nil
	}
	found, err := sqlengine.Tables(ctx, c.engine, schema)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 && schema != "" {
		if err := c.checkSchema(ctx, schema); err != nil {
			return nil, err
		}
	}
	c.tables[schema] = found
	return found, nil
}

func (c *catalogue) checkSchema(ctx context.Context, schema string) error {
	all, err := sqlengine.Schemas(ctx, c.engine)
	if err != nil || slices.ContainsFunc(all, func(s string) bool { return strings.EqualFold(s, schema) }) {
		return err
	}
	return fmt.Errorf("there is no schema %q%s: nothing is changed; if it was dropped, let Segment sync it again (Segment, Destinations or Unify, the warehouse's settings), or correct schema",
		schema, likeOf(schema, all))
}

// table is a table whose columns are known.
type table struct {
	sqlengine.Table
	alias   string
	dialect sqlengine.Dialect
	columns []sqlengine.Column
}

// find returns the first of some tables that is in a schema. One that may not be read is
// an error, even if the database hides it: it must not pass for one that is not there.
func (c *catalogue) find(ctx context.Context, schema, alias string, names ...string) (t table, found bool, err error) {
	there, err := c.tablesOf(ctx, schema)
	if err != nil {
		return t, false, err
	}
	for _, name := range names {
		i := slices.IndexFunc(there, func(one string) bool { return strings.EqualFold(one, name) })
		if i < 0 {
			continue
		}
		t, err := c.open(ctx, sqlengine.Table{Schema: schema, Name: there[i]}, alias)
		return t, err == nil, err
	}
	for _, name := range slices.Backward(names) { // the usual one is the last
		if err := c.hidden(ctx, sqlengine.Table{Schema: schema, Name: name}); err != nil {
			return t, false, err
		}
	}
	return t, false, nil
}

// hidden says why a table that the database does not list cannot be read; nil: there is
// none.
func (c *catalogue) hidden(ctx context.Context, name sqlengine.Table) error {
	if c.absent[name] {
		return nil
	}
	err := c.probe(ctx, name)
	if err == nil {
		return fmt.Errorf("%s: the database lists neither it nor its columns, although it can be read (a materialized view?): make a view of it", shown(name))
	}
	if isMissing(err) {
		c.absent[name], err = true, nil
	}
	return err
}

// hasRow reports whether a table has a row with a value in a column, or any row if the
// column is "".
func (c *catalogue) hasRow(ctx context.Context, t *table, column string) (bool, error) {
	statement := "SELECT 1 FROM " + t.from()
	if column != "" {
		statement += " WHERE " + t.ref(column) + " IS NOT NULL"
	}
	statement += " LIMIT 1"
	if known, ok := c.filled[statement]; ok {
		return known, nil
	}
	row, err := c.row(ctx, statement, nil, 1)
	if err != nil {
		return false, c.explain(err, t.Table)
	}
	c.filled[statement] = row[0] != nil
	return row[0] != nil, nil
}

// notEmpty wants a table to have rows: who is not in one that was emptied did not leave.
func (c *catalogue) notEmpty(ctx context.Context, t *table) error {
	if there, err := c.hasRow(ctx, t, ""); err != nil || there {
		return err
	}
	return fmt.Errorf("%s is empty: nothing is changed; a sync failed or has not come to its end (look at the warehouse's syncs in Segment)", shown(t.Table))
}

// someoneIn wants somebody to have a value in the column of a trait, and no table to be
// empty.
func (c *catalogue) someoneIn(ctx context.Context, t *Trait, in ...engageTable) error {
	var names []string
	someone := false
	for i := range in {
		one := &in[i]
		there, err := c.hasRow(ctx, &one.table, one.column.Name)
		if err == nil && !there {
			err = c.notEmpty(ctx, &one.table)
		}
		if err != nil {
			return err
		}
		someone = someone || there
		names = append(names, shown(one.Table))
	}
	if someone {
		return nil
	}
	return nobody(names, t, "")
}

// nobody says that no row of some tables has a trait: a list that somebody emptied by
// mistake, or that never was there, must not look like one that everybody left.
func nobody(tables []string, t *Trait, near string) error {
	return &traitError{absent: true, err: fmt.Errorf("nobody in %s has a trait %q%s: nothing is changed; correct the key, or if the audience was deleted in Segment, set onMissing: exit to let its members leave",
		strings.Join(tables, " or "), t.Column, near)}
}

// open reads a table's columns. Whether the table may be read is asked with a
// statement that reads nothing, since catalogues may leave out what may not be seen.
func (c *catalogue) open(ctx context.Context, name sqlengine.Table, alias string) (table, error) {
	t := table{Table: name, alias: alias, dialect: c.dialect, columns: c.columns[name]}
	if t.columns != nil {
		return t, nil
	}
	if err := c.probe(ctx, name); err != nil {
		return t, err
	}
	var err error
	if t.columns, err = sqlengine.Columns(ctx, c.engine, name); err == nil && len(t.columns) == 0 {
		err = fmt.Errorf("%s: the database does not show its columns", shown(name))
	}
	c.columns[name] = t.columns
	return t, err
}

// probe says why a table cannot be read.
func (c *catalogue) probe(ctx context.Context, name sqlengine.Table) (err error) {
	rows, err := c.engine.Query(ctx, "SELECT 1 FROM "+sqlengine.Name(c.dialect, name)+" WHERE 1 = 0")
	if err != nil {
		return c.explain(err, name)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		continue
	}
	return c.explain(rows.Err(), name)
}

// explain adds to an error the table, and what to do about it.
func (c *catalogue) explain(err error, name sqlengine.Table) error {
	switch {
	case err == nil:
		return nil
	case name.Name == "" && errors.Is(err, sqlengine.ErrDenied):
		return fmt.Errorf("%w: the owner of the tables lets this user read them with GRANT USAGE ON SCHEMA and GRANT SELECT ON each table", err)
	case errors.Is(err, sqlengine.ErrDenied):
		return fmt.Errorf("%s: %w: its owner lets this user read it with: %s", shown(name), err, c.grant(name))
	case errors.Is(err, sqlengine.ErrLocked):
		return fmt.Errorf("%s: %w: run again when that is over", shown(name), err)
	case errors.Is(err, sqlengine.ErrTimeout):
		return fmt.Errorf("%s: %w: raise timeout, or read at a quieter time", shown(name), err)
	}
	return fmt.Errorf("%s: %w", shown(name), err)
}

func (c *catalogue) grant(name sqlengine.Table) string {
	grant := "GRANT SELECT ON " + sqlengine.Name(c.dialect, name) + " TO the_user"
	if name.Schema != "" {
		grant = "GRANT USAGE ON SCHEMA " + c.dialect.Quote(name.Schema) + " TO the_user; " + grant
	}
	return grant
}

// shown returns a table's name for people.
func shown(t sqlengine.Table) string {
	if t.Name == "" {
		return "the query"
	}
	if t.Schema == "" {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

// column returns a column of the table, whatever the case of its name is.
func (t *table) column(name string) (sqlengine.Column, bool) {
	i := slices.IndexFunc(t.columns, func(c sqlengine.Column) bool { return strings.EqualFold(c.Name, name) })
	if i < 0 {
		return sqlengine.Column{}, false
	}
	return t.columns[i], true
}

// has reports whether the table has a column.
func (t *table) has(name string) bool {
	_, ok := t.column(name)
	return ok
}

// ref returns an expression for a column, which must be there (see needs).
func (t *table) ref(name string) string {
	if c, ok := t.column(name); ok {
		name = c.Name
	}
	return t.alias + "." + t.dialect.Quote(name)
}

// from returns the table with its alias.
func (t *table) from() string { return sqlengine.Name(t.dialect, t.Table) + " " + t.alias }

// needs says which of some columns are missing.
func (t *table) needs(names ...string) error {
	var missing []string
	for _, name := range names {
		if !t.has(name) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%s has no column %s: %w; it has %s", shown(t.Table), listed(missing), sqlengine.ErrNoColumn, listed(t.names(8)))
}

// exact refuses columns of ids, as far as they are there, that may have lost digits: then
// people would look like others. Once they are cast to text, that is not seen any more.
func (t *table) exact(names ...string) error {
	for _, name := range names {
		if c, ok := t.column(name); ok && classOf(c.Type) == classFloat {
			return fmt.Errorf("%s: column %s is of the type %s, which may have lost digits of an id: make it text", shown(t.Table), c.Name, c.Type)
		}
	}
	return nil
}

// names returns the first columns.
func (t *table) names(most int) []string {
	var all []string
	for _, c := range t.columns {
		if len(all) == most {
			return append(all, fmt.Sprintf("and %d more", len(t.columns)-most))
		}
		all = append(all, c.Name)
	}
	return all
}
