package sync_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/state/rules"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/audiences"
	"github.com/impactsync/impactsync/sync/source/events"
)

// world is everything a run touches, all of it real: files, SQLite, HTTP.
type world struct {
	t       *testing.T
	dir     string
	sandbox *sandbox.Sandbox
	server  *httptest.Server
	hosts   map[string]string // another base than the server's, by host
	mapping mapping.Settings
	change  func(*impactsync.Config)
	listed  time.Time
}

func setup(t *testing.T, faults sandbox.Config) *world {
	t.Helper()
	faults.Record, faults.AccountSID, faults.AuthToken = true, "IRsid", "token"
	s, err := sandbox.New(faults)
	require.NoError(t, err)
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(func() { srv.Close(); require.NoError(t, s.Close()) })
	w := &world{t: t, dir: t.TempDir(), sandbox: s, server: srv, listed: time.Now().Add(-24 * time.Hour), mapping: mapping.Settings{
		CampaignID: "23224", PageURL: "https://shop.example/", EnablePageEvents: true, EnableIdentifyEvents: true,
	}}
	for _, d := range []string{"events", "audiences"} {
		require.NoError(t, os.Mkdir(filepath.Join(w.dir, d), 0o700))
	}
	return w
}

// list writes a file of the audiences source, newer than the one before.
func (w *world) list(name string, lines ...string) {
	w.t.Helper()
	path := filepath.Join(w.dir, "audiences", name)
	require.NoError(w.t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	w.listed = w.listed.Add(time.Minute)
	require.NoError(w.t, os.Chtimes(path, w.listed, w.listed))
}

func (w *world) log(name string, lines ...string) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, "events", name), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

func (w *world) open() *state.DB {
	w.t.Helper()
	db, err := state.Open(context.Background(), state.Options{
		Path: filepath.Join(w.dir, "state.db"), Create: true, Binding: &state.Binding{AccountSID: "IRsid", CampaignID: "23224", Hosts: "loopback"},
	})
	require.NoError(w.t, err)
	return db
}

func (w *world) engine(db *state.DB) *impactsync.Engine {
	w.t.Helper()
	client, err := impactapi.New(impactapi.Config{
		AccountSID: "IRsid", AuthToken: "token", TrackingURL: cmp.Or(w.hosts["tracking"], w.server.URL), APIURL: cmp.Or(w.hosts["api"], w.server.URL), Connections: 8, MaxRetries: -1, RequestTimeout: 2 * time.Second,
	})
	require.NoError(w.t, err)
	w.t.Cleanup(client.Close)
	m, err := mapping.New(w.mapping)
	require.NoError(w.t, err)
	c := impactsync.Config{
		State: db, Client: client, Mapper: m, Log: slog.New(slog.DiscardHandler),
		Feeds: w.feeds(), Workers: 4, Coalesce: true, MaxEventAge: 720 * time.Hour,
		Guards: state.Guards{Traits: rules.Table{General: state.Guard{Exits: &state.Limit{Percent: 30, AtLeast: 100}}}},
	}
	if w.change != nil {
		w.change(&c)
	}
	e, err := impactsync.New(c)
	require.NoError(w.t, err)
	return e
}

// feeds are the folders that hold something: an empty one is an error.
func (w *world) feeds() []impactsync.Feed {
	w.t.Helper()
	var feeds []impactsync.Feed
	add := func(folder string, s source.Source, err error) {
		require.NoError(w.t, err)
		w.t.Cleanup(func() { _ = s.Close() })
		entries, err := os.ReadDir(filepath.Join(w.dir, folder))
		require.NoError(w.t, err)
		if len(entries) > 0 {
			feeds = append(feeds, impactsync.Feed{Source: s, Lists: folder != "events"})
		}
	}
	ev, err := events.New(w.t.Context(), events.Config{Name: "web", URL: "file://" + w.dir + "/events", Include: []string{"*"}, HonourIntegrations: true})
	add("events", ev, err)
	au, err := audiences.New(w.t.Context(), audiences.Config{Name: "exports", URL: "file://" + w.dir + "/audiences"})
	add("audiences", au, err)
	return feeds
}

// run makes one pass as a process would: it opens the state and closes it.
func (w *world) run(o impactsync.Options) (impactsync.Report, error) {
	w.t.Helper()
	db := w.open()
	defer func() { require.NoError(w.t, db.Close()) }()
	r, err := w.engine(db).Run(w.t.Context(), o)
	problems, checkErr := db.Check(context.Background())
	require.NoError(w.t, checkErr)
	require.Empty(w.t, problems)
	return r, err
}

// told is what impact.com was told since the last call: "user key=value" lines.
func (w *world) told(from int) []string {
	var lines []string
	for _, c := range w.sandbox.Calls()[from:] {
		who, ok := c.Form.Get("CustomerId")
		if !ok {
			who, _ = c.Form.Get("CustomProfileId")
		}
		line := strings.TrimPrefix(c.Path, "/Advertisers/IRsid") + " " + who
		for _, p := range c.Form {
			if !impactapi.Reserved(p.Name) {
				line += " " + p.Name + "=" + p.Value
			}
		}
		if id, ok := c.Form.Get("OrderId"); ok {
			line += " order " + id
		}
		lines = append(lines, line)
	}
	return lines
}

func TestRun(t *testing.T) {
	t.Parallel()

	t.Run("sends every member once, then only changes", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		w.list("VIP.csv", "user_id", "u1", "u2", "u3")
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitOK, r.ExitCode, "%+v", r)
		require.ElementsMatch(t, []string{"/PageLoad u1 vip=true", "/PageLoad u2 vip=true", "/PageLoad u3 vip=true"}, w.told(0))

		w.list("VIP.csv", "user_id", "u1", "u3", "u4")
		r, err = w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitOK, r.ExitCode)
		require.ElementsMatch(t, []string{"/PageLoad u2 vip=false", "/PageLoad u4 vip=true"}, w.told(3))

		r, err = w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Zero(t, r.Counts["found"])
		require.Len(t, w.sandbox.Calls(), 5, "a run with nothing new sends nothing")
	})

	t.Run("sends messages in the order that attribution needs", func(t *testing.T) {
		t.Parallel()
		w := setup(t, sandbox.Config{})
		at := time.Now().Add(-time.Hour).UTC()
		stamp := func(m int) string { return at.Add(time.Duration(m) * time.Minute).Format(time.RFC3339Nano) }
		w.log("a.ndjson",
			fmt.Sprintf(`{"type":"track","event":"Order Completed","messageId":"m3","userId":"u1","properties":{"order_id":"o1","total":27.5,"currency":"USD"},"timestamp":%q}`, stamp(3)),
			fmt.Sprintf(`{"type":"page","messageId":"m1","anonymousId":"a1","properties":{"url":"https://shop.example/?im_ref=click1"},"timestamp":%q}`, stamp(1)),
			fmt.Sprintf(`{"type":"page","messageId":"m1","anonymousId":"a1","properties":{"url":"https://shop.example/?im_ref=click1"},"timestamp":%q}`, stamp(1)),
			fmt.Sprintf(`{"type":"identify","messageId":"m2","anonymousId":"a1","userId":"u1","timestamp":%q}`, stamp(2)),
			`{"type":"track","event":"broken"`)
		r, err := w.run(impactsync.Options{})
		require.NoError(t, err)
		require.Equal(t, impactsync.ExitRefused, r.ExitCode, "%+v", r)
		require.EqualValues(t, 1, r.Counts["rejected"])
		require.EqualValues(t, 1, r.Counts["duplicate_message"])
		told := w.told(0)
		require.Len(t, told, 3)
		require.Equal(t, "/Conversions u1 order o1", told[2], "the conversion waits for the page loads of its person")
		click, _ := w.sandbox.Calls()[2].Form.Get("ClickId")
		require.Equal(t, "click1", click, "it carries the person's last click id")
	})
}
