package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExpand(t *testing.T) {
	t.Parallel()
	lookup := func(name string) (string, bool) {
		value, ok := map[string]string{"A": "one", "B_2": "${A}", "EMPTY": ""}[name]
		return value, ok
	}
	for text, want := range map[string]string{
		"":                "",
		"plain $A {A}":    "plain $A {A}",
		"${A}":            "one",
		"x${A}y${A}z":     "xoneyonez",
		"${B_2}":          "${A}", // once only
		"$${A}":           "${A}",
		"$${A} and ${A}":  "${A} and one",
		"$$${A}":          "$${A}", // the first two are the escape of the third
		"[${EMPTY}]":      "[]",
		"a } before ${A}": "a } before one",
	} {
		got, err := expand(text, lookup)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, want := range map[string]string{
		"${NOPE}":         "the environment variable NOPE is not set",
		"${A} ${NOPE} ${": "the environment variable NOPE is not set",
		"${A":             "without a closing }",
		"${}":             "${} is not a variable name",
		"${A-B}":          "${A-B} is not a variable name",
		"${2}":            "what stands in ${...} is not a variable name",
	} {
		_, err := expand(text, lookup)
		require.ErrorContains(t, err, want, text)
	}
}
