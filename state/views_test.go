package state_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// notPromised are views for the other views and the program.
const notPromised = "'trait_rows', 'people'"

// TestViewsKeepTheirColumns compares the views with those that were promised: with
// -update it adds what is new, and never takes anything away.
func TestViewsKeepTheirColumns(t *testing.T) {
	t.Parallel()
	const file = "testdata/views.txt"
	b := setup(t)
	have := b.texts(`SELECT v.name || '.' || c.name FROM sqlite_schema v JOIN pragma_table_info(v.name) c WHERE v.type = 'view' AND v.name NOT IN (` + notPromised + `) ORDER BY v.name, c.cid`)
	promised, err := os.ReadFile(file)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	for _, column := range strings.Fields(string(promised)) {
		require.Contains(t, have, column, "scripts rely on it")
	}
	if *updateRecipes {
		require.NoError(t, os.WriteFile(file, []byte(strings.Join(have, "\n")+"\n"), 0o600))
		return
	}
	require.Equal(t, strings.Join(have, "\n")+"\n", string(promised), "go test ./state -run Views -update")
}

func TestViewsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(recipesFile)
	require.NoError(t, err)
	for _, name := range setup(t).texts(`SELECT name FROM sqlite_schema WHERE type = 'view' AND name NOT IN (` + notPromised + `)`) {
		require.Contains(t, string(page), "\n| `"+name+"` | ", name)
	}
}

// texts returns the rows of a query for one text.
func (b *bench) texts(query string) (all []string) {
	b.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+b.path+"?mode=ro")
	require.NoError(b.t, err)
	defer db.Close()
	rows, err := db.QueryContext(context.Background(), query)
	require.NoError(b.t, err, query)
	defer rows.Close()
	for rows.Next() {
		var text sql.NullString
		require.NoError(b.t, rows.Scan(&text))
		all = append(all, text.String)
	}
	require.NoError(b.t, rows.Err())
	return all
}

// end ends the run.
func (b *bench) end() {
	b.t.Helper()
	require.NoError(b.t, b.db.EndRun(context.Background(), 0, ""))
}

// historyOf shows the lines of trait_history.
func (b *bench) historyOf(key string) []string {
	b.t.Helper()
	return b.texts(`SELECT concat_ws(' ', 'run', run, 'wanted', members_wanted, 'delivered', members_delivered, 'joins', joins, 'leaves', leaves, 'pending', pending, 'held', held)
		FROM trait_history WHERE trait_key = '` + key + `' ORDER BY run`)
}

func TestTraitHistory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.list("vip", state.Guard{}, "u0", "u1", "u2")
	b.list("vip", state.Guard{}, "u0", "u1") // within the run
	b.sendAll()
	b.end()
	b.reopen() // nothing happens
	b.end()
	b.reopen()
	b.list("vip", state.Guard{}, "u0", "u5")
	b.reopen() // and dies
	b.sendAll()
	b.end()
	require.Equal(t, []string{
		"run 1 wanted 2 delivered 2 joins 3 leaves 1 pending 0 held 0",
		"run 3 wanted 2 delivered 2 joins 1 leaves 1 pending 2 held 0",
		"run 4 wanted 2 delivered 2 joins 0 leaves 0 pending 0 held 0",
	}, b.historyOf("vip"))
}

func TestTraitHistoryOfAVisitorWhoBecomesAUser(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.change(state.Person{AnonymousID: "a1"}, "vip", "true", b.now)
	b.end()
	b.reopen()
	b.change(state.Person{UserID: "u1", AnonymousID: "a1"}, "gold", "true", b.now)
	b.end()
	require.Equal(t, []string{"run 1 wanted 1 delivered 0 joins 1 leaves 0 pending 1 held 0"}, b.historyOf("vip"), "a member by any name")
}

func TestTraitHistoryIsPruned(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for day := range 3 {
		b.say("vip", "true", day, day+1)
		b.say("gold", "true", 0, 1-min(day, 1))
		b.end()
		b.now = b.now.Add(40 * 24 * time.Hour)
		b.reopen()
	}
	require.Equal(t, []string{"gold 1", "vip 2", "vip 3"}, b.texts(`SELECT trait_key || ' ' || run FROM trait_history ORDER BY 1`), "the last that is known of each stays")
}

func TestApprovalsAreKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	approvals := func() []string {
		return b.texts(`SELECT concat_ws(' ', trait_key, direction, amount, 'used', coalesce(used, 'open'), 'by', os_user, host, approved_as, approved_at, 'run', used_by_run) FROM approvals ORDER BY id`)
	}
	by := state.Approver{OSUser: "ops", Host: "web-1", As: "Ann"}
	few := state.Guard{Exits: &state.Limit{Percent: 10, AtLeast: 1}}
	b.list("vip", few, "u0", "u1", "u2", "u3")
	b.sendAll()
	b.list("vip", few, "u0")
	for range 2 {
		_, err := b.db.Approve(context.Background(), state.Approval{Key: "vip", Direction: state.Exits, Most: 2, By: by})
		require.NoError(t, err)
	}
	const first, second = "vip exits 2 used %s by ops web-1 Ann 2026-11-20T12:02:00.000Z run%s", "vip exits 1 used %s by ops web-1 Ann 2026-11-20T12:02:00.000Z run%s"
	require.Equal(t, []string{fmt.Sprintf(first, "open", ""), fmt.Sprintf(second, "open", "")}, approvals())
	b.end()
	b.reopen()
	b.judge()
	require.Equal(t, []string{fmt.Sprintf(first, "2", " 2"), fmt.Sprintf(second, "1", " 2")}, approvals())

	b.sendAll()
	b.list("vip", few, "u0", "u1", "u2", "u3")
	b.sendAll()
	b.list("vip", few, "u0")
	_, err := b.db.Approve(context.Background(), state.Approval{Key: "vip", Direction: state.Exits, Most: 1})
	require.NoError(t, err)
	b.end()
	b.now = b.now.Add(25 * time.Hour)
	b.reopen()
	b.judge()
	require.Equal(t, "vip exits 1 used 0 by 2026-11-20T12:04:00.000Z run", approvals()[2], "too late, and kept for those who look")
	require.Equal(t, int64(3), b.held()[0].Held)
}
