package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHintsForUnknownKeys(t *testing.T) {
	t.Parallel()
	known := []string{"workers", "coalesce", "requestTimeout"}
	for unknown, want := range map[string]string{
		"worker":                       "did you mean workers?",
		"WORKERS":                      "did you mean workers?",
		"requesttimeout":               "did you mean requestTimeout?",
		"maxJoins":                     "it belongs under guard",
		"startAt":                      "it belongs under sources",
		"only":                         "it belongs under destination.actionEventNames",
		"bandwidth":                    "known here: workers, coalesce, requestTimeout",
		"workersworkersworkersworkers": "known here: workers, coalesce, requestTimeout",
	} {
		hint, near := suggest(unknown, known)
		require.Equal(t, want, hint, unknown)
		require.Equal(t, unknown[:1] != "b" && len(unknown) < 20, near, unknown)
	}
}

func TestEditDistance(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"", "abc"}: 3, {"abc", ""}: 3, {"abc", "abc"}: 0, {"abc", "abd"}: 1, {"abc", "ab"}: 1, {"kitten", "sitting"}: 3, {"ab", "ba"}: 2,
	} {
		require.Equal(t, want, editDistance(pair[0], pair[1]), "%q and %q", pair[0], pair[1])
	}
}
