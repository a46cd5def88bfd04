package segmentapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/impactsync/impactsync/sync/segmentapi"
	"github.com/impactsync/impactsync/sync/segmentapi/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "sgp_secret"

func start(t *testing.T, space standin.Space) (*standin.Server, *segmentapi.Public, *segmentapi.Profiles) {
	t.Helper()
	s := standin.New(space)
	s.PublicToken, s.ProfileToken = token, token
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	o := segmentapi.Options{Client: srv.Client(), Wait: time.Millisecond}
	return s, segmentapi.NewPublic(srv.URL+"/", token, o), segmentapi.NewProfiles(srv.URL, space.ID, token, o)
}

func audiences(n int) (all []standin.Computation) {
	for i := range n {
		all = append(all, standin.Computation{
			ID: fmt.Sprint("aud_", i), Name: fmt.Sprint("Audience ", i), Key: fmt.Sprint("audience_", i), Enabled: true, Status: "Live", Size: &standin.Size{Count: int64(i), Type: "USERS"},
		})
	}
	return all
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	s, public, _ := start(t, standin.Space{ID: "spa_1", Audiences: audiences(451), Traits: []standin.Computation{{ID: "tra_1", Key: "ltv", Enabled: true, Status: "Computing"}}})
	all, err := public.Audiences(t.Context(), "spa_1")
	require.NoError(t, err)
	require.Len(t, all, 451)
	require.Equal(t, segmentapi.Computation{ID: "aud_7", Name: "Audience 7", Key: "audience_7", Enabled: true, Status: "Live", Size: &segmentapi.Size{Count: 7, Type: "USERS"}}, all[7])
	require.Len(t, s.Requests(), 3)
	require.Contains(t, s.Requests()[1], "pagination.count=200&pagination.cursor=c200")
	traits, err := public.ComputedTraits(t.Context(), "spa_1")
	require.NoError(t, err)
	require.Equal(t, []segmentapi.Computation{{ID: "tra_1", Key: "ltv", Enabled: true, Status: "Computing"}}, traits)
	require.Equal(t, 59, public.Rate().Remaining)
	_, err = public.Audiences(t.Context(), "spa_2")
	require.True(t, segmentapi.NotFound(err))
	require.NoError(t, public.Space(t.Context(), "spa_1"))
}

func TestSuppressed(t *testing.T) {
	t.Parallel()
	s, public, _ := start(t, standin.Space{ID: "spa_1", Suppressed: []string{"u1", "u2", "u3"}})
	s.PageSize = 2
	var ids []string
	require.NoError(t, public.Suppressed(t.Context(), func(id string) error { ids = append(ids, id); return nil }))
	require.Equal(t, []string{"u1", "u2", "u3"}, ids)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		fault    standin.Fault
		requests int
		err      string // "": it succeeds
	}{
		{"401 is not repeated", standin.Fault{Status: 401}, 1, "answers 401 (server-error)"},
		{"403 is not repeated", standin.Fault{Status: 403}, 1, "answers 403 (server-error)"},
		{"429 once", standin.Fault{Status: 429, After: 5 * time.Millisecond, Times: 1}, 2, ""},
		{"429 for ever", standin.Fault{Status: 429}, 5, "answers 429 (rate-limit-exceeded)"},
		{"5xx four times", standin.Fault{Status: 503, Times: 4}, 5, ""},
		{"5xx for ever", standin.Fault{Status: 502}, 5, "answers 502"},
		{"cut once", standin.Fault{Cut: true, Times: 1}, 2, ""},
		{"cut for ever", standin.Fault{Cut: true}, 5, "EOF"},
		{"malformed", standin.Fault{Malformed: true}, 1, "not the JSON that is documented"},
		{"pages that do not end", standin.Fault{Endless: true}, 2, "the pages do not end"},
		{"slow", standin.Fault{Slow: 20 * time.Millisecond}, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, public, _ := start(t, standin.Space{ID: "spa_1", Audiences: audiences(3)})
			s.Fail(c.fault)
			all, err := public.Audiences(t.Context(), "spa_1")
			require.Len(t, s.Requests(), c.requests)
			if c.err == "" {
				require.NoError(t, err)
				require.Len(t, all, 3)
				return
			}
			require.ErrorContains(t, err, c.err)
			require.NotContains(t, err.Error(), token)
			require.Empty(t, all, "no half catalogue")
		})
	}
}

// An answer that says that nothing is left makes the next call wait.
func TestRateHeaders(t *testing.T) {
	t.Parallel()
	var at []time.Time
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		at = append(at, time.Now())
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", time.Now().Add(time.Second).UTC().Format(time.RFC1123Z))
		fmt.Fprintf(w, `{"data":{"audiences":[],"pagination":{"next":%q}}}`, []string{"", "more"}[len(at)%2])
	}))
	t.Cleanup(srv.Close)
	public := segmentapi.NewPublic(srv.URL, token, segmentapi.Options{Client: srv.Client()})
	_, err := public.Audiences(t.Context(), "spa_1")
	require.NoError(t, err)
	require.Len(t, at, 2)
	require.False(t, at[1].Before(at[0].Truncate(time.Second).Add(time.Second)), "the second request waits for the reset")
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	s, public, _ := start(t, standin.Space{ID: "spa_1"})
	s.Fail(standin.Fault{Status: 429, After: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := public.Audiences(ctx, "spa_1")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestNoRedirectGetsTheToken(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(other.Close)
	srv := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	t.Cleanup(srv.Close)
	_, err := segmentapi.NewPublic(srv.URL, token, segmentapi.Options{Client: srv.Client()}).Audiences(t.Context(), "spa_1")
	require.ErrorContains(t, err, "answers 302")
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat(" ", 17<<20)))
	}))
	t.Cleanup(srv.Close)
	_, err := segmentapi.NewPublic(srv.URL, token, segmentapi.Options{Client: srv.Client()}).Audiences(t.Context(), "spa_1")
	require.ErrorContains(t, err, "longer than 16 MiB")
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	person := standin.Profile{IDs: [][2]string{{"user_id", "a+b/c d%Ü"}, {"email", "p@example.com"}}, Audiences: map[string]any{}, Computed: map[string]any{"ltv": 450.50, "tier": "gold", "products": []string{"a"}, "none": nil}}
	for i := range 250 {
		person.Audiences[fmt.Sprint("audience_", i)] = i%2 == 0
	}
	s, _, profiles := start(t, standin.Space{ID: "spa_1", Profiles: []standin.Profile{person}})
	id := segmentapi.ID{Type: "user_id", Value: "A+B/C d%Ü"}
	traits, err := profiles.Traits(t.Context(), id, segmentapi.ClassAudience)
	require.NoError(t, err)
	require.Len(t, traits, 250)
	require.Equal(t, "true", traits["audience_0"])
	require.Equal(t, "false", traits["audience_1"])
	require.Len(t, s.Requests(), 3)
	require.Contains(t, s.Requests()[0], "/profiles/user_id:a%2Bb%2Fc%20d%25%C3%BC/traits?class=audience&limit=100")
	computed, err := profiles.Traits(t.Context(), id, segmentapi.ClassComputed)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"ltv": "450.5", "tier": "gold"}, computed)
	ids, err := profiles.ExternalIDs(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, []segmentapi.ID{{Type: "user_id", Value: "a+b/c d%Ü"}, {Type: "email", Value: "p@example.com"}}, ids)
	_, err = profiles.Traits(t.Context(), segmentapi.ID{Type: "user_id", Value: "nobody"}, segmentapi.ClassAudience)
	require.True(t, segmentapi.NotFound(err))
	require.NotContains(t, err.Error(), "nobody")
	s.Fail(standin.Fault{Endless: true})
	_, err = profiles.ExternalIDs(t.Context(), id)
	require.ErrorContains(t, err, "the pages do not end")
}
