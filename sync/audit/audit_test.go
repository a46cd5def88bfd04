package audit_test

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/audit"
	"github.com/impactsync/impactsync/sync/segmentapi"
	"github.com/impactsync/impactsync/sync/segmentapi/standin"
)

// The values are those of Wilson's score for 95 %, for example in R's prop.test without
// the correction.
func TestWilson(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		agree, of        int
		share, low, high float64
	}{{0, 0, 0, 0, 1}, {10, 10, 1, 0.7225, 1}, {0, 10, 0, 0, 0.2775}, {490, 500, 0.98, 0.9636, 0.9891}, {2, 3, 0.6667, 0.2077, 0.9385}} {
		share, low, high := audit.Wilson(c.agree, c.of)
		require.InDelta(t, c.share, share, 1e-4)
		require.InDelta(t, c.low, low, 1e-4, c)
		require.InDelta(t, c.high, high, 1e-4, c)
	}
}

func text(s string) *string { return &s }

func TestCompare(t *testing.T) {
	t.Parallel()
	scope := audit.Scope{Traits: map[string]state.Class{"vip": state.Audience, "gold": state.Audience, "ltv": state.Computed, "own": state.Audience}, Unchecked: []string{"ow*"}}
	held := []state.PersonTrait{{Key: "vip", Wanted: text("true"), Delivered: text("true")}, {Key: "ltv", Wanted: text("450.5")}, {Key: "own", Wanted: text("true")}}
	require.Empty(t, scope.Compare(held, &audit.Live{Audiences: map[string]string{"vip": "true", "gold": "false", "other": "true"}, Computed: map[string]string{"ltv": "450.50"}}))
	require.Equal(t, []audit.Difference{{Key: "gold", Segment: text("true")}, {Key: "ltv", Held: text("450.5")}, {Key: "vip", Held: text("true"), Told: text("true"), Segment: text("false")}},
		scope.Compare(held, &audit.Live{Audiences: map[string]string{"vip": "false", "gold": "true"}}))
}

func TestSample(t *testing.T) {
	t.Parallel()
	s := standin.New(standin.Space{ID: "spa_1", Profiles: []standin.Profile{
		{IDs: [][2]string{{"user_id", "u1"}}, Audiences: map[string]any{"vip": true}},
		{IDs: [][2]string{{"anonymous_id", "a2"}}, Audiences: map[string]any{"vip": false}},
	}})
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	api := segmentapi.NewProfiles(srv.URL, "spa_1", "token", segmentapi.Options{Client: srv.Client(), Wait: 1})
	scope := audit.Scope{Traits: map[string]state.Class{"vip": state.Audience}}
	in := []state.PersonTrait{{Key: "vip", Wanted: text("true")}}
	people := []state.Sampled{{UserID: "U1", Traits: in}, {AnonymousID: "a2", Traits: in}, {UserID: "u3"}, {UserID: "u4", Traits: in}}
	r, err := audit.Sample(t.Context(), api, scope, people, 100)
	require.NoError(t, err)
	require.Equal(t, []int{4, 2, 2}, []int{r.Sampled, r.Agree, r.Unknown})
	require.Len(t, r.Differ, 2)
	require.Equal(t, "a2", r.Differ[0].ID)
	require.True(t, r.Differ[1].Unknown)
	s.Fail(standin.Fault{Status: 403})
	_, err = audit.Sample(t.Context(), api, scope, people, 100)
	require.True(t, segmentapi.Refused(err))
	_, err = audit.IDOf("", "")
	require.ErrorIs(t, err, audit.ErrNoID)
}
