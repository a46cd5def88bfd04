package browser

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shop is a folder with a configuration, its input and its state, made by real runs
// against the sandbox.
type shop struct {
	dir string
	bin string
}

// open makes the sample shop's folder, with a sandbox of its own.
func open(t *testing.T) *shop {
	t.Helper()
	bin, err := filepath.Abs("../../bin/impactsync")
	require.NoError(t, err)
	require.FileExists(t, bin, "make build comes first")
	s := &shop{t.TempDir(), bin}
	require.NoError(t, os.CopyFS(s.dir, os.DirFS("../../examples/shop/step1")))
	url := s.sandbox(t)
	config, err := os.ReadFile("../../examples/shop/impactsync.yaml")
	require.NoError(t, err)
	text := strings.NewReplacer(
		"http://127.0.0.1:8090", url,
		"pageLoadsPerSecond: 0", "pageLoadsPerSecond: 300",
		"conversionsPerHour: 0", "conversionsPerHour: 900",
		"atLeast: 100", "atLeast: 20",
		"    url: file://./audiences/", "    url: file://./audiences/\n    maxAge: 26h",
	).Replace(string(config))
	s.write(t, "impactsync.yaml", text+"conversions: {verify: all}\n")
	return s
}

func (s *shop) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(s.dir, name)), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
}

// sandbox starts a stand-in for impact.com, which ends with the test.
func (s *shop) sandbox(t *testing.T) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), s.bin, "sandbox", "--listen", "127.0.0.1:0", "--account-sid", "IRsandboxAccount", "--auth-token", "sandbox-token", "--rate-limit", "1000/h", "--seed", "1")
	return started(t, c, "listening on ")
}

// started starts a command and returns what it prints after a prefix.
func started(t *testing.T, c *exec.Cmd, prefix string) string {
	t.Helper()
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 10 * time.Second
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(strings.TrimPrefix(line, prefix))
}

// run runs the program in the folder, and wants one of the exit codes.
func (s *shop) run(t *testing.T, codes []int, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, s.bin, args...)
	c.Dir = s.dir
	var out, fault bytes.Buffer
	c.Stdout, c.Stderr = &out, &fault
	err := c.Run()
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		require.NoError(t, err)
	}
	require.Contains(t, codes, code, "%v\n%s%s", args, &out, &fault)
	return out.String()
}

// sql changes the state as no program does: only a month makes the history of a month.
func (s *shop) sql(t *testing.T, text string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sqlite3", "-bail", filepath.Join(s.dir, "state.db"))
	c.Stdin = strings.NewReader(text)
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// seed makes a month of history and a last run with something of everything: a list
// that shrank, one that is gone, faulty orders, faulty lines and names that mean harm.
func (s *shop) seed(t *testing.T) {
	t.Helper()
	s.run(t, []int{3}, "run")
	s.sql(t, history(30*24*time.Hour, 2*time.Hour))
	require.NoError(t, os.CopyFS(filepath.Join(s.dir, "second"), os.DirFS("../../examples/shop/step2")))
	s.move(t, "second")
	s.run(t, []int{3}, "run")

	s.write(t, "audiences/VIP.csv", firstLines(t, filepath.Join(s.dir, "audiences/VIP.csv"), 31))
	require.NoError(t, os.Remove(filepath.Join(s.dir, "audiences/Loyalty Points.csv")))
	s.write(t, "segment-logs/web/late/harm.json", orders(time.Now()))
	for name, key := range harmful {
		s.write(t, "audiences/"+name+".csv", "user_id\nu-"+key+"\n<img src=x onerror=alert(1)>\n\u202eabc\u2066\n")
	}
	s.run(t, []int{5}, "run")
	s.run(t, []int{0}, "approve", "vip", "--exits", "10")
}

// move puts the files of a folder over the shop's.
func (s *shop) move(t *testing.T, from string) {
	t.Helper()
	root := filepath.Join(s.dir, from)
	require.NoError(t, filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		to := filepath.Join(s.dir, rel)
		return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.Rename(name, to))
	}))
}

// harmful are names of lists, with a word for their members.
var harmful = map[string]string{
	`<script>alert(1)<`:                            "script",
	`"quotes" & 'more'`:                            "quotes",
	`Très ` + strings.Repeat("long ", 40) + `name`: "long",
	"\u202eשלום right to left":                     "rtl",
}

// orders are messages of orders: good ones, and some that cannot be sent.
func orders(now time.Time) string {
	var b strings.Builder
	for i := range 60 {
		at := now.Add(-time.Duration(i*11) * time.Hour).UTC().Format(time.RFC3339)
		price := `19.9`
		if i%9 == 4 {
			price = `"free <b>"`
		}
		fmt.Fprintf(&b, `{"type":"track","event":"Order Completed","messageId":"harm-%d","userId":"buyer-%d","timestamp":%q,"originalTimestamp":%q,`, i, i%20, at, at)
		fmt.Fprintf(&b, `"properties":{"order_id":"H-%d","currency":%q,"products":[{"product_id":"p<%d>","price":%s,"quantity":%d}]}}`+"\n",
			i, []string{"USD", "EUR", "GBP"}[i%3], i, price, 1+i%4)
	}
	b.WriteString("{\"type\":\"track\",\"event\":\"<script>alert('event')</script>\",\"messageId\":\"m1\",\"userId\":\"buyer-1\",\"timestamp\":\"" + now.UTC().Format(time.RFC3339) + "\"}\n")
	b.WriteString("no JSON at all <b>\n")
	return b.String()
}

func firstLines(t *testing.T, name string, n int) string {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return strings.Join(strings.SplitAfter(string(data), "\n")[:n], "")
}

// history returns SQL that puts runs before the only one there is, each with what it
// counted and how each trait stood; two days of them are missing.
func history(long, every time.Duration) string {
	return fmt.Sprintf(`
CREATE TEMP TABLE h (run INTEGER PRIMARY KEY, at INTEGER, code INTEGER);
WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < %[1]d)
INSERT INTO h SELECT i + 1, (unixepoch('now') - %[2]d + i * %[3]d) * 1000000000,
  CASE WHEN i %% 97 = 50 THEN 1 WHEN i %% 31 = 7 THEN 4 WHEN i %% 23 = 5 THEN 3 ELSE 0 END FROM n
  WHERE i * %[3]d < %[2]d - 3600 AND i * %[3]d NOT BETWEEN %[2]d - 950400 AND %[2]d - 777600;
UPDATE runs SET started_at = started_at - %[2]d * 1000000000, ended_at = ended_at - %[2]d * 1000000000, heartbeat_at = ended_at WHERE run = 1;
UPDATE trait_runs SET at = at - %[2]d * 1000000000;
INSERT INTO runs (run, kind, started_at, ended_at, heartbeat_at, exit_code, pid, host, version, pending, held, note)
  SELECT run, 'run', at, at + 42000000000 + run * 100000000, at, code, 7, 'history', 'v0', iif(code = 4, 40 + run %% 90, 0), 0,
    CASE code WHEN 1 THEN 'every request failed (24) at the tracking host' WHEN 4 THEN 'still due: the deadline came' WHEN 3 THEN 'some were refused' ELSE '' END FROM h;
INSERT INTO run_counters SELECT run, 'read', 4000 + run * 37 %% 900 FROM h UNION ALL SELECT run, 'found', 160 + run * 53 %% 211 FROM h
  UNION ALL SELECT run, 'delivered', iif(code = 1, 3, 150 + run * 53 %% 211) FROM h UNION ALL SELECT run, 'refused', run %% 17 FROM h WHERE code = 3
  UNION ALL SELECT run, 'requests', 150 + run * 53 %% 211 FROM h;
INSERT INTO trait_runs (trait_id, run, at, wanted, delivered, pending, held, refused, joins, leaves)
  SELECT t.trait_id, h.run, h.at + 42000000000, t.wanted + (h.run * (7 + t.trait_id)) %% 41 - h.run / 9, t.delivered + (h.run * (7 + t.trait_id)) %% 41 - h.run / 9 - iif(h.code = 4, 20, 0), 0, 0, 0,
    (h.run * 5 + t.trait_id) %% 13, (h.run * 3 + t.trait_id) %% 11
  FROM h, (SELECT trait_id, wanted, delivered FROM trait_runs WHERE run = 1) t WHERE h.at > (unixepoch('now') - 92 * 86400) * 1000000000;
INSERT OR IGNORE INTO requests_sent SELECT 'tracking', unixepoch('now') / 60 - m.value, 200 + m.value * 7 %% 900 FROM generate_series(70, 1430) m WHERE m.value %% 120 < 12;
INSERT OR IGNORE INTO requests_sent SELECT 'api', unixepoch('now') / 60 - m.value, 5 + m.value %% 12 FROM generate_series(70, 1430) m WHERE m.value %% 120 < 20;
`, int(long/every), int(long.Seconds()), int(every.Seconds()))
}
