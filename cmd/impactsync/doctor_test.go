package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/impactsync/impactsync/sync/transport/sshdtest"
)

// TestDoctorTriesTheServerForFiles: a real OpenSSH server, and what can be wrong with it.
func TestDoctorTriesTheServerForFiles(t *testing.T) {
	t.Parallel()
	host, other := sshdtest.Start(t), sshdtest.Start(t)
	box, err := sandbox.New(sandbox.Config{})
	require.NoError(t, err)
	api := httptest.NewServer(box.Handler())
	t.Cleanup(api.Close)
	p := process{t: t, dir: t.TempDir()}
	require.NoError(t, os.Mkdir(filepath.Join(p.dir, "events"), 0o700))
	run := func(url, key, hostKey string, args ...string) (code int, said string) {
		p.write("impactsync.yaml", fmt.Sprintf(`destination: {accountSid: IR1, apiKey: token, campaignId: "23224", eventTypeId: "7", trackingURL: %q, apiURL: %q}
sources: [{name: web, kind: events, url: file://./events/}]
state: {path: state.db}
conversions: {route: auto, file: {url: %q, privateKeyFile: %q, hostKeys: [%q]}}
`, api.URL, api.URL, url, key, hostKey))
		c := p.command(args...)
		out, err := c.CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil {
			require.ErrorAs(t, err, &exit)
			code = exit.ExitCode()
		}
		return code, string(out)
	}
	for _, args := range [][]string{{"doctor"}, {"config", "check", "--online"}} {
		code, said := run(host.URL(host.Folder), host.KeyFile, host.HostKey, args...)
		require.Zero(t, code, said)
		require.Regexp(t, `ok +files of conversions +sftp://.* can be listed \(0 files\) and written`, said)
	}
	left, err := os.ReadDir(host.Folder)
	require.NoError(t, err)
	require.Empty(t, left)
	stopped := sshdtest.Start(t)
	stopped.Stop()
	for name, c := range map[string]struct{ url, key, hostKey, want, do string }{
		"another host key": {host.URL(host.Folder), host.KeyFile, other.HostKey, `another host key than the configured one: ssh-ed25519 SHA256:`, "whose key that is"},
		"another user key": {host.URL(host.Folder), other.KeyFile, host.HostKey, "refuses the user or the key", "ssh-keygen -y -f FILE"},
		"nobody there":     {stopped.URL("/in"), host.KeyFile, host.HostKey, "cannot be reached", "name resolution and firewall"},
		"no folder":        {host.URL(host.Folder + "/nowhere"), host.KeyFile, host.HostKey, "cannot be listed", "look at the path"},
		"not writable":     {host.URL("/proc"), host.KeyFile, host.HostKey, "no file can be made there", "what its user may do there"},
	} {
		code, said := run(c.url, c.key, c.hostKey, "doctor")
		require.Equal(t, 1, code, "%s: %s", name, said)
		require.Regexp(t, `FAIL +files of conversions .*`+c.want, said, name)
		require.Contains(t, said, c.do, name)
		require.NotContains(t, said, "PRIVATE", name)
	}
}
