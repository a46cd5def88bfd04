package transport_test

import (
	"bytes"
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

	"github.com/impactsync/impactsync/sync/transport"
)

// sshd is an OpenSSH server of the test's own on a free loopback port, with the folder
// that it serves.
type sshd struct {
	address string
	folder  string
	hostKey string // as in authorized_keys
	key     string // the user's, RSA, in PEM
	user    string
	log     *bytes.Buffer
	process *exec.Cmd
}

// startSSHD starts OpenSSH: the program that IMPACTSYNC_SSHD names, or Debian's. A
// machine without it skips the test.
func startSSHD(t *testing.T) *sshd {
	t.Helper()
	path := cmp.Or(os.Getenv("IMPACTSYNC_SSHD"), "/usr/sbin/sshd")
	if _, err := os.Stat(path); err != nil {
		require.Empty(t, os.Getenv("IMPACTSYNC_SSHD"), "%v", err)
		t.Skip("OpenSSH is not installed: bash .ci/run servers")
	}
	dir := t.TempDir()
	me, err := user.Current()
	require.NoError(t, err)
	s := &sshd{folder: filepath.Join(dir, "in"), user: me.Username, log: new(bytes.Buffer)}
	require.NoError(t, os.Mkdir(s.folder, 0o700))
	_, hostKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	s.hostKey = writeKey(t, filepath.Join(dir, "host_key"), hostKey)
	userKey, err := rsa.GenerateKey(rand.Reader, 3072)
	require.NoError(t, err)
	public := writeKey(t, filepath.Join(dir, "user_key"), userKey)
	text, err := os.ReadFile(filepath.Join(dir, "user_key"))
	require.NoError(t, err)
	s.key = string(text)
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

func (s *sshd) start(t *testing.T, path, dir string) {
	t.Helper()
	if os.Getuid() == 0 {
		require.NoError(t, os.MkdirAll("/run/sshd", 0o755)) // where OpenSSH separates privileges
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = listener.Addr().String()
	_, port, err := net.SplitHostPort(s.address)
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
	s.process = exec.CommandContext(t.Context(), path, "-D", "-e", "-f", config)
	s.process.Stderr = s.log
	require.NoError(t, s.process.Start())
	t.Cleanup(func() { _ = s.process.Process.Kill(); _ = s.process.Wait() })
	require.Eventually(t, func() bool {
		c, err := net.DialTimeout("tcp", s.address, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
}

const (
	pause = 10 * time.Second
	tick  = 20 * time.Millisecond
)

func (s *sshd) config() transport.Config {
	return transport.Config{URL: "sftp://" + s.user + "@" + s.address + s.folder, PrivateKey: s.key, HostKeys: []string{s.hostKey}}
}
