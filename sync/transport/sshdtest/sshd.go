// Package sshdtest starts real OpenSSH servers for tests.
package sshdtest

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// Server is an OpenSSH server of a test's own on a free loopback port. It lets one user
// in, who may do there what the test may.
type Server struct {
	Address string // host:port
	User    string
	Folder  string // an empty one; any other can be named as well
	HostKey string // its public key, as in authorized_keys
	Key     string // the user's private key, RSA, in PEM
	KeyFile string // where that is

	process *exec.Cmd
}

// URL returns the address of a folder of the server.
func (s *Server) URL(folder string) string { return "sftp://" + s.User + "@" + s.Address + folder }

// Start starts OpenSSH: the program that IMPACTSYNC_SSHD names, or Debian's. A machine
// without it skips the test. The server ends with the test, or by [Server.Stop].
func Start(t *testing.T) *Server {
	t.Helper()
	path := cmp.Or(os.Getenv("IMPACTSYNC_SSHD"), "/usr/sbin/sshd")
	if _, err := os.Stat(path); err != nil {
		require.Empty(t, os.Getenv("IMPACTSYNC_SSHD"), "%v", err)
		t.Skip("OpenSSH is not installed: bash .ci/run servers")
	}
	dir := t.TempDir()
	me, err := user.Current()
	require.NoError(t, err)
	s := &Server{Folder: filepath.Join(dir, "in"), User: me.Username, KeyFile: filepath.Join(dir, "user_key")}
	require.NoError(t, os.Mkdir(s.Folder, 0o700))
	_, hostKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	s.HostKey = writeKey(t, filepath.Join(dir, "host_key"), hostKey)
	userKey, err := rsa.GenerateKey(rand.Reader, 3072)
	require.NoError(t, err)
	public := writeKey(t, s.KeyFile, userKey)
	text, err := os.ReadFile(s.KeyFile)
	require.NoError(t, err)
	s.Key = string(text)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "authorized_keys"), []byte(public), 0o600))
	s.start(t, path, dir)
	return s
}

// writeKey writes a private key and returns the public one.
func writeKey(t *testing.T, path string, key any) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	signer, err := ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

func (s *Server) start(t *testing.T, path, dir string) {
	t.Helper()
	if os.Getuid() == 0 {
		require.NoError(t, os.MkdirAll("/run/sshd", 0o755)) //nolint:gosec // where OpenSSH separates privileges, as Debian has it
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.Address = listener.Addr().String()
	_, port, err := net.SplitHostPort(s.Address)
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	config := filepath.Join(dir, "sshd_config")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `Port %s
ListenAddress 127.0.0.1
HostKey %s/host_key
AuthorizedKeysFile %s/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
`, port, dir, dir), 0o600))
	s.process = exec.CommandContext(t.Context(), path, "-D", "-e", "-f", config) //nolint:gosec // Debian's, or what the environment names
	require.NoError(t, s.process.Start())
	t.Cleanup(s.Stop)
	require.Eventually(t, func() bool {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
}

// Stop ends the server. Connections that it has go on.
func (s *Server) Stop() { _ = s.process.Process.Kill(); _ = s.process.Wait() }
