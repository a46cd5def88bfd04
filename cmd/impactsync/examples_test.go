package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/stretchr/testify/require"
)

// TestSystemdUnits asks systemd itself, where it is installed.
func TestSystemdUnits(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("no systemd-analyze")
	}
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	for _, name := range []string{"impactsync.service", "impactsync.timer", "impactsync-receive.service"} {
		unit, err := os.ReadFile("../../examples/systemd/" + name)
		require.NoError(t, err)
		text := strings.Replace(string(unit), "ExecStart=/usr/bin/impactsync ", "ExecStart="+self+" ", 1) // verify wants a program that is there
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	analyze := func(args ...string) (string, error) {
		c := exec.Command("systemd-analyze", args...)
		c.Dir, c.Env = dir, append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":", "SYSTEMD_LOG_LEVEL=warning")
		out, err := c.CombinedOutput()
		return string(out), err
	}
	out, err := analyze("verify", "./impactsync.service", "./impactsync.timer", "./impactsync-receive.service")
	require.NoError(t, err, out)
	require.NotContains(t, out, ".service:", "a key that systemd does not know")
	for _, name := range []string{"./impactsync.service", "./impactsync-receive.service"} {
		out, err = analyze("security", "--offline=true", "--no-pager", "--threshold=14", name)
		require.NoError(t, err, out)
	}
	broken := strings.Replace(read(t, filepath.Join(dir, "impactsync.service")), "ProtectSystem=strict", "ProtectSytem=strict", 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "impactsync.service"), []byte(broken), 0o600))
	out, _ = analyze("verify", "./impactsync.service")
	require.Contains(t, out, "ProtectSytem", "the check can fail")
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

var (
	pythonBlock = regexp.MustCompile("(?s)```python\n(.*?)```")
	codesIn     = regexp.MustCompile(`code in \(([\d, ]+)\)`)
)

// TestOrchestratorSnippets compiles them, and compares their exit codes with ours:
// each code is a success, a failure for good, or tried again.
func TestOrchestratorSnippets(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	blocks := pythonBlock.FindAllStringSubmatch(read(t, "../../docs/orchestrators.md"), -1)
	require.Len(t, blocks, 2)
	for _, block := range blocks {
		if err == nil {
			c := exec.Command(python, "-c", "import ast, sys; ast.parse(sys.stdin.read())")
			c.Stdin = strings.NewReader(block[1])
			out, err := c.CombinedOutput()
			require.NoError(t, err, string(out))
		}
		var sets [][]int
		for _, m := range codesIn.FindAllStringSubmatch(block[1], -1) {
			var set []int
			for text := range strings.SplitSeq(m[1], ", ") {
				code, err := strconv.Atoi(text)
				require.NoError(t, err)
				set = append(set, code)
			}
			sets = append(sets, set)
		}
		require.Equal(t, [][]int{{impactsync.ExitOK, impactsync.ExitUnfinished}, {
			impactsync.ExitRefused, impactsync.ExitHeld, impactsync.ExitCredentials, impactsync.ExitState, impactsync.ExitUsage, impactsync.ExitInterrupted,
		}}, sets)
		for _, s := range impactsync.ExitStatuses {
			again := s.Code == impactsync.ExitFailed || s.Code == impactsync.ExitLocked
			require.NotEqual(t, again, slices.Contains(slices.Concat(sets...), s.Code), s.Code)
		}
	}
}
