package suppressions_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/impactsync/impactsync/sync/source/suppressions"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func folder(t *testing.T, files map[string]string) *suppressions.Files {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	f, err := suppressions.Open(t.Context(), "file://"+dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

func idsOf(t *testing.T, s interface {
	Each(ctx context.Context, fn func(string) error) error
}) ([]string, error) {
	t.Helper()
	var ids []string
	err := s.Each(t.Context(), func(id string) error {
		ids = append(ids, id)
		return nil
	})
	return ids, err
}

func TestFiles(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write([]byte("u1\nu2\n"))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"plain lines":            {"u1\n\n  u2  \r\nu3", []string{"u1", "u2", "u3"}},
		"gzip":                   {zipped.String(), []string{"u1", "u2"}},
		"CSV":                    {"email,user_id\nx,u1\ny,\"u,2\"\nz,\n", []string{"u1", "u,2"}},
		"CSV of one column":      {"\ufeffuser_id\nu1\n", []string{"u1"}},
		"a header and nobody":    {"user_id\n", nil},
		"NDJSON":                 {`{"userId":"u1"}` + "\n" + `{"user_id":"u2","x":1}` + "\n", []string{"u1", "u2"}},
		"Segment's own subjects": {`{"subjectType":"USER_ID","subjectIds":["u1","u2"]}` + "\n" + `{"subjectType":"OBJECT_ID","subjectIds":["o1"]}`, []string{"u1", "u2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := idsOf(t, folder(t, map[string]string{"list": test.text}))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}

	t.Run("several files count together", func(t *testing.T) {
		t.Parallel()
		got, err := idsOf(t, folder(t, map[string]string{"a.csv": "user_id\nu1\n", "b.txt": "u2\n"}))
		require.NoError(t, err)
		require.Equal(t, []string{"u1", "u2"}, got)
	})

	t.Run("what cannot be used is an error, without the line", func(t *testing.T) {
		t.Parallel()
		for _, bad := range []string{"", "a,b\n1,2\n", "user_id,x\nu1,\"secret\n", "{\"userId\":\"u1\"}\nsecret\n", "{\"x\":\"secret\"}\n"} {
			_, err := idsOf(t, folder(t, map[string]string{"list": bad}))
			require.Error(t, err, bad)
			require.NotContains(t, err.Error(), "secret")
			require.Contains(t, err.Error(), `"list"`)
		}
		_, err := idsOf(t, folder(t, nil))
		require.ErrorContains(t, err, "leave a file with the header user_id alone")
	})
}

// segment answers GET /suppressions as Segment documents it, in pages.
type segment struct {
	ids    []string
	faults atomic.Int64 // so many answers are 429 or 503
	calls  atomic.Int64
}

func (s *segment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := s.calls.Add(1)
	switch {
	case r.URL.Path != "/suppressions" || r.Header.Get("Authorization") != "Bearer sgp_token":
		http.Error(w, `{"errors":[{"type":"forbidden","message":"sgp_token p@x.test"}]}`, http.StatusForbidden)
		return
	case s.faults.Add(-1) >= 0:
		w.Header().Set("Retry-After", "0")
		w.WriteHeader([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable}[n%2])
		return
	}
	count, _ := strconv.Atoi(r.URL.Query().Get("pagination.count"))
	from, _ := strconv.Atoi(r.URL.Query().Get("pagination.cursor"))
	to := min(from+count, len(s.ids))
	pagination := map[string]any{"current": strconv.Itoa(from)}
	if to < len(s.ids) {
		pagination["next"] = strconv.Itoa(to)
	}
	subjects := []map[string]any{}
	if from < to {
		subjects = append(subjects, map[string]any{"subjectType": "USER_ID", "subjectIds": s.ids[from:to]})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"suppressed": subjects, "pagination": pagination}})
}

func serve(t *testing.T, h http.Handler) *suppressions.API {
	t.Helper()
	srv := httptest.NewServer(h)
	client := srv.Client()
	t.Cleanup(func() { client.CloseIdleConnections(); srv.Close() })
	return &suppressions.API{Base: srv.URL, Token: "sgp_token", Client: client, Wait: time.Millisecond}
}

func TestAPI(t *testing.T) {
	t.Parallel()

	t.Run("reads all pages, through short refusals", func(t *testing.T) {
		t.Parallel()
		s := &segment{}
		for i := range 450 {
			s.ids = append(s.ids, fmt.Sprint("u", i))
		}
		s.faults.Store(3)
		got, err := idsOf(t, serve(t, s))
		require.NoError(t, err)
		require.Equal(t, s.ids, got)
		require.EqualValues(t, 6, s.calls.Load())
	})

	t.Run("nobody is suppressed", func(t *testing.T) {
		t.Parallel()
		got, err := idsOf(t, serve(t, &segment{}))
		require.NoError(t, err)
		require.Empty(t, got)
	})

	t.Run("a wrong token is said without it", func(t *testing.T) {
		t.Parallel()
		a := serve(t, &segment{})
		a.Token = "sgp_wrong"
		_, err := idsOf(t, a)
		require.ErrorContains(t, err, "403: privacy.segmentToken")
		for _, secret := range []string{"sgp_", "p@x.test"} {
			require.NotContains(t, err.Error(), secret)
		}
	})

	for name, answer := range map[string]string{
		"garbage":           `<html>`,
		"another answer":    `{"data":{"audiences":[]}}`,
		"pages without end": `{"data":{"suppressed":[],"pagination":{"next":"x"}}}`,
	} {
		t.Run(name+" is an error", func(t *testing.T) {
			t.Parallel()
			_, err := idsOf(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) })))
			require.Error(t, err)
		})
	}

	t.Run("an outage is an error in the end", func(t *testing.T) {
		t.Parallel()
		s := &segment{}
		s.faults.Store(100)
		_, err := idsOf(t, serve(t, s))
		require.Error(t, err)
		require.EqualValues(t, 5, s.calls.Load())
	})

	t.Run("the token does not follow a redirect", func(t *testing.T) {
		t.Parallel()
		_, err := idsOf(t, serve(t, http.RedirectHandler("/elsewhere", http.StatusFound)))
		require.ErrorContains(t, err, "302")
	})
}
