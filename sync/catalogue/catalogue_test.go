package catalogue_test

import (
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/catalogue"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/segmentapi"
	"github.com/impactsync/impactsync/sync/segmentapi/standin"
)

var space = standin.Space{
	ID: "spa_1",
	Audiences: []standin.Computation{
		{Key: "vip", Name: "VIP", Enabled: true, Status: "Live", Size: &standin.Size{Count: 100, Type: "USERS"}},
		{Key: "step", Enabled: true, Status: "NOT_COMPUTING"},
		{Key: "fresh", Enabled: true, Status: "Backfilling"},
		{Key: "off", Enabled: false, Status: "Live"},
		{Key: "accounts", Enabled: true, Status: "Live", Size: &standin.Size{Count: 5, Type: "ACCOUNTS"}},
	},
	Traits:     []standin.Computation{{Key: "ltv", Enabled: true, Status: "Live"}},
	Suppressed: []string{"u7", "u8"},
}

// asked returns a catalogue that asks a stand-in, and a state.
func asked(t *testing.T) (*catalogue.Catalogue, *standin.Server, *state.DB) {
	t.Helper()
	s := standin.New(space)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	db, err := state.Open(t.Context(), state.Options{Path: filepath.Join(t.TempDir(), "state.db"), Create: true, Binding: &state.Binding{AccountSID: "IR1", CampaignID: "1", Hosts: "loopback"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	c := catalogue.New(catalogue.Config{
		API: segmentapi.NewPublic(srv.URL, "token", segmentapi.Options{Client: srv.Client(), Wait: 1}), Space: "spa_1",
		Keep: time.Hour, Accepted: []string{"Live", "Not Computing"}, Unchecked: []string{"own_*"}, Far: 0.3, Suppressions: true,
		Keys: map[string]string{"gold": "vip"},
	})
	return c, s, db
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	c, s, db := asked(t)
	now := time.Now()
	unread, err := c.Read(t.Context(), db, now)
	require.NoError(t, err)
	require.Empty(t, unread)
	require.Empty(t, c.Outdated())
	refusals := func() map[string]string {
		all := map[string]string{}
		for _, key := range []string{"vip", "gold", "step", "fresh", "off", "ltv", "own_list", "nobody"} {
			if why := c.Refusal(key, ""); why != "" {
				all[key] = why
			}
		}
		return all
	}
	want := map[string]string{
		"fresh": "Segment's status of it is Backfilling", "off": "it is disabled in Segment", "nobody": "Segment has no audience or computed trait with this key",
	}
	require.Equal(t, want, refusals())
	require.Equal(t, "Segment has no computed trait with this key", c.Refusal("vip", state.Computed))

	s.Fail(standin.Fault{Status: 503})
	unread, err = c.Read(t.Context(), db, now.Add(59*time.Minute))
	require.NoError(t, err)
	require.Len(t, unread, 2)
	require.Equal(t, want, refusals(), "what it said last counts")
	_, err = c.Read(t.Context(), db, now.Add(2*time.Hour))
	require.NoError(t, err)
	require.Empty(t, refusals(), "not for ever")
	require.Contains(t, c.Outdated(), "was last read "+now.UTC().Format("2006-01-02T"))
}

func TestOneClassThatCannotBeRead(t *testing.T) {
	t.Parallel()
	c, s, db := asked(t)
	s.Fail(standin.Fault{Path: "computed-traits", Status: 404})
	unread, err := c.Read(t.Context(), db, time.Now())
	require.NoError(t, err)
	require.Len(t, unread, 1)
	require.Contains(t, catalogue.Hint(unread[0]), "segment.spaceId")
	require.Empty(t, c.Refusal("ltv", ""), "it may be a computed trait")
	require.Empty(t, c.Refusal("ltv", state.Computed))
	require.Equal(t, "Segment has no audience with this key", c.Refusal("ltv", state.Audience))
	require.Equal(t, "it is disabled in Segment", c.Refusal("off", ""))
}

func TestSizes(t *testing.T) {
	t.Parallel()
	c, _, db := asked(t)
	_, err := c.Read(t.Context(), db, time.Now())
	require.NoError(t, err)
	require.Empty(t, c.Distance("vip", 130))
	require.Equal(t, "members here: 131, profiles in Segment: 100", c.Distance("vip", 131))
	require.Equal(t, "members here: 0, profiles in Segment: 100", c.Distance("gold", 0))
	require.Empty(t, c.Distance("accounts", 1000), "accounts are no people")
	require.Empty(t, c.Distance("step", 1000), "it has none")
}

func TestAllAudiences(t *testing.T) {
	t.Parallel()
	c, _, db := asked(t)
	now := time.Now()
	_, err := c.Read(t.Context(), db, now)
	require.NoError(t, err)
	var keys []string
	for _, one := range c.Audiences() {
		keys = append(keys, one.Key)
	}
	require.Equal(t, []string{"accounts", "fresh", "step", "vip"}, keys)
	for key, takes := range map[string]bool{"vip": true, "fresh": true, "off": false, "nobody": false} {
		require.Equal(t, takes, c.Takes(key, now.Add(-time.Minute)), key)
		require.True(t, c.Takes(key, time.Now().Add(time.Minute)), "%s may be newer than what Segment said", key)
	}
}

func TestSuppressions(t *testing.T) {
	t.Parallel()
	c, server, db := asked(t)
	now := time.Now()
	read := func(at time.Time) (ids []string, s *catalogue.Suppressions) {
		_, err := c.Read(t.Context(), db, at)
		require.NoError(t, err)
		s = &catalogue.Suppressions{Catalogue: c, State: db}
		require.NoError(t, s.Each(t.Context(), func(who segment.Identity) error {
			ids = append(ids, who.UserID)
			return nil
		}))
		return ids, s
	}
	ids, s := read(now)
	require.Equal(t, []string{"u7", "u8"}, ids)
	require.NoError(t, s.Unread)
	server.Fail(standin.Fault{Status: 403})
	ids, s = read(now)
	require.Empty(t, ids, "of whom nobody is known here")
	require.True(t, segmentapi.Refused(s.Unread))
	require.Empty(t, s.Stale)
	_, s = read(now.Add(2 * time.Hour))
	require.Contains(t, s.Stale, "whoever was suppressed since is not known")
	c.Required = true
	require.Error(t, (&catalogue.Suppressions{Catalogue: c, State: db}).Each(t.Context(), nil))
}
