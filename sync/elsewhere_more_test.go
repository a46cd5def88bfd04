package sync_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/state/rules"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
)

// members makes u0 to u(n-1) the members of vip, and gives each a tier.
func (l *lists) members(n int) {
	clear(l.ids)
	for _, values := range l.values {
		clear(values)
	}
	for p := range n {
		l.ids[p] = []string{fmt.Sprintf("user_id u%d", p), fmt.Sprintf("anonymous_id a%d", p)}
		l.values["vip"][p], l.values["tier"][p] = "true", "1"
	}
	l.store()
}

// settledShop is one whose members were all told.
func settledShop(t *testing.T, server *enginetest.Postgres, members int) (*shop, *lists) {
	t.Helper()
	database := server.Database(t)
	l := newLists(t, rand.New(rand.NewPCG(1, 1)), database)
	l.members(members)
	s := newShop(t, database, true)
	r, _ := s.pass()
	require.Equal(t, impactsync.ExitOK, r.ExitCode, r.Note)
	require.Len(t, s.answers.taken, members)
	require.Len(t, s.delivered(), 2*members)
	return s, l
}

// opened runs fn on the state.
func (s *shop) opened(fn func(ctx context.Context, db *state.DB, e *impactsync.Elsewhere)) {
	s.t.Helper()
	ctx := s.t.Context()
	db := s.open()
	e := &impactsync.Elsewhere{State: db, Places: []*impactsync.Place{{Name: "impactsync", Table: s.table}}}
	require.NoError(s.t, e.Open(ctx, false, func(_ *impactsync.Place, err error) { require.NoError(s.t, err) }))
	fn(ctx, db, e)
	problems, err := db.Check(ctx)
	require.NoError(s.t, err)
	require.Empty(s.t, problems)
	require.NoError(s.t, e.Close(ctx))
	require.NoError(s.t, db.Close())
}

// value returns the one value of a query of the state.
func (s *shop) value(query string) (text string) {
	s.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(s.dir, "state.db")+"?mode=ro")
	require.NoError(s.t, err)
	defer db.Close()
	require.NoError(s.t, db.QueryRowContext(s.t.Context(), query).Scan(&text))
	return text
}

func TestElsewhere(t *testing.T) {
	t.Parallel()
	server := enginetest.StartPostgres(t)

	t.Run("what is settled leaves the state, with the people", func(t *testing.T) {
		s, l := settledShop(t, server, 5)
		s.opened(func(ctx context.Context, db *state.DB, e *impactsync.Elsewhere) {
			for _, table := range []string{"trait_values", "trait_due", "people"} {
				require.Equal(t, "0", s.value(`SELECT count(*) FROM `+table), table)
			}
			status, err := db.Status(ctx, 1)
			require.NoError(t, err)
			for _, a := range status.Audiences {
				if a.Key == "vip" {
					require.EqualValues(t, 5, a.Wanted)
					require.EqualValues(t, 5, a.Delivered)
				}
			}
		})
		l.ids[9] = []string{"user_id u9"}
		l.values["vip"][9], l.values["vip"][0] = "true", "false"
		l.store()
		s.pass()
		require.ElementsMatch(t, []string{"/PageLoad CustomProfileId=a0 CustomerId=u0 vip=false", "/PageLoad CustomerId=u9 vip=true"}, s.answers.taken[5:], "what rides along comes back")
		s.pass()
		require.Len(t, s.answers.taken, 7)
	})

	t.Run("a table that must not be used stops the run", func(t *testing.T) {
		for name, c := range map[string]struct {
			statement string
			code      int
		}{
			"dropped":          {`DROP TABLE impactsync.told`, impactsync.ExitState},
			"dropped with all": {`DROP SCHEMA impactsync CASCADE`, impactsync.ExitState},
			"emptied":          {`DELETE FROM impactsync.told WHERE id <> 'u0'`, impactsync.ExitState},
			"of another":       {`UPDATE impactsync.told_meta SET store_id = 'other'`, impactsync.ExitState},
			"of a newer one":   {`UPDATE impactsync.told_meta SET version = 99`, impactsync.ExitState},
			"in use":           {`UPDATE impactsync.told_meta SET holder = 'other#1', lease_until = now() + interval '1 hour'`, impactsync.ExitLocked},
		} {
			s, l := settledShop(t, server, 3)
			s.database.Exec(t, c.statement)
			l.members(2)
			s.fails = true
			r, _ := s.pass()
			require.Equal(t, c.code, r.ExitCode, "%s: %v", name, s.err)
			require.Len(t, s.answers.taken, 3, name)
			if name == "emptied" { // begin anew
				db := s.open()
				lost, err := db.Rewrite(t.Context(), "impactsync", map[string]int64{"tier": 1, "vip": 1}, map[string]int64{"tier": 1, "vip": 1})
				require.NoError(t, err)
				require.EqualValues(t, 4, lost)
				require.Equal(t, "0", s.value(`SELECT count(*) FROM objects WHERE etag <> ''`), "lists that are as they were are read again")
				require.NoError(t, db.Close())
				r, _ = s.pass()
				require.Equal(t, impactsync.ExitOK, r.ExitCode, "%v", s.err)
			}
		}
	})

	t.Run("a list that was emptied is held, by the numbers of both halves", func(t *testing.T) {
		s, l := settledShop(t, server, 8)
		change := s.change
		s.change = func(c *impactsync.Config) {
			change(c)
			c.Guards = state.Guards{Traits: rules.Table{General: state.Guard{Exits: &state.Limit{Percent: 30, AtLeast: 2}}}}
		}
		l.values["vip"] = map[int]string{0: "true", 1: "false"}
		l.store()
		r, _ := s.pass()
		require.Equal(t, impactsync.ExitHeld, r.ExitCode, r.Note)
		require.Len(t, s.answers.taken, 8)
		require.Equal(t, "7 of 8", s.value(`SELECT exits || ' of ' || told FROM generations WHERE state = 'held'`))
	})

	t.Run("there and back, nothing is another and nothing is sent", func(t *testing.T) {
		s, l := settledShop(t, server, 6)
		before := s.delivered()
		table := s.table
		s.opened(func(ctx context.Context, _ *state.DB, e *impactsync.Elsewhere) {
			moved, err := e.MoveHere(ctx)
			require.NoError(t, err)
			require.Equal(t, impactsync.Moved{Values: map[string]int64{"vip": 6, "gold": 0, "tier": 6}, Finished: map[string]int64{}}, moved)
		})
		require.Empty(t, s.delivered())
		s.database.Exec(t, `INSERT INTO impactsync.told VALUES ('vip', 'user_id', 'u0', 'true', now(), '', '')`) // a move that was cut short
		s.opened(func(ctx context.Context, _ *state.DB, e *impactsync.Elsewhere) {
			moved, err := e.MoveHere(ctx)
			require.NoError(t, err)
			require.Equal(t, impactsync.Moved{Values: map[string]int64{}, Finished: map[string]int64{"vip": 1}}, moved)
		})
		require.Empty(t, s.delivered())
		s.table = nil
		require.Equal(t, before, s.delivered(), "in the state")
		s.pass()
		s.table, s.fails = table, true
		r, _ := s.pass()
		require.Equal(t, impactsync.ExitUsage, r.ExitCode, "it is to be moved first: %v", s.err)
		move := func(keys ...string) {
			places := map[string]string{}
			for _, key := range keys {
				places[key] = "impactsync"
			}
			s.opened(func(ctx context.Context, _ *state.DB, e *impactsync.Elsewhere) {
				_, err := e.MoveThere(ctx, places)
				require.NoError(t, err)
			})
		}
		move("vip", "gold")
		l.values["vip"][0], l.values["gold"][1] = "false", "true"
		l.store()
		r, _ = s.pass()
		require.Equal(t, impactsync.ExitUsage, r.ExitCode, "tier is still to be moved: %v", s.err)
		require.Equal(t, "1", s.value(`SELECT (SELECT max(run) FROM runs) > (SELECT max(run) FROM generations)`), "no list was applied")
		l.members(6)
		move("tier")
		s.fails = false
		require.Equal(t, before, s.delivered())
		s.pass()
		require.Len(t, s.answers.taken, 6)
	})

	t.Run("a visitor is the user's although not every row of the user says so", func(t *testing.T) {
		s, _ := settledShop(t, server, 3)
		s.database.Exec(t, `UPDATE impactsync.told SET anonymous_id = '' WHERE trait = 'tier'`)
		s.opened(func(ctx context.Context, _ *state.DB, e *impactsync.Elsewhere) {
			require.NoError(t, e.BringAll(ctx, "tier", "impactsync", false))
			require.NoError(t, e.BringAll(ctx, "vip", "impactsync", false))
			require.Equal(t, "3", s.value(`SELECT count(*) FROM profiles v JOIN profiles u ON u.id = v.absorbed_into AND u.anonymous_id = v.anonymous_id`))
		})
	})

	t.Run("who is forgotten is not in the table either", func(t *testing.T) {
		s, _ := settledShop(t, server, 3)
		s.opened(func(ctx context.Context, db *state.DB, e *impactsync.Elsewhere) {
			require.NoError(t, e.Bring(ctx, []state.Person{{UserID: "u1"}}))
			removed, err := db.Forget(ctx, "u1")
			require.NoError(t, err)
			require.Positive(t, removed)
			require.NoError(t, e.Flush(ctx))
		})
		for _, line := range s.delivered() {
			require.NotContains(t, line, "u1")
		}
		require.Len(t, s.delivered(), 4)
	})

	t.Run("a plan changes nothing, and says what a run will send", func(t *testing.T) {
		s, l := settledShop(t, server, 4)
		l.members(3)
		before := s.delivered()
		db, err := state.Open(t.Context(), state.Options{Path: filepath.Join(s.dir, "state.db"), Rehearsal: true})
		require.NoError(t, err)
		plan, err := s.engine(db).Plan(t.Context(), impactsync.Options{})
		require.NoError(t, err)
		require.NoError(t, db.Close())
		require.EqualValues(t, 1, plan.TraitUpdates)
		require.Equal(t, before, s.delivered())
		s.pass()
		require.Len(t, s.answers.taken, 5)
	})

	for _, id := range []segment.Identity{{UserID: "u1"}, {AnonymousID: "a1"}} {
		t.Run(fmt.Sprintf("who is suppressed is told false once, and is not in the table either: %+v", id), func(t *testing.T) {
			s, _ := settledShop(t, server, 3)
			change := s.change
			s.change = func(c *impactsync.Config) {
				change(c)
				c.Suppressions, c.SuppressedFalse = []impactsync.Suppressions{nobodyAnyMore{id}}, true
			}
			for range 2 {
				s.pass()
				require.Equal(t, []string{"/PageLoad CustomerId=u1 vip=false"}, linesWithoutRiders(s.answers.taken[3:]))
			}
			for _, line := range s.delivered() {
				require.NotContains(t, line, "u1")
			}
		})
	}

	t.Run("a value that is sent again is looked for in both halves", func(t *testing.T) {
		s, _ := settledShop(t, server, 4)
		s.opened(func(ctx context.Context, db *state.DB, e *impactsync.Elsewhere) {
			require.NoError(t, e.BringAll(ctx, "vip", "impactsync", false))
			n, err := db.Resync(ctx, "vip")
			require.NoError(t, err)
			require.EqualValues(t, 4, n)
		})
		s.pass()
		require.Len(t, s.answers.taken, 8)
	})
}

// nobodyAnyMore is a list of suppressed people.
type nobodyAnyMore []segment.Identity

func (n nobodyAnyMore) Each(_ context.Context, fn func(segment.Identity) error) error {
	for _, id := range n {
		if err := fn(id); err != nil {
			return err
		}
	}
	return nil
}
