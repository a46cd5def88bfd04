package told_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/warehouse"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
	"github.com/impactsync/impactsync/sync/sqlengine/postgres"
	"github.com/impactsync/impactsync/sync/told"
)

var measured = flag.Int("measure", 0, "of how many people the difference is measured")

// TestMeasure measures the difference and the write-back of a Profiles Sync audience on
// PostgreSQL, for docs/performance.md:
//
//	go test ./sync/told -run TestMeasure -v -timeout 2h -measure 1000000
func TestMeasure(t *testing.T) {
	n := *measured
	if n == 0 {
		t.Skip("only with -measure")
	}
	server := enginetest.StartPostgres(t)
	server.Exec(t, "CREATE EXTENSION pgcrypto", "CREATE SCHEMA difference", "CREATE SCHEMA ps",
		"CREATE TABLE ps.user_traits (canonical_segment_id text, name text, value text, seq text)", "CREATE TABLE ps.user_identifiers (canonical_segment_id text, type text, value text, seq text)",
		fmt.Sprintf("INSERT INTO ps.user_traits SELECT md5(n::text)::uuid::text, 'vip', (n %% 200 <> 1)::text, n::text FROM generate_series(1, %d) n", n*201/200),
		"INSERT INTO ps.user_identifiers SELECT canonical_segment_id, 'user_id', 'user-' || seq, seq FROM ps.user_traits",
		"INSERT INTO ps.user_identifiers SELECT canonical_segment_id, 'email', 'user' || seq || '@example.com', seq FROM ps.user_traits",
		"VACUUM ANALYZE ps.user_traits", "VACUUM ANALYZE ps.user_identifiers")
	e, err := postgres.Open(sqlengine.Config{DSN: server.DSN + "?work_mem=256MB"})
	require.NoError(t, err)
	src, err := warehouse.New(warehouse.Config{Name: "dwh", Engine: e, Reader: warehouse.ProfilesSync, Schemas: []string{"ps"}, Traits: []warehouse.Trait{{Key: "vip", Name: "vip", Column: "vip", Class: segment.ClassAudience}}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, src.Close()) })
	s := subject{open: func(t *testing.T) sqlengine.Engine {
		e, err := postgres.Open(sqlengine.Config{DSN: server.DSN + "?work_mem=256MB"})
		require.NoError(t, err)
		return e
	}}
	table := s.leased(t, "difference")
	for in, err := range src.Inputs(t.Context(), nil) {
		require.NoError(t, err)
		m := &measurement{table: table, src: src, in: in, server: server}
		begin := time.Now()
		require.NoError(t, src.Read(t.Context(), in, source.Position{}, func(b source.Batch) error { m.people += len(b.Records); return nil }))
		t.Logf("diff: local reads %d people in %v", m.people, time.Since(begin).Round(time.Millisecond))
		m.step(t, "first")
		server.Exec(t, "VACUUM ANALYZE difference.told")
		m.step(t, "nothing new")
		// One in 200 leaves, and one in 200 joins.
		server.Exec(t, "UPDATE ps.user_traits SET value = (seq::int % 200 <> 2)::text WHERE seq::int % 200 IN (1, 2)")
		m.step(t, "1 % changed")
		m.step(t, "nothing new")
	}
}

type measurement struct {
	table  told.Table
	src    *warehouse.Source
	in     source.Input
	server *enginetest.Postgres
	people int
}

// step takes a difference and writes what it says, and logs what that takes.
func (m *measurement) step(t *testing.T, name string) {
	wanted, err := m.src.Wanted(t.Context(), m.in)
	require.NoError(t, err)
	begin, before := time.Now(), m.cpu(t)
	d, err := m.table.Difference(t.Context(), m.in.Key, wanted)
	require.NoError(t, err)
	answered := time.Since(begin)
	var batch []told.Row
	back := 0
	for row, err := range d.Told {
		require.NoError(t, err)
		back++
		row.Value = "false"
		batch = append(batch, row)
	}
	rows, err := d.List(t.Context())
	require.NoError(t, err)
	members := 0
	require.NoError(t, m.src.ReadRows(t.Context(), m.in, wanted, rows, true, func(b source.Batch) error {
		for _, who := range b.Members {
			members++
			batch = append(batch, told.Row{Trait: m.in.Key, Key: keyOf(who.Identity), Value: who.Value, At: noon, EmailSHA1: who.EmailSHA1})
		}
		return nil
	}))
	require.NoError(t, d.Close())
	begun, compared := time.Now(), m.cpu(t)
	require.NoError(t, m.table.Write(t.Context(), name, these(batch...)))
	writing, written := time.Since(begun), m.cpu(t)
	t.Logf("%s: %+v; %d and %d rows over; first row after %v; written %d in %v; all %v; CPU %.1f s, and writing %.1f s; told %s MB", name, d.Counts, back, members, answered.Round(time.Millisecond), len(batch),
		writing.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond), compared-before, written-compared, m.server.Value(t, "SELECT pg_total_relation_size('difference.told') / 1000000"))
}

// cpu is how many seconds of CPU the server and this process took so far.
func (m *measurement) cpu(t *testing.T) float64 {
	t.Helper()
	text, err := os.ReadFile(m.server.Value(t, "SELECT current_setting('data_directory') || '/postmaster.pid'"))
	require.NoError(t, err)
	postmaster, _, _ := strings.Cut(string(text), "\n")
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	ticks := 0.0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest) // from the third on: state, parent
		counted := map[bool][]string{true: fields[11:13]}[fields[1] == postmaster || file == fmt.Sprintf("/proc/%d/stat", os.Getpid())]
		if file == "/proc/"+postmaster+"/stat" {
			counted = fields[11:15] // with its children that ended
		}
		for _, field := range counted {
			n, err := strconv.ParseFloat(field, 64)
			require.NoError(t, err)
			ticks += n
		}
	}
	return ticks / 100
}
