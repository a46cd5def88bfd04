package sqlite_test

import (
	"database/sql"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// Every connection has the function pack, and its values come back.
func TestPack(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite3", ":memory:")
	require.NoError(t, err)
	defer db.Close()
	pack := func(query string) (p sqlite.Packed) {
		require.NoError(t, db.QueryRowContext(ctx, query).Scan(&p))
		return p
	}
	p := pack(`SELECT pack(column1, column2) FROM (VALUES (0, NULL), (1, ''), (-1, 'a' || char(0) || 'b'), (9223372036854775807, 'ä'), (-9223372036854775808, 1.5), (2, x'ff00'))`)
	null, integer := sqlite.Value{}, func(n int64) sqlite.Value { return sqlite.Value{Type: sqlite.Integer, Int: n} }
	text := func(s string) sqlite.Value { return sqlite.Value{Type: sqlite.Text, Text: s} }
	for _, want := range [][]sqlite.Value{
		{integer(0), null},
		{integer(1), text("")},
		{integer(-1), text("a\x00b")},
		{integer(math.MaxInt64), text("ä")},
		{integer(math.MinInt64), text("1.5")},
		{integer(2), text("\xff\x00")},
	} {
		got := make([]sqlite.Value, 2)
		require.True(t, p.Next(got))
		require.Equal(t, want, got)
	}
	require.Empty(t, p)
	require.False(t, p.Next(make([]sqlite.Value, 1)))

	require.Empty(t, pack(`SELECT pack(1) WHERE 0`), "no rows")
	p = pack(`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) SELECT pack(i, hex(zeroblob(50))) FROM n`)
	row := make([]sqlite.Value, 2)
	for i := range int64(10_000) {
		require.True(t, p.Next(row))
		require.Equal(t, []sqlite.Value{integer(i), text(strings.Repeat("0", 100))}, row)
	}
	require.Empty(t, p)
	for cut := range len("t....abc") {
		damaged := pack(`SELECT pack('abc')`)[:cut]
		require.False(t, damaged.Next(row[:1]), cut)
	}
	damaged := sqlite.Packed("x")
	require.False(t, damaged.Next(row[:1]))
}
