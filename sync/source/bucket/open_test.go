package bucket

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Amazon's SDK has a logger of its own, which would write a line for each object that
// was stored without a checksum: into a log of JSON, and into a pod's last words.
func TestAmazonsSDKIsQuiet(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Etag", `"1"`)
		_, _ = w.Write([]byte("user_id\n"))
	}))
	server.Config.SetKeepAlivesEnabled(false)
	server.Start()
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "tester")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "tester-secret")
	said, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	stderr := os.Stderr
	os.Stderr = said // the SDK's logger is made with the client
	t.Cleanup(func() { os.Stderr = stderr })

	b := open(t, "s3://bucket/x/?region=us-east-1&use_path_style=true&endpoint="+url.QueryEscape(server.URL))
	r, err := b.blob.NewReader(t.Context(), "vip.csv", nil)
	require.NoError(t, err)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "user_id\n", string(text))
	require.NoError(t, r.Close())
	lines, err := os.ReadFile(said.Name())
	require.NoError(t, err)
	require.Empty(t, string(lines))
}
