package told_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/told"
)

// subject is an engine on which the tables are tried.
type subject struct {
	open   func(t *testing.T) sqlengine.Engine
	exec   func(t *testing.T, statements ...string)
	text   string                                    // the type of a text that may be NULL
	expire string                                    // ends the lease in the schema lease
	make   func(t *testing.T, table, columns string) // a table anew
	worlds []world
}

var (
	owner = told.Owner{StoreID: "store-1", Destination: "acme/1"}
	noon  = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
)

func (s subject) table(t *testing.T, schema string) told.Table {
	t.Helper()
	table, err := told.New(s.open(t), schema)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, table.Close()) })
	return table
}

// leased returns the tables of a schema, made and leased.
func (s subject) leased(t *testing.T, schema string) told.Table {
	t.Helper()
	table := s.table(t, schema)
	require.NoError(t, table.Create(t.Context(), owner))
	release, err := table.Lease(t.Context(), "host 1", time.Minute)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, release(context.Background())) })
	return table
}

func all(t *testing.T, table told.Table, trait string) (rows []told.Row) {
	t.Helper()
	for row, err := range table.Rows(t.Context(), trait) {
		require.NoError(t, err)
		rows = append(rows, row)
	}
	return sorted(rows)
}

func sorted(rows []told.Row) []told.Row {
	slices.SortFunc(rows, func(a, b told.Row) int { return compareTexts(name(a), name(b)) })
	return rows
}

func name(r told.Row) string { return r.Trait + "|" + r.Key.Kind + "|" + r.Key.ID }

func compareTexts(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func user(trait, id, value string) told.Row {
	return told.Row{Trait: trait, Key: told.Key{Kind: told.UserID, ID: id}, Value: value, At: noon}
}

func these(rows ...told.Row) iter.Seq2[told.Row, error] {
	return func(yield func(told.Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// conform checks all that engines have in common.
func conform(t *testing.T, s subject) {
	t.Run("the tables belong to one state", s.owned)
	t.Run("one process has the lease", s.lease)
	t.Run("rows are put in place", s.rows)
	t.Run("a write is cut short", s.killed)
	t.Run("the difference is enough", s.enough)
}

func (s subject) owned(t *testing.T) {
	const schema = "to'l\"d"
	table := s.table(t, schema)
	require.ErrorIs(t, table.Check(t.Context(), owner), told.ErrGone)
	require.NoError(t, table.Create(t.Context(), owner))
	require.NoError(t, table.Create(t.Context(), owner))
	require.NoError(t, table.Check(t.Context(), owner))
	for _, other := range []told.Owner{{StoreID: "store-2", Destination: owner.Destination}, {StoreID: owner.StoreID, Destination: "acme/2"}} {
		require.ErrorIs(t, table.Check(t.Context(), other), told.ErrForeign)
		require.ErrorIs(t, table.Create(t.Context(), other), told.ErrForeign)
	}
	require.Contains(t, table.Objects(), schema+".told")
	require.NoError(t, table.Drop(t.Context()))
	require.ErrorIs(t, table.Check(t.Context(), owner), told.ErrGone)
	_, err := table.Counts(t.Context())
	require.ErrorIs(t, err, told.ErrGone)
	_, err = table.Lease(t.Context(), "host 1", time.Minute)
	require.ErrorIs(t, err, told.ErrGone)
	err = s.table(t, "nowhere").Create(t.Context(), owner)
	require.ErrorContains(t, err, "schema nowhere must be there before the tables can be made")
	require.NotErrorIs(t, err, told.ErrGone, "nothing was lost")
}

func (s subject) lease(t *testing.T) {
	one, two := s.table(t, "lease"), s.table(t, "lease")
	require.NoError(t, one.Create(t.Context(), owner))
	require.ErrorIs(t, one.Write(t.Context(), "t0", these(user("vip", "u1", "true"))), told.ErrLeased)
	release, err := one.Lease(t.Context(), "host 1", time.Minute)
	require.NoError(t, err)
	_, err = two.Lease(t.Context(), "host 2", time.Minute)
	require.ErrorIs(t, err, told.ErrLeased)
	require.ErrorContains(t, err, "host 1")
	require.NoError(t, one.Write(t.Context(), "t1", these(user("vip", "u1", "true"))))
	require.NoError(t, release(t.Context()))
	release, err = one.Lease(t.Context(), "host 1", time.Minute)
	require.NoError(t, err)
	s.exec(t, s.expire) // as if the process had stood still
	late, err := two.Lease(t.Context(), "host 2", time.Minute)
	require.NoError(t, err)
	require.ErrorIs(t, one.Write(t.Context(), "t2", these(user("vip", "u2", "true"))), told.ErrLeased)
	require.Len(t, all(t, two, "vip"), 1)
	require.NoError(t, release(t.Context()))
	require.NoError(t, two.Write(t.Context(), "t3", these(user("vip", "u2", "true"))), "the other's release is not this one's")
	require.NoError(t, late(t.Context()))
}

func (s subject) rows(t *testing.T) {
	table := s.leased(t, "rows")
	rider := user("vip", "u1", "true")
	rider.AnonymousID, rider.EmailSHA1 = "a1", "e1"
	odd := user("vip", "u'\"2\\\té{}", `12 €'"\`)
	first := []told.Row{rider, odd, user("ltv", "u1", ""), {Trait: "vip", Key: told.Key{Kind: told.AnonymousID, ID: "a9"}, Value: "false", At: noon}}
	for range 2 { // it may be repeated
		require.NoError(t, table.Write(t.Context(), "t1", these(first...)))
		require.Equal(t, sorted([]told.Row{rider, odd, first[3]}), all(t, table, "vip"))
	}
	counts, err := table.Counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]told.Counts{"vip": {Rows: 3, Told: 2}, "ltv": {Rows: 1, Told: 1}}, counts)
	found, err := table.Of(t.Context(), []told.Key{rider.Key, {Kind: told.AnonymousID, ID: "u1"}})
	require.NoError(t, err)
	require.Equal(t, []told.Row{first[2], rider}, sorted(found))
	for _, key := range []told.Key{{Kind: told.AnonymousID, ID: "a1"}, {Kind: told.EmailSHA1, ID: "e1"}} {
		found, err = table.Riding(t.Context(), []told.Key{key, {Kind: told.EmailSHA1, ID: "a1"}})
		require.NoError(t, err)
		require.Equal(t, []told.Row{rider}, found)
	}
	gone, again := odd, user("vip", "u1", "false")
	gone.Gone = true
	require.NoError(t, table.Write(t.Context(), "t2", these(gone, user("vip", "u1", "true"), again)), "the last one of a key counts")
	require.Equal(t, sorted([]told.Row{again, first[3]}), all(t, table, "vip"))
	back := odd
	back.At = noon.Add(time.Hour)
	require.NoError(t, table.Write(t.Context(), "t3", these(back)))
	require.Equal(t, sorted([]told.Row{again, back, first[3]}), all(t, table, "vip"))
	var many []told.Row
	for i := range 2500 {
		many = append(many, user("many", fmt.Sprintf("u%d", i), "true"))
	}
	require.NoError(t, table.Write(t.Context(), "t4", these(many...)))
	require.Len(t, all(t, table, "many"), len(many))
	var keys []told.Key
	for _, r := range many {
		keys = append(keys, r.Key)
	}
	require.NoError(t, table.Forget(t.Context(), keys))
	require.Empty(t, all(t, table, "many"))
	require.Empty(t, all(t, table, "ltv"))
	require.Equal(t, sorted([]told.Row{back, first[3]}), all(t, table, "vip"))
}
