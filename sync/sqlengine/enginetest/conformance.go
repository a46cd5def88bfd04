package enginetest

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// Server is a database server that a test may kill.
type Server interface {
	Start(t *testing.T)
	Kill(t *testing.T)
	Exec(t *testing.T, statements ...string)
}

// Subject is an engine whose behaviour is checked, and how its SQL says things.
type Subject struct {
	Server Server
	Open   func(sqlengine.Config) (sqlengine.Engine, error)
	DSN    string

	// Setup makes the schema ps with two tables: od"d, of the columns id, which is a
	// text, 3_views, a boolean, seen, a time, and plain, of one column. od"d has the row
	// u1, true, 2026-01-02 03:04:05 UTC and one of NULLs.
	Setup   []string
	Columns []sqlengine.Column
	Schemas []string
	True    string // a boolean that is true, as text
	Many    string // a statement of at least 10 million rows
	Slow    string // a statement that takes longer than a second
	Write   string // a statement that writes
	Written string // what its refusal says

	Wrong map[string]error // statements and the errors that they are

	Limited       string // the DSN of somebody who may not read LimitedTable
	LimitedTable  sqlengine.Table
	LimitedError  error
	WrongPassword string // a DSN
}

// Check checks all that engines have in common.
func Check(t *testing.T, s Subject) {
	e := s.open(t, time.Minute)
	s.Server.Exec(t, s.Setup...)
	t.Run("values are read as texts", func(t *testing.T) { s.values(t, e) })
	t.Run("values are bound", func(t *testing.T) { s.bound(t, e) })
	t.Run("the catalogue is read", func(t *testing.T) { s.catalogue(t, e) })
	t.Run("nothing can be written", func(t *testing.T) {
		_, err := Lines(t, e, s.Write)
		require.ErrorIs(t, err, sqlengine.ErrStatement)
		require.ErrorContains(t, err, s.Written)
	})
	t.Run("errors have names", func(t *testing.T) {
		for statement, want := range s.Wrong {
			_, err := Lines(t, e, statement)
			require.ErrorIs(t, err, want, "%s", statement)
		}
	})
	t.Run("rows can be given up", func(t *testing.T) {
		for range 10 { // more than there are connections
			rows, err := e.Query(t.Context(), s.Many)
			require.NoError(t, err)
			require.True(t, rows.Next())
			require.NoError(t, rows.Close())
		}
	})
	t.Run("a statement ends in time", func(t *testing.T) {
		_, err := Lines(t, s.open(t, time.Second), s.Slow)
		require.ErrorIs(t, err, sqlengine.ErrTimeout)
	})
	t.Run("a cancelled statement says why", func(t *testing.T) { s.cancelled(t, e) })
	t.Run("rights are needed", s.rights)
	t.Run("a server that is gone in the middle", func(t *testing.T) { s.gone(t, e) })
}

func (s Subject) open(t *testing.T, limit time.Duration) sqlengine.Engine {
	t.Helper()
	return s.openAs(t, sqlengine.Config{DSN: s.DSN, Timeout: limit})
}

func (s Subject) openAs(t *testing.T, cfg sqlengine.Config) sqlengine.Engine {
	t.Helper()
	e, err := s.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

var odd = sqlengine.Table{Schema: "ps", Name: `od"d`}

func (s Subject) values(t *testing.T, e sqlengine.Engine) {
	d := e.Dialect()
	statement := "SELECT " + d.Text("id") + ", " + d.Text(d.Quote("3_views")) + ", " + d.Micros("seen") + " FROM " + sqlengine.Name(d, odd) + " WHERE id = " + d.Param(1)
	got, err := Lines(t, e, statement+" OR id IS NULL ORDER BY id", "u1")
	require.NoError(t, err)
	require.Equal(t, []string{"u1|" + s.True + "|1767323045000000", "NULL|NULL|NULL"}, got)
	none, err := Lines(t, e, statement, "nobody")
	require.NoError(t, err)
	require.Empty(t, none)
}

func (s Subject) bound(t *testing.T, e sqlengine.Engine) {
	d := e.Dialect()
	for _, text := range []string{
		"", " ", "a'b", `a\'b`, `a\`, `\`, `\N`, "a\tb\nc\rd", "'; DROP TABLE ps.plain --", `{p1:String}`, "$1", "?", "é😀\u2028", "a\bb\fc", "Code: 60. DB::Exception: x",
	} {
		got, err := Lines(t, e, "SELECT 1, "+d.Text(d.Param(1))+", "+d.Text(d.Param(2))+", 1", text, "other")
		require.NoError(t, err, "%q", text)
		require.Equal(t, []string{"1|" + text + "|other|1"}, got)
	}
}

func (s Subject) catalogue(t *testing.T, e sqlengine.Engine) {
	columns, err := sqlengine.Columns(t.Context(), e, odd)
	require.NoError(t, err)
	require.Equal(t, s.Columns, columns)
	tables, err := sqlengine.Tables(t.Context(), e, "ps")
	require.NoError(t, err)
	require.Equal(t, []string{`od"d`, "plain"}, tables)
	schemas, err := sqlengine.Schemas(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, s.Schemas, schemas)
	none, err := sqlengine.Columns(t.Context(), e, sqlengine.Table{Name: "nothing"})
	require.NoError(t, err)
	require.Empty(t, none)
}

func (s Subject) cancelled(t *testing.T, e sqlengine.Engine) {
	why := &sqlengine.Error{Text: "the run's deadline"}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, why)
	defer cancel()
	rows, err := e.Query(ctx, s.Many)
	if err == nil {
		for rows.Next() {
		}
		err = rows.Err()
		require.NoError(t, rows.Close())
	}
	require.ErrorIs(t, err, why)
}

func (s Subject) rights(t *testing.T) {
	limited := s.openAs(t, sqlengine.Config{DSN: s.Limited})
	_, err := Lines(t, limited, "SELECT 1 FROM "+sqlengine.Name(limited.Dialect(), s.LimitedTable))
	require.ErrorIs(t, err, s.LimitedError)
	_, err = Lines(t, s.openAs(t, sqlengine.Config{DSN: s.WrongPassword}), "SELECT 1")
	require.ErrorIs(t, err, sqlengine.ErrLogin)
	require.NotContains(t, err.Error(), "s3cret")
}

func (s Subject) gone(t *testing.T, e sqlengine.Engine) {
	rows, err := e.Query(t.Context(), s.Many)
	require.NoError(t, err)
	require.True(t, rows.Next())
	s.Server.Kill(t)
	for rows.Next() {
	}
	require.ErrorIs(t, rows.Err(), sqlengine.ErrUnreachable)
	require.NoError(t, rows.Close())
	_, err = Lines(t, e, "SELECT 1")
	require.ErrorIs(t, err, sqlengine.ErrUnreachable)
	s.Server.Start(t)
	got, err := Lines(t, e, "SELECT 1")
	require.NoError(t, err)
	require.Equal(t, []string{"1"}, got)
}

// Lines returns the rows of a statement, their values joined with |.
func Lines(t *testing.T, e sqlengine.Engine, statement string, args ...any) (lines []string, err error) {
	t.Helper()
	rows, err := e.Query(t.Context(), statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	values, pointers := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	for rows.Next() {
		require.NoError(t, rows.Scan(pointers...))
		texts := make([]string, len(values))
		for i, v := range values {
			if texts[i] = v.String; !v.Valid {
				texts[i] = "NULL"
			}
		}
		lines = append(lines, strings.Join(texts, "|"))
	}
	return lines, rows.Err()
}
