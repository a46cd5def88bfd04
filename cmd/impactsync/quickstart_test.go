package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var block = regexp.MustCompile("(?s)```(sh|text)\n(.*?)```")

// TestQuickstart runs the page as a reader would, in an empty folder. Only the address
// of the sandbox is another, and it stands in for impact.com as well.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "account-sid"), []byte("IRsandbox\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "auth-token"), []byte("sandbox\n"), 0o600))

	script := "set -euo pipefail\ntrap 'kill $(jobs -p)' EXIT\n"
	var printed []string // what the text blocks promise, by the number of the block before
	steps := 0
	for _, b := range block.FindAllStringSubmatch(read(t, "../../docs/quickstart.md"), -1) {
		if b[1] == "text" {
			printed[len(printed)-1] = b[2]
			continue
		}
		text := strings.ReplaceAll(b[2], "127.0.0.1:8090", address)
		text = strings.Replace(text, `campaignId: "23224"`, fmt.Sprintf("campaignId: %q\n  trackingURL: http://%s\n  apiURL: http://%[2]s", "23224", address), 1)
		steps++
		printed = append(printed, "")
		script += fmt.Sprintf("%s\necho '== %d'\n", text, steps)
	}
	require.Greater(t, steps, 8)
	bash := exec.Command("bash", "-c", script)
	bash.Dir = dir
	var stderr strings.Builder
	bash.Stderr = &stderr
	start := time.Now()
	out, err := bash.Output()
	require.NoError(t, err, "%s\n%s", out, stderr.String())
	t.Logf("%d steps in %s", steps, time.Since(start).Round(10*time.Millisecond))

	rest := string(out)
	for i, want := range printed {
		part, after, found := strings.Cut(rest, fmt.Sprintf("== %d\n", i+1))
		require.True(t, found)
		require.True(t, strings.HasSuffix(part, want), "step %d prints %q, the page promises %q", i+1, part, want)
		rest = after
	}
}
