package page

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/stretchr/testify/require"
)

// newServer serves a state that was just made.
func newServer(t *testing.T) *Server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := state.Open(t.Context(), state.Options{Path: path, Create: true, Binding: &state.Binding{AccountSID: "a", CampaignID: "1"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return &Server{
		Token: "TOKEN", Names: []string{"page.example"},
		Options: func() Options { return Options{Now: time.Now(), Account: "IRa", Program: "1"} },
		View:    func(_ context.Context, fn func(*state.DB) error) error { return fn(db) },
		ID:      func(text string) (string, error) { return text, nil },
	}
}

func (s *Server) ask(method, url string, headers map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, nil)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func TestServerAnswersWhoeverKnowsTheToken(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, host := range []string{"127.0.0.1:8080", "[::1]:80", "localhost:1", "LOCALHOST", "10.0.0.7:99", "page.example:8080"} {
		require.Equal(t, http.StatusOK, s.ask("GET", "http://"+host+"/TOKEN/", nil).Code, host)
	}
	w := s.ask("GET", "http://localhost/TOKEN/", map[string]string{"Origin": "http://localhost"})
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), "No run so far")
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'")
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	require.Empty(t, w.Header().Values("Set-Cookie"))
}

func TestServerRefuses(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, path := range []string{"/", "/TOKE/", "/TOKEN2/", "/token/", "//TOKEN/", "/favicon.ico"} {
		require.Equal(t, http.StatusForbidden, s.ask("GET", "http://localhost"+path, nil).Code, path)
	}
	for _, path := range []string{"/TOKEN", "/TOKEN/x"} {
		require.Equal(t, http.StatusNotFound, s.ask("GET", "http://localhost"+path, nil).Code, path)
	}
	for _, host := range []string{"evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "page.example.evil"} {
		require.Equal(t, http.StatusForbidden, s.ask("GET", "http://"+host+"/TOKEN/", nil).Code, host)
	}
	for _, origin := range []string{"http://evil.example", "null", "https://localhost.evil"} {
		require.Equal(t, http.StatusForbidden, s.ask("GET", "http://localhost/TOKEN/", map[string]string{"Origin": origin}).Code, origin)
	}
	for _, method := range []string{"POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PROPFIND"} {
		w := s.ask(method, "http://localhost/TOKEN/", nil)
		require.Equal(t, http.StatusMethodNotAllowed, w.Code, method)
		require.Equal(t, "GET", w.Header().Get("Allow"))
	}
}

func TestServerSearches(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	require.Contains(t, s.ask("GET", "http://localhost/TOKEN/?person=nobody", nil).Body.String(), "Nobody with this id is known")
	require.Contains(t, s.ask("GET", "http://localhost/TOKEN/?order=1", nil).Body.String(), "No conversion with this order id is known")
	body := s.ask("GET", "http://localhost/TOKEN/?person=%3Cscript%3E%22", nil).Body.String()
	require.Contains(t, body, `value="&lt;script&gt;&#34;"`)
	require.Equal(t, 1, strings.Count(body, "<script>"))
	s.ID = func(string) (string, error) { return "", errors.New("it is nobody's") }
	require.Contains(t, s.ask("GET", "http://localhost/TOKEN/?person=undefined", nil).Body.String(), "it is nobody&#39;s")
}

func TestServerSaysWhyThereIsNoPage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.View = func(context.Context, func(*state.DB) error) error { return state.ErrMissing }
	w := s.ask("GET", "http://localhost/TOKEN/", nil)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Contains(t, w.Body.String(), state.ErrMissing.Error())
}
