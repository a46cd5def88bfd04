package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// withEvents is a configuration with more lines under destination.
func withEvents(lines string) string {
	return strings.Replace(good, "sources:", "  "+lines+"\nsources:", 1)
}

func TestEventNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]EventNames{
		"actionEventNames: [Paid, Sold]":          {Names: []string{"Paid", "Sold"}},
		"actionEventNames: []":                    {Names: []string{}},
		"actionEventNames:":                       {},
		"actionEventNames: {}":                    {},
		"actionEventNames: {only: [Paid]}":        {Only: []string{"Paid"}},
		"actionEventNames: {only: []}":            {Only: []string{}},
		"actionEventNames: {only: }":              {},
		"actionEventNames: [\"${SID}\"]":          {Names: []string{"IRenv"}},
		"actionEventNames:\n    only:\n    - A":   {Only: []string{"A"}},
		"actionEventNames:\n  - 42\n  - \"true\"": {Names: []string{"42", "true"}},
	} {
		c := load(t, withEvents(text))
		require.Equal(t, want, c.Destination.ActionEventNames, text)
		require.Empty(t, c.Warnings, text)
		if !strings.HasSuffix(strings.TrimRight(text, " }"), ":") { // of no key the schema takes an empty value
			require.NoError(t, resolve(t).Validate(asJSON(t, []byte(withEvents(text)))), text)
		}
	}
	c := load(t, withEvents("appInstall: false"))
	require.False(t, c.Destination.AppInstall)
}

func TestEventNamesThatAreNone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"actionEventNames: Paid":                 "want a list, or a mapping with only, not a text",
		"actionEventNames: {except: [Paid]}":     `unknown key "except"`,
		"actionEventNames: {only: Paid}":         "want a list, not a text",
		"actionEventNames: {only: [a], also: 1}": `unknown key "also"`,
	} {
		require.Contains(t, problems(t, withEvents(text)).Error(), want, text)
		require.Error(t, resolve(t).Validate(asJSON(t, []byte(withEvents(text)))), text)
	}
}

func TestANameInTwoListsIsAWarning(t *testing.T) {
	t.Parallel()
	c := load(t, withEvents("actionEventNames: [Paid, PAID]\n  installEventNames: {only: [First Open, ' paid']}\n  pageLoadEventNames: [Order Completed, first open]"))
	require.Len(t, c.Warnings, 2)
	require.Contains(t, c.Warnings[0].String(), `destination.installEventNames.only[1]: " paid" is in destination.actionEventNames too (case does not count), and follows that list`)
	require.Contains(t, c.Warnings[1].String(), `destination.pageLoadEventNames[1]: "first open" is in destination.installEventNames`)
	require.Positive(t, c.Warnings[0].Line)
}
