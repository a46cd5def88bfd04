package warehouse

import (
	"context"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

var update = flag.Bool("update", false, "write the statements")

// scripted is an engine that has tables, and no rows.
type scripted struct {
	dialect sqlengine.Dialect
	tables  map[sqlengine.Table][]sqlengine.Column
}

func (e *scripted) Dialect() sqlengine.Dialect { return e.dialect }
func (e *scripted) Close() error               { return nil }

func (e *scripted) Query(_ context.Context, statement string, args ...any) (sqlengine.Rows, error) {
	rows := &fixed{}
	if from, probe := strings.CutSuffix(statement, " WHERE 1 = 0"); probe {
		for table := range e.tables {
			if from == "SELECT 1 FROM "+sqlengine.Name(e.dialect, table) {
				return rows, nil
			}
		}
		return nil, sqlengine.ErrNoTable
	}
	if strings.Contains(statement, "LIMIT 1") {
		rows.rows = [][]string{{"1"}}
	}
	asked := func(by string, with []any) bool { return by == statement && slices.Equal(with, args) }
	for table, columns := range e.tables {
		if asked(e.dialect.TablesOf(table.Schema)) {
			rows.rows = append(rows.rows, []string{table.Name})
		}
		if !asked(e.dialect.ColumnsOf(table)) {
			continue
		}
		for _, c := range columns {
			rows.rows = append(rows.rows, []string{c.Name, c.Type})
		}
	}
	return rows, nil
}

type fixed struct {
	rows [][]string
	at   int
}

func (f *fixed) Columns() ([]string, error) { return nil, nil }
func (f *fixed) Next() bool                 { f.at++; return f.at <= len(f.rows) }
func (f *fixed) Err() error                 { return nil }
func (f *fixed) Close() error               { return nil }
func (f *fixed) Scan(dest ...any) error {
	for i, d := range dest {
		text := f.rows[f.at-1][i]
		switch d := d.(type) {
		case *string:
			*d = text
		case *any:
			*d = text
		case interface{ Scan(any) error }:
			if err := d.Scan(text); err != nil {
				return err
			}
		}
	}
	return nil
}

func texts(names ...string) (all []sqlengine.Column) {
	for _, name := range names {
		name, kind, _ := strings.Cut(name, " ")
		if kind == "" {
			kind = "text"
		}
		all = append(all, sqlengine.Column{Name: name, Type: kind})
	}
	return all
}

// dialects are those for which the statements are kept.
var dialects = map[string]sqlengine.Dialect{
	"postgres": sqlengine.Postgres(), "redshift": sqlengine.Redshift(), "clickhouse": sqlengine.ClickHouse(),
	"bigquery": sqlengine.BigQuery(), "snowflake": sqlengine.Snowflake(), "databricks": sqlengine.Databricks(),
}

// TestStatements keeps the statements that each engine is sent, to be read.
func TestStatements(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		plan    planner
		schemas []string
		tables  map[string][]sqlengine.Column
	}{
		{"user_traits", planProfiles, []string{"ps"}, map[string][]sqlengine.Column{
			"user_traits":      texts("canonical_segment_id", "name", "value", "seq", "uuid_ts"),
			"user_identifiers": texts("canonical_segment_id", "type", "value", "seq", "uuid_ts"),
			"profile_merges":   texts("canonical_segment_id", "segment_id", "uuid_ts"),
		}},
		{"profile_traits", planProfiles, []string{"ps"}, map[string][]sqlengine.Column{
			"profile_traits":      texts("canonical_segment_id", "_3_views boolean", "3_views boolean", "merged_to", "uuid_ts"),
			"external_id_mapping": texts("canonical_segment_id", "external_id_type", "external_id_value", "timestamp"),
		}},
		{"engage_users", planEngage(FromUsers), []string{"engage_default"}, map[string][]sqlengine.Column{
			"users": texts("id", "email", "3_views boolean", "_3_views boolean", "received_at"),
		}},
		{"engage_users_of_two", planEngage(FromUsers), []string{"engage_default", "engage_ads"}, map[string][]sqlengine.Column{
			"users": texts("id", "3_views boolean", "_3_views boolean", "received_at"),
		}},
		{"engage_identifies", planEngage(FromIdentifies), []string{"engage_default"}, map[string][]sqlengine.Column{
			"identifies": texts("id", "user_id", "anonymous_id", "3_views boolean", "_3_views boolean", "timestamp", "received_at"),
		}},
	}
	for name, dialect := range dialects {
		for _, one := range cases {
			e := &scripted{dialect: dialect, tables: map[sqlengine.Table][]sqlengine.Column{}}
			for _, schema := range one.schemas {
				for table, columns := range one.tables {
					e.tables[sqlengine.Table{Schema: schema, Name: table}] = columns
				}
			}
			s := &Source{cfg: Config{Engine: e, Schemas: one.schemas}}
			p, err := one.plan(t.Context(), s.catalogue(), &Trait{Key: "3_views", Column: "3_views"})
			require.NoError(t, err, "%s %s", name, one.name)
			golden(t, "testdata/"+name+"/"+one.name+".sql", p)
		}
	}
}

func golden(t *testing.T, path string, p plan) {
	t.Helper()
	got := p.statement + ";\n"
	if p.version != nil {
		got += "\n-- which version there is\n"
	}
	for _, v := range p.version {
		got += v.statement + ";\n"
	}
	got += "\n-- as diff: warehouse has it compared\n" + p.list + ";\n"
	keep(t, path, got)
}

// keep compares a text with a file's, or writes it.
func keep(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(path[:strings.LastIndexByte(path, '/')], 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}
