package state_test

import (
	"cmp"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/state/rules"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/source/audiences"
	"github.com/impactsync/impactsync/sync/source/events"
)

var updateRecipes = flag.Bool("update", false, "write the answers in docs/state.md anew")

const recipesFile = "../docs/state.md"

// TestRecipes runs every recipe of docs/state.md on a state file that real
// passes filled, and compares the columns with those of the answer shown.
func TestRecipes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(recipesFile)
	require.NoError(t, err)
	db := openAs(t, shopState(t))
	recipes := recipeBlock.FindAllStringSubmatchIndex(string(text), -1)
	require.GreaterOrEqual(t, len(recipes), 12)
	var page strings.Builder
	end := 0
	for _, at := range recipes {
		query, shown := string(text[at[2]:at[3]]), string(text[at[4]:at[5]])
		answer := ask(t, db, query)
		page.Write(text[end:at[4]])
		page.WriteString(answer)
		end = at[5]
		if !*updateRecipes {
			require.Equal(t, heading(answer), heading(shown), "the answer shown has other columns: go test ./state -run Recipes -update\n%s", query)
		}
	}
	page.Write(text[end:])
	if *updateRecipes {
		require.NoError(t, os.WriteFile(recipesFile, []byte(page.String()), 0o600))
	}
}

// recipeBlock is a query and, next to it, its answer.
var recipeBlock = regexp.MustCompile("(?s)```sql\n(.*?)```\n\n```text\n(.*?)```")

func heading(answer string) []string {
	first, _, _ := strings.Cut(answer, "\n")
	return strings.Fields(first)
}

func openAs(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// mostShown bounds the rows of an answer in the page.
const mostShown = 8

// ask runs a query, which must give rows, and aligns them.
func ask(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err, query)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(columns, "\t"))
	n := 0
	for ; rows.Next(); n++ {
		cells := make([]sql.NullString, len(columns))
		dest := make([]any, len(cells))
		for i := range cells {
			dest[i] = &cells[i]
		}
		require.NoError(t, rows.Scan(dest...))
		texts := make([]string, len(cells))
		for i, c := range cells {
			texts[i] = cmp.Or(c.String, "-")
			require.NotContains(t, texts[i], "\n", "it breaks the table")
		}
		if n < mostShown {
			fmt.Fprintln(w, strings.Join(texts, "\t"))
		}
	}
	require.NoError(t, rows.Err(), query)
	require.NotZero(t, n, "a recipe without an answer:\n%s", query)
	require.NoError(t, w.Flush())
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// TestLinks follows every link from paper to paper: the file is there, and has
// the heading.
func TestLinks(t *testing.T) {
	t.Parallel()
	papers, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	records, err := filepath.Glob("../docs/decisions/*.md")
	require.NoError(t, err)
	papers = append(papers, records...)
	papers = append(papers, "../README.md", "../CHANGELOG.md", "../CONTRIBUTING.md", "../SECURITY.md")
	for _, paper := range papers {
		text, err := os.ReadFile(paper)
		require.NoError(t, err)
		for _, link := range linkTarget.FindAllStringSubmatch(string(text), -1) {
			name, anchor, _ := strings.Cut(link[1], "#")
			if strings.Contains(name, "://") {
				continue
			}
			target := paper
			if name != "" {
				target = filepath.Join(filepath.Dir(paper), name)
			}
			require.FileExists(t, target, "%s links to %s", paper, link[1])
			if anchor != "" {
				require.Contains(t, anchors(t, target), anchor, "%s links to %s", paper, link[1])
			}
		}
	}
}

var (
	linkTarget = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headingOf  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notAnchor  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns the anchors of a paper's headings, as GitHub makes them.
func anchors(t *testing.T, paper string) []string {
	t.Helper()
	text, err := os.ReadFile(paper)
	require.NoError(t, err)
	var all []string
	for _, h := range headingOf.FindAllStringSubmatch(string(text), -1) {
		all = append(all, strings.ReplaceAll(notAnchor.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
	}
	return all
}

// shop is a shop in whose state something of everything has happened.
type shop struct {
	t     *testing.T
	dir   string
	url   string
	reset *atomic.Bool // impact.com drops every connection before it answers
}

// shopState makes three passes: yesterday's, in good order; one of today, after
// which exits are held and refusals stand; and one whose answers never came.
func shopState(t *testing.T) string {
	t.Helper()
	s := openShop(t)
	for _, d := range []string{"events", "audiences"} {
		require.NoError(t, os.Mkdir(filepath.Join(s.dir, d), 0o700))
	}
	yesterday := time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour)
	s.list(yesterday.Add(-time.Hour), "VIP.csv", "user_id", "u1", "u2", "u3")
	s.list(yesterday.Add(-time.Hour), "Gold.csv", "user_id", "g1", "g2", "g3")
	s.list(yesterday.Add(-time.Hour), "Loyalty Points.csv", "user_id,value", "u1,120", "u2,80")
	s.log("a.ndjson", yesterday.Add(-2*time.Hour),
		`"type":"page","messageId":"m1","anonymousId":"a1","properties":{"url":"https://shop.example/?im_ref=click1"}`,
		`"type":"identify","messageId":"m2","anonymousId":"a1","userId":"u1"`,
		`"type":"track","event":"Order Completed","messageId":"m3","userId":"u1","properties":{"order_id":"o-1001","revenue":25,"currency":"USD"}`,
		`"type":"track","event":"Quiz Finished","messageId":"m4","userId":"u1"`,
		`"type":"track","event":"Quiz Finished","messageId":"m5","userId":"u2"`,
		`"type":"identify","messageId":"m6","userId":"u2","traits":{"beta_testers":true},"context":{"personas":{"computation_class":"audience","computation_key":"beta_testers"}}`)
	s.pass(yesterday, time.Time{})

	now := time.Now().UTC()
	s.list(now.Add(-time.Hour), "VIP.csv", "user_id,email", "u1,", "u2,", "u4,", ",ann@example.com", ",")
	s.list(now.Add(-time.Hour), "Gold.csv", "user_id")
	s.log("b.ndjson", now.Add(-2*time.Hour),
		`"type":"track","event":"Order Completed","messageId":"m7","userId":"u2","properties":{"order_id":"o-1002","revenue":10,"currency":"USD"}`,
		`"type":"track","event":"Order Completed","messageId":"m8","userId":"u4","properties":{"order_id":"o-1009","currency":"USD","products":[{"sku":"m-1","price":"free"}]}`,
		`"type":"track","event":`)
	s.pass(time.Time{}, time.Time{})
	require.NoError(t, os.Remove(filepath.Join(s.dir, "audiences", "Loyalty Points.csv")))

	s.list(now.Add(-time.Minute), "VIP.csv", "user_id", "u1", "u2", "u4", "u5")
	s.log("c.ndjson", now.Add(-time.Minute),
		`"type":"track","event":"Order Completed","messageId":"m9","userId":"u5","properties":{"order_id":"o-1003","revenue":10,"currency":"USD"}`)
	s.reset.Store(true)
	s.pass(time.Time{}, time.Now().Add(2*time.Second))
	s.approve("gold", 1)
	return filepath.Join(s.dir, "state.db")
}

// openShop is a shop with an impact.com of its own.
func openShop(t *testing.T) shop {
	t.Helper()
	s := shop{t: t, dir: t.TempDir(), reset: &atomic.Bool{}}
	box, err := sandbox.New(sandbox.Config{AccountSID: "IRshop", AuthToken: "token", Fault: func(*http.Request, impactapi.Params) (f sandbox.Fault) {
		if s.reset.Load() {
			f.Drop = sandbox.DropAfter
		}
		return f
	}})
	require.NoError(t, err)
	srv := httptest.NewServer(box.Handler())
	s.url = srv.URL
	t.Cleanup(func() {
		srv.Close()
		require.NoError(t, box.Close())
	})
	return s
}

func (s shop) list(at time.Time, name string, lines ...string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "audiences", name)
	require.NoError(s.t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	require.NoError(s.t, os.Chtimes(path, at, at))
}

func (s shop) log(name string, at time.Time, messages ...string) {
	s.t.Helper()
	var b strings.Builder
	for i, m := range messages {
		fmt.Fprintf(&b, "{%s,\"timestamp\":%q}\n", m, at.Add(time.Duration(i)*time.Second).Format(time.RFC3339Nano))
	}
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "events", name), []byte(b.String()), 0o600))
}

// pass is what one process does. The state's clock can be set; a deadline ends
// it early.
func (s shop) pass(clock, deadline time.Time) {
	s.t.Helper()
	options := state.Options{
		Path: filepath.Join(s.dir, "state.db"), Create: true,
		Binding: &state.Binding{AccountSID: "IRshop", CampaignID: "23224", Hosts: "the sandbox"},
	}
	if !clock.IsZero() {
		options.Now = func() time.Time { return clock }
	}
	db, err := state.Open(s.t.Context(), options)
	require.NoError(s.t, err)
	_, err = s.engine(db).Run(s.t.Context(), impactsync.Options{Deadline: deadline})
	if !errors.Is(err, impactsync.ErrHostDown) { // in one pass impact.com answers nothing
		require.NoError(s.t, err)
	}
	problems, err := db.Check(s.t.Context())
	require.NoError(s.t, err)
	require.Empty(s.t, problems)
	require.NoError(s.t, db.Close())
}

// approve lets some of the held exits of a trait through.
func (s shop) approve(key string, most int64) {
	s.t.Helper()
	db, err := state.Open(s.t.Context(), state.Options{Path: filepath.Join(s.dir, "state.db")})
	require.NoError(s.t, err)
	_, err = db.Approve(s.t.Context(), state.Approval{Key: key, Direction: state.Exits, Most: most, By: state.Approver{OSUser: "ops", Host: "web-1", As: "Ann"}})
	require.NoError(s.t, err)
	require.NoError(s.t, db.Close())
}

func (s shop) engine(db *state.DB) *impactsync.Engine {
	s.t.Helper()
	client, err := impactapi.New(impactapi.Config{
		AccountSID: "IRshop", AuthToken: "token", TrackingURL: s.url, APIURL: s.url, MaxRetries: -1, RequestTimeout: 2 * time.Second,
	})
	require.NoError(s.t, err)
	s.t.Cleanup(client.Close)
	m, err := mapping.New(mapping.Settings{CampaignID: "23224", PageURL: "https://shop.example/", EnablePageEvents: true})
	require.NoError(s.t, err)
	web, err := events.New(s.t.Context(), events.Config{Name: "web", URL: "file://" + s.dir + "/events", Include: []string{"vip"}})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = web.Close() })
	exports, err := audiences.New(s.t.Context(), audiences.Config{Name: "exports", URL: "file://" + s.dir + "/audiences", Audiences: map[string]audiences.Audience{
		"VIP.csv": {Name: "VIP"}, "Gold.csv": {Name: "Gold"}, "Silver.csv": {Name: "Silver"},
	}})
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = exports.Close() })
	e, err := impactsync.New(impactsync.Config{
		State: db, Client: client, Mapper: m, Log: slog.New(slog.DiscardHandler), Version: "test",
		Feeds: []impactsync.Feed{{Source: web}, {Source: exports, Lists: true}}, Workers: 4, Coalesce: true, MaxEventAge: 720 * time.Hour, Verify: 1,
		Guards: state.Guards{Traits: rules.Table{General: state.Guard{Exits: &state.Limit{Percent: 30, AtLeast: 100}}}},
	})
	require.NoError(s.t, err)
	return e
}
