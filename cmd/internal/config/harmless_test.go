package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A problem never repeats what may be a secret or an address, wherever it stands.
func TestProblemsKeepSecrets(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, secret string }{
		"a token as a key":            {"destination:\n  tok-SECRET-1234567890: apiKey\n", "SECRET"},
		"a token as a key at the top": {"sgp_Zq8hT2kLw0PzR7vN5xYc3mB1: x\n", "Zq8h"},
		"a short password as a key":   {"destination:\n  s3cr3t!: x\n", "s3cr3t"},
		"an address as a key":         {"destination:\n  jane@example.com: x\n", "jane"},
		"a token twice":               {"destination:\n  tok-SECRET-1: x\n  tok-SECRET-1: y\n", "SECRET"},
		"a token as a number":         {"delivery:\n  workers: tok-SECRET-1234567890\n", "SECRET"},
		"a hash as a number":          {"delivery:\n  workers: 63a710569261a24b3766275b7000ce8d\n", "63a71"},
		"a token as a duration":       {"delivery:\n  requestTimeout: s3cr3t\n", "s3cr3t"},
		"a token as a word":           {"delivery:\n  unknown: {pageLoads: s3cr3t}\n", "s3cr3t"},
		"an address as a time":        {"sources:\n  - {name: a, kind: events, url: 'file:///x/', startAt: jane@example.com}\n", "jane"},
		"an address as an event":      {"destination:\n  eventTypeIds: {jane@example.com: x}\n", "jane"},
		"a token as a parameter":      {"destination:\n  customParameterMapping: {Zq8hT2kLw0PzR7vN5xYc3mB1: ''}\n", "Zq8h"},
		"an address as a name":        {"sources:\n  - {name: jane@example.com, kind: events, url: 'file:///x/'}\n  - {name: jane@example.com, kind: events, url: 'file:///y/'}\n", "jane"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := decode([]byte(tt.text), "c.yaml", "/", func(string) (string, bool) { return "", false })
			require.NotEmpty(t, problems)
			require.NotContains(t, problems.Error(), tt.secret)
		})
	}

	t.Run("what is plainly a slip is repeated", func(t *testing.T) {
		t.Parallel()
		text := "destination:\n  apiKeys: x\n  nonsense: x\n  campaignid: x\n  conversionsPerHour: 4\ndelivery:\n  workers: ten\n  requestTimeout: 10 sec\n  coalesce: 12.5h\n"
		_, problems := decode([]byte(text), "c.yaml", "/", func(string) (string, bool) { return "", false })
		for _, want := range []string{`"apiKeys" (did you mean apiKey?)`, `"nonsense"`, `"campaignid"`, `"conversionsPerHour" (it belongs under delivery)`, `"10 sec"`} {
			require.Contains(t, problems.Error(), want)
		}
	})
}

func TestLargeFiles(t *testing.T) {
	t.Parallel()

	t.Run("a file beyond 1 MB is not parsed", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "c.yaml")
		require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("# nothing\n", 200_000)), 0o600))
		_, err := Load(path, os.LookupEnv)
		require.ErrorContains(t, err, path+" is larger than 1 MB")
	})

	t.Run("nor is one without an end", func(t *testing.T) {
		t.Parallel()
		_, err := Load("/dev/zero", os.LookupEnv)
		require.ErrorContains(t, err, "larger than 1 MB")
	})

	t.Run("no more than a hundred problems are listed", func(t *testing.T) {
		t.Parallel()
		_, problems := decode([]byte(strings.Repeat("nonsense: x\n", 500)), "c.yaml", "/", os.LookupEnv)
		require.LessOrEqual(t, len(problems), mostProblems+20) // and what is missing
	})
}

func TestProblemsKeepTheirCause(t *testing.T) {
	t.Parallel()
	p := Problems{{Message: "a"}, {Message: "read the Auth Token", cause: syscall.EMFILE}}
	require.ErrorIs(t, p, syscall.EMFILE)
	require.NotErrorIs(t, p[:1], syscall.EMFILE)
}
