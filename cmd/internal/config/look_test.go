package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func look(t *testing.T, text string) (*Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "impactsync.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return Look(file, env)
}

func TestLookFindsTheStateWithoutTheSecret(t *testing.T) {
	t.Parallel()
	text := good + "state: {path: /data/state.db}\n"
	for name, broken := range map[string]string{
		"a variable that is not set": strings.Replace(text, "apiKey: s3cret", "apiKey: ${NOT_SET}", 1),
		"a file that is not there":   strings.Replace(text, "apiKey: s3cret", "apiKeyFile: /no/such", 1),
		"another problem":            text + "defaultCurrency: pounds\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := look(t, broken)
			require.NoError(t, err)
			require.Equal(t, "/data/state.db", c.State.Path)
			require.Len(t, c.Warnings, 1)
		})
	}
}

func TestLookWantsToKnowWhereTheStateIs(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]string{
		"no YAML":             "a: [",
		"an unset variable":   good + "state: {path: \"${NOT_SET}/state.db\"}\n",
		"a state of no shape": good + "state: 7\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := look(t, broken)
			var problems Problems
			require.ErrorAs(t, err, &problems)
		})
	}
	_, err := Look(filepath.Join(t.TempDir(), "none.yaml"), env)
	require.ErrorIs(t, err, os.ErrNotExist)
}
