package sync_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/state/rules"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/warehouse"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
	"github.com/impactsync/impactsync/sync/sqlengine/postgres"
	settled "github.com/impactsync/impactsync/sync/told"
)

// shop is a warehouse with the tables of Profiles Sync, and a world that reads it.
type shop struct {
	*world
	database *enginetest.Postgres
	table    settled.Table // nil: diff: local
	leases   []func(context.Context) error
	kill     int // at which point, counted from now; 0: at none
	main     string
	answers  *answers
	fails    bool // a pass may fail, with err
	err      error
}

// answers decide what becomes of requests, by what is in them: the same in each world.
type answers struct {
	mu    sync.Mutex
	round int
	seen  map[string]int // requests of the round, by content
	taken []string
}

// rounds is how many passes a history has.
const rounds = 9

// errKilled is the panic that stands for the end of a process.
var errKilled = errors.New("killed")

func newShop(t *testing.T, database *enginetest.Postgres, elsewhere bool) *shop {
	t.Helper()
	s := &shop{world: setup(t, sandbox.Config{}), database: database, answers: &answers{seen: map[string]int{}}}
	inner := s.sandbox.Handler()
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.answers.serve(w, r, inner) }))
	t.Cleanup(s.server.Close)
	if elsewhere {
		e, err := postgres.Open(sqlengine.Config{DSN: database.DSN, Timeout: time.Minute})
		require.NoError(t, err)
		s.table, err = settled.New(e, "impactsync")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.table.Close()) })
	}
	s.change = func(c *impactsync.Config) {
		c.Feeds = append(c.Feeds, s.feed())
		c.FirstRetry, c.Workers = time.Millisecond, 1
		c.Guards = state.Guards{Traits: rules.Table{General: state.Guard{}}}
		c.Point = s.point
		if os.Getenv("TRACE") != "" && elsewhere {
			c.Log = slog.New(slog.NewTextHandler(os.Stdout, nil))
		}
	}
	return s
}

// leasing lets the test give a dead process's lease back.
type leasing struct {
	settled.Table
	*shop
}

func (l leasing) Close() error { return nil }

func (l leasing) Lease(ctx context.Context, holder string, ttl time.Duration) (func(context.Context) error, error) {
	release, err := l.Table.Lease(ctx, holder, ttl)
	if err == nil {
		l.leases = append(l.leases, release)
	}
	return func(ctx context.Context) error { l.leases = nil; return release(ctx) }, err
}

func (s *shop) feed() impactsync.Feed {
	s.t.Helper()
	e, err := postgres.Open(sqlengine.Config{DSN: s.database.DSN, Timeout: time.Minute})
	require.NoError(s.t, err)
	src, err := warehouse.New(warehouse.Config{
		Name: "dwh", Engine: e, Reader: warehouse.ProfilesSync, Schemas: []string{"ps"}, Placeholders: segment.NewPlaceholders(nil, nil),
		Traits: []warehouse.Trait{
			{Key: "vip", Name: "vip", Column: "vip", Class: segment.ClassAudience}, {Key: "gold", Name: "gold", Column: "gold", Class: segment.ClassAudience},
			{Key: "tier", Name: "tier", Column: "tier", Class: segment.ClassComputed},
		},
	})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, src.Close()) })
	feed := impactsync.Feed{Source: src, Lists: true}
	if s.table != nil {
		feed.Told = &impactsync.Place{Name: "impactsync", Table: leasing{s.table, s}}
	}
	return feed
}

// serve refuses some requests, and takes some without an answer.
func (a *answers) serve(w http.ResponseWriter, r *http.Request, inner http.Handler) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	line := lineOf(string(body), r.URL.Path)
	what := withoutRiders(line)
	a.mu.Lock()
	a.seen[what]++
	h := fnv.New32a()
	fmt.Fprint(h, a.round, what)
	fate, first := h.Sum32()%12, a.seen[what] == 1
	if a.round == 0 {
		fate = 12
	}
	if fate != 1 {
		a.taken = append(a.taken, line)
	}
	a.mu.Unlock()
	switch {
	case fate == 1:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"Status":"ERROR","Message":"no"}`)
	case fate == 2 && first:
		panic(http.ErrAbortHandler) // it is taken, and nobody hears of it
	default:
		inner.ServeHTTP(w, r)
	}
}

// lineOf returns who was told what by a request.
func lineOf(body, path string) string {
	var parts []string
	for _, part := range strings.Split(body, "&") {
		name, _, _ := strings.Cut(part, "=")
		switch name {
		case "CustomerId", "CustomProfileId", "CustomerEmail", "vip", "gold", "tier", "OrderId":
			parts = append(parts, part)
		}
	}
	slices.Sort(parts)
	return strings.Join(append([]string{path[strings.LastIndex(path, "/"):]}, parts...), " ")
}

// withoutRiders takes away from a line what rides along with the person's key: the table
// has that as of when the person was told.
func withoutRiders(line string) string {
	var riders []string
	switch {
	case strings.Contains(line, " CustomerId="):
		riders = []string{"CustomProfileId=", "CustomerEmail="}
	case strings.Contains(line, " CustomProfileId="):
		riders = []string{"CustomerEmail="}
	}
	rides := func(word string) bool {
		return slices.ContainsFunc(riders, func(name string) bool { return strings.HasPrefix(word, name) })
	}
	return strings.Join(slices.DeleteFunc(strings.Fields(line), rides), " ")
}

func linesWithoutRiders(lines []string) (all []string) {
	for _, line := range lines {
		all = append(all, withoutRiders(line))
	}
	slices.Sort(all)
	return all
}

// point ends the process, if it is time to.
func (s *shop) point(string) {
	if s.kill == 0 || goroutine() != s.main {
		return
	}
	if s.kill--; s.kill == 0 {
		panic(errKilled)
	}
}

func goroutine() string {
	buf := make([]byte, 40)
	return strings.Fields(string(buf[:runtime.Stack(buf, false)]))[1]
}

// pass makes a pass that may be killed, and reports whether it was.
func (s *shop) pass() (r impactsync.Report, killed bool) {
	s.t.Helper()
	s.main = ""
	db, err := state.Open(context.Background(), state.Options{
		Path: filepath.Join(s.dir, "state.db"), Create: true, Binding: &state.Binding{AccountSID: "IRsid", CampaignID: "23224", Hosts: "loopback"}, Point: s.point,
	})
	require.NoError(s.t, err)
	s.main = goroutine()
	defer func() {
		if dead := recover(); dead != nil {
			if dead != errKilled { //nolint:errorlint // a panic
				panic(dead)
			}
			killed = true
			for _, release := range s.leases { // as if it had run out
				require.NoError(s.t, release(context.Background()))
			}
			s.leases = nil
		}
		_ = db.Close()
	}()
	e := s.engine(db)
	r, err = e.Run(s.t.Context(), impactsync.Options{})
	if s.err = err; s.fails {
		return r, false
	}
	require.NoError(s.t, err)
	s.kill = 0
	problems, err := db.Check(context.Background())
	require.NoError(s.t, err)
	require.Empty(s.t, problems)
	return r, false
}

// delivered returns what impact.com was told and is settled: by the state, or by the table.
func (s *shop) delivered() []string {
	s.t.Helper()
	query, driver, dsn := `SELECT t.key || ' ' || coalesce('user_id ' || p.user_id, 'anonymous_id ' || p.anonymous_id, 'email_sha1 ' || p.email_sha1)
		|| ' ' || CASE v.delivered WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE v.delivered END
		FROM trait_rows v JOIN traits t ON t.id = v.trait_id JOIN people p ON p.id = v.profile_id WHERE v.delivered IS NOT NULL`, "sqlite3", filepath.Join(s.dir, "state.db")
	if s.table != nil {
		query, driver, dsn = `SELECT trait || ' ' || kind || ' ' || id || ' ' || value FROM impactsync.told`, "pgx", s.database.DSN
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(s.t, err)
	defer db.Close()
	rows, err := db.QueryContext(s.t.Context(), query)
	require.NoError(s.t, err)
	defer rows.Close()
	all := []string{}
	for rows.Next() {
		var line string
		require.NoError(s.t, rows.Scan(&line))
		all = append(all, line)
	}
	require.NoError(s.t, rows.Err())
	slices.Sort(all)
	return all
}

// planned returns the numbers of each trait that a plan would show.
func (s *shop) planned() []state.PlanTrait {
	s.t.Helper()
	db, err := state.Open(s.t.Context(), state.Options{Path: filepath.Join(s.dir, "state.db"), ReadOnly: true})
	require.NoError(s.t, err)
	defer db.Close()
	plan, err := db.Plan(s.t.Context(), state.Part{})
	require.NoError(s.t, err)
	return plan.Traits
}

// verdicts returns what each audience's last list changes. Of a computed trait, whose values
// that are gone are never sent or judged, how they are counted differs.
func (s *shop) verdicts() string {
	s.t.Helper()
	return s.value(`SELECT group_concat(key || ': ' || told || ' told, ' || joins || ' joins, ' || exits || ' exits', '; ')
		FROM (SELECT t.key, g.* FROM traits t JOIN generations g ON g.id = t.generation WHERE t.class = 'audience' ORDER BY t.key)`)
}

// lists are what Profiles Sync holds.
type lists struct {
	t        *testing.T
	r        *rand.Rand
	database *enginetest.Postgres
	ids      map[int][]string          // of a profile: kind and id
	values   map[string]map[int]string // by trait
	seq      int
	owners   map[int]int
}

func newLists(t *testing.T, r *rand.Rand, database *enginetest.Postgres) *lists {
	t.Helper()
	database.Exec(t, `CREATE SCHEMA ps`, `CREATE SCHEMA impactsync`,
		`CREATE TABLE ps.user_traits (canonical_segment_id text, name text, value text, seq bigint)`,
		`CREATE TABLE ps.user_identifiers (canonical_segment_id text, type text, value text, seq bigint)`)
	return &lists{t: t, r: r, database: database, ids: map[int][]string{}, values: map[string]map[int]string{"vip": {}, "gold": {}, "tier": {}}}
}

// change changes some profiles.
func (l *lists) change() {
	for range 2 + l.r.IntN(12) {
		p := l.r.IntN(10)
		switch l.r.IntN(4) {
		case 0:
			l.ids[p] = nil
			for range 1 + l.r.IntN(2) {
				switch l.r.IntN(6) {
				case 0, 1, 2:
					l.ids[p] = append(l.ids[p], fmt.Sprintf("user_id u%d", p))
				case 3:
					l.give(p, l.r.IntN(12))
				case 4:
					l.ids[p] = append(l.ids[p], fmt.Sprintf("email m%d@shop.example", p))
				case 5:
					l.ids[p] = append(l.ids[p], "user_id undefined")
				}
			}
		default:
			if l.ids[p] == nil {
				l.ids[p] = []string{fmt.Sprintf("user_id u%d", p)}
			}
			switch l.r.IntN(3) {
			case 0:
				l.values["vip"][p] = []string{"true", "false"}[l.r.IntN(2)]
			case 1:
				l.values["gold"][p] = []string{"true", "false"}[l.r.IntN(2)]
			default:
				l.values["tier"][p] = []string{"1", "2", "best", ""}[l.r.IntN(4)]
			}
		}
	}
	l.store()
}

// give gives a profile an anonymous id, which no other one has then.
func (l *lists) give(p, visitor int) {
	id := fmt.Sprintf("anonymous_id a%d", visitor)
	for other := range l.ids {
		l.ids[other] = slices.DeleteFunc(l.ids[other], func(has string) bool { return has == id })
	}
	l.ids[p] = append(l.ids[p], id)
}

// said returns messages that say of every visitor in a user's profile whose it is, and
// perhaps of another one. That a list alone says it is the one thing in which histories may
// differ: with diff: warehouse, it is learnt only with people who come over.
func (l *lists) said(round int) (lines []string) {
	owners := map[int]int{}
	l.owners = owners
	for p, ids := range l.ids {
		for visitor := range 12 {
			if slices.Contains(ids, fmt.Sprintf("anonymous_id a%d", visitor)) && slices.Contains(ids, fmt.Sprintf("user_id u%d", p)) {
				owners[visitor] = p
			}
		}
	}
	if visitor, user := l.r.IntN(12), l.r.IntN(12); l.r.IntN(2) == 0 {
		if _, has := owners[visitor]; !has {
			owners[visitor] = user
		}
	}
	for _, visitor := range slices.Sorted(maps.Keys(owners)) {
		lines = append(lines, fmt.Sprintf(`{"type":"identify","messageId":"m%d-%d","anonymousId":"a%d","userId":"u%d","timestamp":%q}`,
			round, visitor, visitor, owners[visitor], time.Now().UTC().Format(time.RFC3339Nano)))
	}
	return lines
}

func (l *lists) store() {
	l.t.Helper()
	statements := []string{`DELETE FROM ps.user_traits`, `DELETE FROM ps.user_identifiers`, `INSERT INTO ps.user_traits VALUES ('p0', 'vip', 'false', 0), ('p0', 'gold', 'false', 0)`}
	if len(l.values["tier"]) == 0 { // a trait that nobody has is an error
		statements = append(statements, `INSERT INTO ps.user_traits VALUES ('none', 'tier', '1', 0)`)
	}
	for _, trait := range slices.Sorted(maps.Keys(l.values)) {
		for _, p := range slices.Sorted(maps.Keys(l.values[trait])) {
			l.seq++
			statements = append(statements, fmt.Sprintf(`INSERT INTO ps.user_traits VALUES ('p%d', '%s', '%s', %d)`, p, trait, l.values[trait][p], l.seq))
		}
	}
	for _, p := range slices.Sorted(maps.Keys(l.ids)) {
		for _, id := range l.ids[p] {
			kind, id, _ := strings.Cut(id, " ")
			l.seq++
			statements = append(statements, fmt.Sprintf(`INSERT INTO ps.user_identifiers VALUES ('p%d', '%s', '%s', %d)`, p, kind, id, l.seq))
		}
	}
	l.database.Exec(l.t, strings.Join(statements, "; "))
}

// seeds is how many histories are played: more with SEEDS.
func seeds() (n int) {
	if _, err := fmt.Sscan(os.Getenv("SEEDS"), &n); err != nil {
		return 2
	}
	return n
}

// TestDifferencesAreTheSame plays random histories with the difference taken in the
// state, and in PostgreSQL with kills: the same calls are sent, but for what rides along.
// SEED and SEEDS play other ones.
func TestDifferencesAreTheSame(t *testing.T) {
	t.Parallel()
	server := enginetest.StartPostgres(t)
	first := int64(1)
	if text := os.Getenv("SEED"); text != "" {
		_, err := fmt.Sscan(text, &first)
		require.NoError(t, err)
	}
	for n := range seeds() {
		seed := uint64(first) + uint64(n)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			database := server.Database(t)
			l := newLists(t, r, database)
			local, away := newShop(t, database, false), newShop(t, database, true)
			for round := range rounds {
				l.change()
				if lines := l.said(round); len(lines) > 0 {
					local.log(fmt.Sprintf("%02d.ndjson", round), lines...)
					away.log(fmt.Sprintf("%02d.ndjson", round), lines...)
				}
				mark := [2]int{len(local.answers.taken), len(away.answers.taken)}
				for _, s := range []*shop{local, away} {
					s.answers.round, s.answers.seen = round+1, map[string]int{}
					if round == rounds-1 {
						s.answers.round = 0 // everything is taken
					}
				}
				local.pass()
				kills := 0
				for {
					if away.kill = r.IntN(40); round == rounds-1 || r.IntN(3) == 0 {
						away.kill = 0
					}
					if _, killed := away.pass(); !killed {
						break
					}
					kills++
				}
				want, have := linesWithoutRiders(local.answers.taken[mark[0]:]), linesWithoutRiders(away.answers.taken[mark[1]:])
				if os.Getenv("TRACE") != "" {
					fmt.Println("round", round, "said", l.owners, "ids", l.ids, "values", l.values, "killed", kills)
					fmt.Println("  want", want)
					fmt.Println("  have", have)
					fmt.Println("  local", local.delivered())
					fmt.Println("  away ", away.delivered())
				}
				require.Equal(t, want, have, "round %d", round)
				require.Equal(t, local.delivered(), away.delivered(), "round %d", round)
				require.Equal(t, local.planned(), away.planned(), "round %d", round)
				if kills == 0 {
					require.Equal(t, local.verdicts(), away.verdicts(), "round %d", round)
				}
			}
		})
	}
}
