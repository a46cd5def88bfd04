package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/impactsync/impactsync/impactapi/sandbox"
	"github.com/stretchr/testify/require"
)

// TestKilledWhileAnInstallIsAskedFor kills the program around the question for
// an install's click: the next run asks once more at most, and the conversion has
// the click.
func TestKilledWhileAnInstallIsAskedFor(t *testing.T) {
	t.Parallel()
	for at, most := range map[string]map[string]int{
		"before an install is asked for#1": {"/AppInstall": 1, "/Conversions": 1},
		"taken#1":                          {"/AppInstall": 2, "/Conversions": 1},
		"before a request#1":               {"/AppInstall": 2, "/Conversions": 1},
		"taken#2":                          {"/AppInstall": 2, "/Conversions": 2},
		"before settling#1":                {"/AppInstall": 2, "/Conversions": 2},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := newStory(t, 7, sandbox.Config{})
			s.write("lists/.keep", "")
			s.write("events/a.ndjson", `{"type":"track","event":"Application Installed","messageId":"i1","anonymousId":"a1","timestamp":"`+
				time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)+`","context":{"page":{"url":"https://shop.example/app"}}}`+"\n")
			s.write("impactsync.yaml", strings.Replace(s.config(""), "  - {name: exports, kind: audiences, url: file://./lists/}\n", "", 1))
			s.dieAt(at)
			require.Equal(t, 1, s.kills)
			require.LessOrEqual(t, s.claimed, 1)
			c := s.start("impactsync")
			require.NoError(t, c.Wait(), "%s", c.Stderr)
			sent := map[string]int{}
			for _, call := range s.calls() {
				path := strings.TrimPrefix(call.Path, "/Advertisers/IR1")
				sent[path]++
				click, _ := call.Form.Get("ClickId")
				require.Equal(t, path == "/Conversions", click != "", path)
			}
			require.Equal(t, most, sent)
			require.Zero(t, s.number(filepath.Join(s.dir, "db", "state.db"), `SELECT count(*) FROM deliveries WHERE status > 0`))
		})
	}
}
