package enginetest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ClickHouse is a ClickHouse server of a test's own.
type ClickHouse struct {
	DSN string // of the user default, who may do everything, for the database default

	program, dir, url string
	process           *exec.Cmd
}

// clickhouseConfig is what the server has to know. Its users are in users.xml: default,
// limited, who sees the database default alone, and strict, who cannot change settings.
const clickhouseConfig = `<yandex>
	<logger><level>warning</level><log>%[1]s/log</log><errorlog>%[1]s/errors</errorlog></logger>
	<listen_host>127.0.0.1</listen_host><http_port>%[2]s</http_port><tcp_port>%[3]s</tcp_port>
	<path>%[1]s/data/</path><tmp_path>%[1]s/tmp/</tmp_path><user_files_path>%[1]s/files/</user_files_path><format_schema_path>%[1]s/schemas/</format_schema_path>
	<users_config>%[1]s/users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
	<mark_cache_size>67108864</mark_cache_size><timezone>Asia/Kolkata</timezone>%[4]s
</yandex>
`

const clickhouseUsers = `<yandex>
	<profiles><default/><strict><readonly>1</readonly></strict></profiles><quotas><default/></quotas>
	<users>
		<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
		<limited><password>s3cret</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota><allow_databases><database>default</database></allow_databases></limited>
		<strict><password>s3cret</password><networks><ip>127.0.0.1</ip></networks><profile>strict</profile><quota>default</quota></strict>
	</users>
</yandex>
`

// StartClickHouse starts ClickHouse: the program that IMPACTSYNC_CLICKHOUSE names, or
// Debian's. A machine without it skips the test. Its time zone is not UTC.
func StartClickHouse(t *testing.T) *ClickHouse {
	t.Helper()
	return startClickHouse(t, freePort(t), "")
}

// StartClickHousePair starts two servers that are the cluster pair, of a shard each.
func StartClickHousePair(t *testing.T) [2]*ClickHouse {
	t.Helper()
	ports, shards := [2]string{freePort(t), freePort(t)}, ""
	for _, port := range ports {
		shards += "<shard><replica><host>127.0.0.1</host><port>" + port + "</port></replica></shard>"
	}
	cluster := "<remote_servers><pair>" + shards + "</pair></remote_servers>"
	return [2]*ClickHouse{startClickHouse(t, ports[0], cluster), startClickHouse(t, ports[1], cluster)}
}

func startClickHouse(t *testing.T, native, more string) *ClickHouse {
	t.Helper()
	program := os.Getenv("IMPACTSYNC_CLICKHOUSE")
	if program == "" {
		if program = "/usr/sbin/clickhouse-server"; !exists(program) { // where Debian has it
			t.Skip("ClickHouse is not installed: bash .ci/run servers")
		}
	}
	dir, port := t.TempDir(), freePort(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.xml"), fmt.Appendf(nil, clickhouseConfig, dir, port, native, more), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "users.xml"), []byte(clickhouseUsers), 0o600))
	c := &ClickHouse{DSN: "clickhouse://default@127.0.0.1:" + port + "/default", program: program, dir: dir, url: "http://127.0.0.1:" + port + "/"}
	c.Start(t)
	t.Cleanup(func() { c.Kill(t) })
	return c
}

// Start starts the server, if it does not run, and waits until it answers.
func (c *ClickHouse) Start(t *testing.T) {
	t.Helper()
	if c.process != nil {
		return
	}
	c.process = exec.Command(c.program, "--config-file="+filepath.Join(c.dir, "config.xml")) //nolint:gosec,noctx // a program of the machine; it is stopped by Kill
	c.process.Dir = c.dir
	c.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, c.process.Start())
	require.Eventually(t, func() bool { _, err := c.run(t.Context(), "SELECT 1"); return err == nil }, time.Minute, 20*time.Millisecond)
}

// Kill ends the server at once, as a crash does.
func (c *ClickHouse) Kill(t *testing.T) {
	t.Helper()
	if c.process == nil {
		return
	}
	require.NoError(t, c.process.Process.Kill())
	_ = c.process.Wait()
	c.process = nil
}

// Exec runs statements.
func (c *ClickHouse) Exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := c.run(t.Context(), s)
		require.NoError(t, err, "%s", s)
	}
}

// Value returns what a query gives, as text.
func (c *ClickHouse) Value(t *testing.T, query string) string {
	t.Helper()
	text, err := c.run(t.Context(), query)
	require.NoError(t, err, "%s", query)
	return strings.TrimSpace(text)
}

func (c *ClickHouse) run(ctx context.Context, statement string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(statement))
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", text)
	}
	return string(text), err
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
