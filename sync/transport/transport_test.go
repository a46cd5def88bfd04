package transport_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/impactsync/impactsync/sync/transport"
	"github.com/impactsync/impactsync/sync/transport/sshdtest"
)

const (
	pause = 10 * time.Second
	tick  = 20 * time.Millisecond
)

func access(s *sshdtest.Server) transport.Config {
	return transport.Config{URL: s.URL(s.Folder), PrivateKey: s.Key, HostKeys: []string{s.HostKey}}
}

// places are a folder here and one of a real OpenSSH server.
func places(t *testing.T) map[string]struct {
	transport.Config
	folder string
} {
	t.Helper()
	here := filepath.Join(t.TempDir(), "new", "folder")
	s := sshdtest.Start(t)
	return map[string]struct {
		transport.Config
		folder string
	}{
		"folder": {transport.Config{URL: "file://" + here}, here},
		"sftp":   {access(s), s.Folder},
	}
}

func TestFilesArrive(t *testing.T) {
	t.Parallel()
	for name, p := range places(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place, err := transport.New(p.Config)
			require.NoError(t, err)
			require.NotContains(t, place.String(), "KEY")
			f, err := place.Open(t.Context())
			require.NoError(t, err)
			defer func() { require.NoError(t, f.Close()) }()

			content := make([]byte, 5<<20+17)
			_, _ = rand.Read(content)
			w, err := f.Create("receipt_a.csv.part")
			require.NoError(t, err)
			for part := range bytes.SplitAfterSeq(content, []byte{7}) {
				_, err := w.Write(part)
				require.NoError(t, err)
			}
			require.NoError(t, w.Close())
			size, err := f.Size("receipt_a.csv.part")
			require.NoError(t, err)
			require.EqualValues(t, len(content), size)
			_, err = f.Size("a.csv")
			require.ErrorIs(t, err, fs.ErrNotExist)

			require.NoError(t, f.Rename("receipt_a.csv.part", "a.csv"))
			have, err := os.ReadFile(filepath.Join(p.folder, "a.csv"))
			require.NoError(t, err)
			require.True(t, bytes.Equal(content, have), "byte for byte")
			require.ErrorIs(t, f.Remove("receipt_a.csv.part"), fs.ErrNotExist)

			w, err = f.Create("receipt_b.csv.part")
			require.NoError(t, err)
			require.NoError(t, w.Close())
			require.Error(t, f.Rename("receipt_b.csv.part", "a.csv"), "nothing is overwritten")
			size, err = f.Size("a.csv")
			require.NoError(t, err)
			require.EqualValues(t, len(content), size)
			require.NoError(t, f.Remove("receipt_b.csv.part"))
		})
	}
}

func TestOnlyTheServerThatIsConfigured(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t)
	_, other, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(other)
	require.NoError(t, err)
	mine, _, _, _, err := ssh.ParseAuthorizedKey([]byte(s.HostKey))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		keys []string
		err  string
	}{
		"its fingerprint":         {[]string{ssh.FingerprintSHA256(mine)}, ""},
		"its key beside another":  {[]string{string(ssh.MarshalAuthorizedKey(signer.PublicKey())), s.HostKey}, ""},
		"another key":             {[]string{string(ssh.MarshalAuthorizedKey(signer.PublicKey()))}, ssh.FingerprintSHA256(mine)},
		"another one's signature": {[]string{ssh.FingerprintSHA256(signer.PublicKey())}, "nothing was sent"},
		"a key of another kind":   {[]string{"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg="}, "of another kind: it has ssh-ed25519"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := access(s)
			config.HostKeys = c.keys
			place, err := transport.New(config)
			require.NoError(t, err)
			f, err := place.Open(t.Context())
			if c.err == "" {
				require.NoError(t, err)
				require.NoError(t, f.Close())
				return
			}
			require.ErrorIs(t, err, transport.ErrHostKey)
			require.ErrorContains(t, err, c.err)
		})
	}
}

func TestWhoIsNotLetIn(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t)
	config := access(s)
	config.PrivateKey = sshdtest.Start(t).Key
	place, err := transport.New(config)
	require.NoError(t, err)
	_, err = place.Open(t.Context())
	require.ErrorIs(t, err, transport.ErrLogin)
	require.NotContains(t, err.Error(), "PRIVATE")
}

// TestTry: each thing that can be wrong has an error of its own, and nothing stays behind.
func TestTry(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t)
	try := func(c transport.Config) (int, error) {
		place, err := transport.New(c)
		require.NoError(t, err)
		return place.Try(t.Context())
	}
	require.NoError(t, os.WriteFile(filepath.Join(s.Folder, "a.csv"), nil, 0o600))
	n, err := try(access(s))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	left, err := os.ReadDir(s.Folder)
	require.NoError(t, err)
	require.Len(t, left, 1)

	at := func(folder string) transport.Config { c := access(s); c.URL = s.URL(folder); return c }
	_, err = try(at(s.Folder + "/nowhere"))
	require.ErrorIs(t, err, transport.ErrFolder)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = try(at(s.Folder + "/a.csv"))
	require.ErrorIs(t, err, transport.ErrFolder)
	_, err = try(at("/proc")) // nobody may make files there
	require.ErrorIs(t, err, transport.ErrFolder)
	require.ErrorContains(t, err, "no file can be made there")

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := access(s)
	c.URL = "sftp://u@" + silent.Addr().String() + "/in/"
	require.NoError(t, silent.Close())
	_, err = try(c)
	require.ErrorIs(t, err, transport.ErrConnect)

	here := filepath.Join(t.TempDir(), "new")
	n, err = try(transport.Config{URL: "file://" + here})
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoDirExists(t, here)
	_, err = try(transport.Config{URL: "file:///proc"})
	require.ErrorIs(t, err, transport.ErrFolder)
}

// TestServerGoes: a server that dies in the middle of a file is an error, and soon.
func TestServerGoes(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t)
	place, err := transport.New(access(s))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	f, err := place.Open(ctx)
	require.NoError(t, err)
	w, err := f.Create("receipt_a.csv.part")
	require.NoError(t, err)
	_, err = w.Write([]byte("half"))
	require.NoError(t, err)
	cancel() // the context's end breaks the connection
	require.Eventually(t, func() bool { _, err := f.Size("receipt_a.csv.part"); return err != nil }, pause, tick)
	_, err = w.Write([]byte("a"))
	require.Error(t, err)
	_ = f.Close()
	require.FileExists(t, filepath.Join(s.Folder, "receipt_a.csv.part"))
}

// TestFull: SFTP has no code for a full disk.
func TestFull(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t)
	place, err := transport.New(access(s))
	require.NoError(t, err)
	f, err := place.Open(t.Context())
	require.NoError(t, err)
	require.NoError(t, os.Symlink("/dev/full", filepath.Join(s.Folder, "a.csv")))
	w, err := f.Create("a.csv")
	require.NoError(t, err)
	_, err = w.Write([]byte("more than nothing"))
	require.ErrorIs(t, err, transport.ErrFolder)
	require.ErrorContains(t, err, "is full")
	_ = w.Close()
	require.NoError(t, f.Close())
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	key := sshdtest.Start(t)
	for name, c := range map[string]struct {
		config transport.Config
		want   string
	}{
		"no scheme":       {transport.Config{URL: "/out"}, "want file:// or sftp://"},
		"another scheme":  {transport.Config{URL: "ftp://h/out"}, "want file:// or sftp://"},
		"a relative path": {transport.Config{URL: "file://out"}, "names no folder"},
		"no user":         {transport.Config{URL: "sftp://host/in", PrivateKey: key.Key, HostKeys: []string{key.HostKey}}, "names no user"},
		"a password":      {transport.Config{URL: "sftp://u:secret@host/in", PrivateKey: key.Key, HostKeys: []string{key.HostKey}}, "holds a password"},
		"no key":          {transport.Config{URL: "sftp://u@host/in", HostKeys: []string{key.HostKey}}, "private key is missing"},
		"a broken key":    {transport.Config{URL: "sftp://u@host/in", PrivateKey: "-----BEGIN", HostKeys: []string{key.HostKey}}, "cannot be read"},
		"no host key":     {transport.Config{URL: "sftp://u@host/in", PrivateKey: key.Key}, "host key is missing"},
		"half a print":    {transport.Config{URL: "sftp://u@host/in", PrivateKey: key.Key, HostKeys: []string{"SHA256:xyz"}}, "no whole fingerprint"},
		"a broken one":    {transport.Config{URL: "sftp://u@host/in", PrivateKey: key.Key, HostKeys: []string{"ssh-rsa x"}}, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := transport.New(c.config)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}
