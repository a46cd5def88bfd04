package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"

	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/events"
)

// server is a real server of one scheme, with a bucket named "bucket".
type server struct {
	scheme   string
	variable string // of the environment: where the program is, if not in the PATH
	program  string
	install  string
	args     func(port, dir string) []string
	env      map[string]string
	query    func(address string) string
	create   func(context.Context, *blob.Bucket) error
}

var servers = []server{
	{
		scheme: "s3", variable: "IMPACTSYNC_VERSITYGW", program: "versitygw",
		install: "go install github.com/versity/versitygw/cmd/versitygw@latest",
		args: func(port, dir string) []string {
			return []string{"--access", "tester", "--secret", "tester-secret", "--port", "127.0.0.1:" + port, "posix", dir}
		},
		env: map[string]string{"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "tester-secret"},
		query: func(address string) string {
			return "region=us-east-1&use_path_style=true&endpoint=" + url.QueryEscape("http://"+address)
		},
		// A folder of its root is a bucket, and start makes one.
		create: func(context.Context, *blob.Bucket) error { return nil },
	},
	{
		scheme: "gs", variable: "IMPACTSYNC_FAKE_GCS_SERVER", program: "fake-gcs-server",
		install: "go install github.com/fsouza/fake-gcs-server@latest",
		args: func(port, _ string) []string {
			return []string{"-scheme", "http", "-host", "127.0.0.1", "-port", port, "-public-host", "127.0.0.1:" + port, "-backend", "memory", "-log-level", "warn"}
		},
		env:   map[string]string{"STORAGE_EMULATOR_HOST": "ADDRESS"},
		query: func(string) string { return "" },
		create: func(ctx context.Context, b *blob.Bucket) error {
			var client *storage.Client
			b.As(&client)
			return client.Bucket("bucket").Create(ctx, "project", nil)
		},
	},
	{
		scheme: "azblob", variable: "IMPACTSYNC_AZURITE", program: "azurite-blob",
		install: "npm install --global azurite",
		args: func(port, _ string) []string {
			return []string{"--blobPort", port, "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--silent"}
		},
		// Azurite's well-known account, no secret.
		env: map[string]string{
			"AZURE_STORAGE_ACCOUNT": "devstoreaccount1",
			"AZURE_STORAGE_KEY":     "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
		},
		query: func(address string) string { return "protocol=http&localemu=true&domain=" + address },
		create: func(ctx context.Context, b *blob.Bucket) error {
			var client *container.Client
			b.As(&client)
			_, err := client.Create(ctx, nil)
			return err
		},
	},
}

// TestSourcesOverServers runs against a real server of each scheme.
func TestSourcesOverServers(t *testing.T) {
	for _, s := range servers {
		t.Run(s.scheme, func(t *testing.T) {
			query, kill := s.start(t)
			count := 0
			where := func(t *testing.T) place {
				count++
				return s.folder(t, fmt.Sprintf("segment-logs/%d", count), query)
			}
			conform(t, where)
			t.Run("a listing of several pages is whole", func(t *testing.T) { listPages(t, where(t)) })
			t.Run("whole objects are put and got, and never overwritten", func(t *testing.T) { putAndGet(t, where(t)) })
			t.Run("an object is replaced whole, as the page after each run is", func(t *testing.T) { replaceObject(t, where(t)) })
			t.Run("a bucket that is not there is named, without its parameters", func(t *testing.T) {
				_, err := inputs(t, s.scheme+"://nothing/x/?"+query)
				require.ErrorContains(t, err, fmt.Sprintf(`source "web": %s://nothing/x/: list: not found`, s.scheme))
				require.NotContains(t, err.Error(), "endpoint=")
				require.NotContains(t, err.Error(), "localemu")
				require.NotContains(t, err.Error(), "\n")
			})
			t.Run("a server that is killed in mid-object ends the reading", func(t *testing.T) { loseServer(t, where(t), kill) })
		})
	}
}

// folder opens a folder of the bucket, empty as yet.
func (s server) folder(t *testing.T, name, query string) place {
	t.Helper()
	b, err := blob.OpenBucket(t.Context(), s.scheme+"://bucket?"+query+"&prefix="+name+"/")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return place{s.scheme + "://bucket/" + name + "?" + query, b}
}

// start starts a server, gives the URL parameters that lead to it, and stops it
// with the test if nobody did before.
func (s server) start(t *testing.T) (query string, kill func()) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bucket"), 0o755))
	program := s.find(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	for name, value := range s.env {
		t.Setenv(name, strings.ReplaceAll(value, "ADDRESS", address))
	}

	var log bytes.Buffer
	_, port, _ := net.SplitHostPort(address)
	process := exec.Command(program, s.args(port, dir)...)
	process.Dir = dir
	process.Stdout, process.Stderr = &log, &log
	require.NoError(t, process.Start())
	kill = func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	}
	t.Cleanup(func() {
		kill()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 60*time.Second, 50*time.Millisecond, "%s does not listen on %s", program, address)

	query = s.query(address)
	b, err := blob.OpenBucket(t.Context(), s.scheme+"://bucket?"+query)
	require.NoError(t, err)
	require.NoError(t, s.create(t.Context(), b))
	require.NoError(t, b.Close())
	return query, kill
}

// find returns the server's program, or skips the test.
func (s server) find(t *testing.T) string {
	t.Helper()
	program := os.Getenv(s.variable)
	if program == "" {
		program = s.program
	}
	found, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("no server for %s://: set %s to a %s, or put it in the PATH (%s)", s.scheme, s.variable, s.program, s.install)
	}
	return found
}

// inputs are the inputs of an events source.
func inputs(t *testing.T, rawURL string) (found []source.Input, err error) {
	t.Helper()
	s, err := events.New(t.Context(), events.Config{Name: "web", URL: rawURL})
	require.NoError(t, err)
	defer s.Close()
	for in, err := range s.Inputs(t.Context(), nil) {
		if err != nil {
			return nil, err
		}
		found = append(found, in)
	}
	return found, nil
}

// putAndGet moves an object of several parts.
func putAndGet(t *testing.T, p place) {
	folder, name, err := bucket.Split(strings.Replace(p.url, "?", "/state.db?", 1))
	require.NoError(t, err)
	require.Equal(t, "state.db", name)
	b, err := bucket.Open(t.Context(), folder, bucket.Options{})
	require.NoError(t, err)
	defer b.Close()
	want := bytes.Repeat([]byte("0123456789abcdef"), 13<<16) // 13 MiB
	require.NoError(t, b.Create(t.Context(), name, bytes.NewReader(want)))
	require.ErrorContains(t, b.Create(t.Context(), name, strings.NewReader("other")), "it exists, and is not overwritten")
	var got bytes.Buffer
	require.NoError(t, b.Get(t.Context(), name, &got))
	require.True(t, bytes.Equal(want, got.Bytes()))

	broken := io.MultiReader(bytes.NewReader(want), iotest.ErrReader(errors.New("the disk is gone")))
	require.ErrorContains(t, b.Create(t.Context(), "half.db", broken), "the disk is gone")
	if !strings.HasPrefix(p.url, "gs:") { // this stand-in for Google keeps what came
		require.ErrorContains(t, b.Get(t.Context(), "half.db", io.Discard), `there is no "half.db"`)
	}
}

func replaceObject(t *testing.T, p place) {
	at := strings.Replace(p.url, "?", "/status.html?", 1)
	for _, html := range []string{"<p>yesterday, and longer than today", "<p>today"} {
		require.NoError(t, bucket.Replace(t.Context(), at, []byte(html), "text/html; charset=utf-8"))
		got, err := p.b.ReadAll(t.Context(), "status.html")
		require.NoError(t, err)
		require.Equal(t, html, string(got))
	}
	attributes, err := p.b.Attributes(t.Context(), "status.html")
	require.NoError(t, err)
	require.Equal(t, "text/html; charset=utf-8", attributes.ContentType)
}

// listPages lists more objects than any server gives in one answer.
func listPages(t *testing.T, p place) {
	const objects = 1010
	for i := range objects {
		p.put(t, fmt.Sprintf("%d.json", i), "{}\n")
	}
	found, err := inputs(t, p.url)
	require.NoError(t, err)
	require.Len(t, found, objects)
}

// loseServer reads an object that is larger than what the system keeps of a
// connection.
func loseServer(t *testing.T, p place, kill func()) {
	const lines = 2500
	p.put(t, "large.json", strings.Repeat(`{"type":"page","userId":"u1","messageId":"m1","x":"`+strings.Repeat("x", 16<<10)+`"}`+"\n", lines))
	found, err := inputs(t, p.url)
	require.NoError(t, err)
	s, err := events.New(t.Context(), events.Config{Name: "web", URL: p.url})
	require.NoError(t, err)
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var last source.Position
	err = s.Read(ctx, found[0], source.Position{}, func(b source.Batch) error {
		kill()
		last = b.Position
		return nil
	})
	require.ErrorContains(t, err, `large.json"`)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, source.ErrGone)
	require.False(t, last.Done, "what was lost is not taken for the end")
	require.Less(t, last.Line, int64(lines))
	t.Log(err)
}
