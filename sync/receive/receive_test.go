package receive

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/impactsync/impactsync/sync/spool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// set is a handler with its spool.
type set struct {
	t       *testing.T
	dir     string
	secrets string // the file
	spool   *spool.Spool
	handler http.Handler
	log     bytes.Buffer
	events  int
	refused []string
}

func setup(t *testing.T) *set {
	t.Helper()
	s := &set{t: t, dir: t.TempDir(), secrets: filepath.Join(t.TempDir(), "secrets")}
	s.write("old\n\nnew \n")
	secrets, err := OpenSecrets(s.secrets)
	require.NoError(t, err)
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	s.spool, err = spool.Open(spool.Config{Dir: s.dir, MaxBytes: 1 << 20, RotateBytes: 1 << 20, RotateEvery: time.Hour, Log: log})
	require.NoError(t, err)
	s.handler = Handler(Config{
		Path: "/segment", Secrets: secrets, Spool: s.spool, MostBody: 1 << 20, Log: log,
		Received: func(events, _ int) { s.events += events }, Refused: func(reason string) { s.refused = append(s.refused, reason) },
	})
	return s
}

func (s *set) write(secrets string) {
	s.t.Helper()
	require.NoError(s.t, os.WriteFile(s.secrets, []byte(secrets), 0o600))
}

func sign(secret, text string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func (s *set) post(body, signature string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/segment", strings.NewReader(body))
	r.Header.Set("X-Signature", signature)
	return s.do(r)
}

func (s *set) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// stored closes the spool and returns its lines.
func (s *set) stored() string {
	s.t.Helper()
	require.NoError(s.t, s.spool.Close())
	names, err := spool.Files(s.dir)
	require.NoError(s.t, err)
	var text strings.Builder
	for _, name := range names {
		f, err := os.Open(filepath.Join(s.dir, name))
		require.NoError(s.t, err)
		z, err := gzip.NewReader(f)
		require.NoError(s.t, err)
		_, err = io.Copy(&text, z)
		require.NoError(s.t, err)
		require.NoError(s.t, f.Close())
	}
	return text.String()
}

// The bodies and signatures are those that Node's crypto makes of JSON.stringify, as
// Segment's own code does:
//
//	crypto.createHmac('sha1', 'new').update(JSON.stringify(data), 'utf8').digest('hex')
const (
	message   = `{"type":"track","userId":"u1","event":"Größe 🎉","properties":{"revenue":39.9,"n":1,"s":"a` + "\u2028" + `b\"/"}}`
	signature = "b55279c558d0315cd5d1191ce26187f48b5b4c02"
	other     = `{"type":"delete","userId":"u2","timestamp":"2026-11-28T06:00:00.000Z"}`
)

func TestSignedBodiesAreStored(t *testing.T) {
	t.Parallel()
	s := setup(t)
	require.Equal(t, signature, sign("new", message))
	require.Equal(t, http.StatusOK, s.post(message, signature).Code)
	require.Equal(t, http.StatusOK, s.post(other, strings.ToUpper(sign("old", other))).Code, "by a secret that is being replaced")
	require.Equal(t, http.StatusOK, s.post("["+message+","+other+"]", signature).Code, "of a batch, the first element is signed")
	pretty := "[ {\"a\":\r\n 1},\n{}]"
	require.Equal(t, http.StatusOK, s.post(pretty, sign("new", "{\"a\":\r\n 1}")).Code)
	require.Equal(t, 6, s.events)
	require.Empty(t, s.refused)
	require.Equal(t, []string{message, other, message, other, `{"a":1}`, "{}", ""}, strings.Split(s.stored(), "\n"))
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	s := setup(t)
	post := func(body, signature string) func() *httptest.ResponseRecorder {
		return func() *httptest.ResponseRecorder { return s.post(body, signature) }
	}
	signed := func(body string) func() *httptest.ResponseRecorder { return post(body, sign("new", body)) }
	request := func(change func(*http.Request)) func() *httptest.ResponseRecorder {
		return func() *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodPost, "/segment", strings.NewReader(message))
			r.Header.Set("X-Signature", signature)
			change(r)
			return s.do(r)
		}
	}
	long := `{"a":"` + strings.Repeat("x", mostEvent) + `"}`
	for name, c := range map[string]struct {
		do     func() *httptest.ResponseRecorder
		code   int
		reason string
	}{
		"no signature":               {post(message, ""), 401, "signature"},
		"another secret":             {post(message, sign("third", message)), 401, "signature"},
		"an empty secret":            {post(message, sign("", message)), 401, "signature"},
		"a changed body":             {post(message[:len(message)-1]+" }", signature), 401, "signature"},
		"half a signature":           {post(message, signature[:20]), 401, "signature"},
		"a batch signed as a whole":  {signed("[" + message + "]"), 401, "signature"},
		"another first element":      {post("["+other+","+message+"]", signature), 401, "signature"},
		"extra JSON after signing":   {post(message[:len(message)-1]+`,"extra":1}`, signature), 401, "signature"},
		"no JSON":                    {signed("hello"), 400, "invalid"},
		"nothing":                    {signed(""), 400, "invalid"},
		"a number":                   {signed("3"), 400, "invalid"},
		"an empty batch":             {signed("[]"), 400, "invalid"},
		"a batch of numbers":         {post("[1,2]", sign("new", "1")), 400, "invalid"},
		"a batch that is cut off":    {post("["+message+",", signature), 400, "invalid"},
		"two messages in a row":      {signed(message + message), 400, "invalid"},
		"a message that is too long": {signed(long), 413, "too_large"},
		"a body that is too long":    {signed("[" + strings.Repeat(" ", 1<<20) + "]"), 413, "too_large"},
		"a body of unknown length": {request(func(r *http.Request) {
			r.ContentLength, r.Body = -1, io.NopCloser(strings.NewReader(strings.Repeat(" ", 2<<20)))
		}), 413, "too_large"},
		"a packed body":             {request(func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }), 415, "encoding"},
		"another method":            {request(func(r *http.Request) { r.Method = http.MethodPut }), 405, "method"},
		"a body that breaks off":    {request(func(r *http.Request) { r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), broken{})) }), 503, "broken"},
		"a sender that went away":   {request(func(r *http.Request) { *r = *r.WithContext(cancelled()) }), 503, "failed"},
		"more than memory may hold": {func() *httptest.ResponseRecorder { return s.crowded(message) }, 503, "busy"},
	} {
		s.refused = nil
		w := c.do()
		require.Equal(t, c.code, w.Code, name)
		require.Equal(t, []string{c.reason}, s.refused, name)
		require.Contains(t, Reasons(), c.reason)
		require.Equal(t, c.code == 503, w.Header().Get("Retry-After") != "", name)
	}
	require.Equal(t, 404, s.do(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(message))).Code)
	require.NotContains(t, s.stored(), "u2")
	require.NotContains(t, s.log.String(), "u1", "nothing of a body is logged")
	require.Equal(t, 1, strings.Count(s.log.String(), "reason=signature"), "once a minute")
}

// crowded posts a body while others take all the memory.
func (s *set) crowded(body string) *httptest.ResponseRecorder {
	secrets, err := OpenSecrets(s.secrets)
	require.NoError(s.t, err)
	h := &handler{Config: Config{Spool: s.spool, Secrets: secrets, MostBody: 1 << 20, Refused: func(reason string) { s.refused = append(s.refused, reason) }}, refused: tally{log: slog.New(slog.DiscardHandler)}}
	h.held.Store(mostHeld)
	w := httptest.NewRecorder()
	h.serve(w, httptest.NewRequest(http.MethodPost, "/segment", strings.NewReader(body)))
	require.EqualValues(s.t, mostHeld, h.held.Load(), "it is given back")
	return w
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestAFullSpoolAsksToTryAgain(t *testing.T) {
	t.Parallel()
	s := setup(t)
	full, err := spool.Open(spool.Config{Dir: t.TempDir(), MaxBytes: 1, MinFree: 1 << 60, RotateBytes: 1, RotateEvery: time.Hour, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	secrets, err := OpenSecrets(s.secrets)
	require.NoError(t, err)
	s.handler = Handler(Config{
		Path: "/segment", Secrets: secrets, Spool: full, MostBody: 1 << 20, Log: slog.New(slog.DiscardHandler),
		Refused: func(reason string) { s.refused = append(s.refused, reason) },
	})
	w := s.post(message, signature)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, retryAfter, w.Header().Get("Retry-After"))
	require.Equal(t, []string{"full"}, s.refused)
	require.Equal(t, http.StatusServiceUnavailable, s.do(httptest.NewRequest(http.MethodGet, "/healthz", http.NoBody)).Code)
	require.NoError(t, full.Close())
	require.NoError(t, s.spool.Close())
}

func TestSecretsAreReadAgain(t *testing.T) {
	t.Parallel()
	s := setup(t)
	defer s.spool.Close()
	secrets, err := OpenSecrets(s.secrets)
	require.NoError(t, err)
	require.True(t, secrets.Signed([]byte("x"), sign("old", "x")))
	later := func() { secrets.looked = time.Time{} }
	s.write("new\n")
	later()
	require.False(t, secrets.Signed([]byte("x"), sign("old", "x")), "it was taken out")
	require.True(t, secrets.Signed([]byte("x"), sign("new", "x")))
	for _, text := range []string{"", "\n\n"} {
		s.write(text)
		later()
		require.True(t, secrets.Signed([]byte("x"), sign("new", "x")), "an empty file is one that is being written")
		require.False(t, secrets.Signed([]byte("x"), sign("", "x")))
	}
	require.NoError(t, os.Remove(s.secrets))
	later()
	require.True(t, secrets.Signed([]byte("x"), sign("new", "x")))
	_, err = OpenSecrets(s.secrets)
	require.ErrorIs(t, err, os.ErrNotExist)
	s.write(" \n")
	_, err = OpenSecrets(s.secrets)
	require.ErrorContains(t, err, "the file is empty")
}
