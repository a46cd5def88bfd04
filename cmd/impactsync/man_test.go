package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/stretchr/testify/require"
)

// TestCommandsHaveManPages makes the pages of docs/man. cobra/doc stays out of the
// program, which would be half as large again with the templates that it links.
func TestCommandsHaveManPages(t *testing.T) {
	t.Parallel()
	const dir = "../../docs/man"
	made := t.TempDir()
	root := (&app{}).command()
	root.DisableAutoGenTag = true
	for _, c := range commands(root) {
		c.Long = markdown(c.Long)
		c.DisableFlagsInUseLine = true
	}
	date := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) // of no build: the pages change with the commands only
	require.NoError(t, doc.GenManTree(root, &doc.GenManHeader{Title: "IMPACTSYNC", Section: "1", Source: "impactsync", Manual: "impactsync", Date: &date}, made))
	pages, err := filepath.Glob(made + "/*.1")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(pages), len(commands(root)))
	if *update {
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, os.CopyFS(dir, os.DirFS(made)))
		return
	}
	there, err := filepath.Glob(dir + "/*.1")
	require.NoError(t, err)
	require.Len(t, there, len(pages), "run: go test ./cmd/impactsync -run TestCommands -update")
	for _, page := range pages {
		want, err := os.ReadFile(page)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(dir, filepath.Base(page)))
		require.NoError(t, err)
		if string(want) != string(got) {
			t.Fatalf("docs/man/%s is out of step; run: go test ./cmd/impactsync -run TestCommands -update", filepath.Base(page))
		}
	}
}

// markdown turns a command's text into what cobra/doc reads: exit codes are a section
// of their own, and lines that are indented stay as they are.
func markdown(text string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		if line == "EXIT STATUS\n" {
			line = "# EXIT STATUS\n"
		}
		switch indented := strings.HasPrefix(line, "  "); {
		case indented && !inside:
			b.WriteString("\n```\n" + line)
			inside = true
		case !indented && inside:
			b.WriteString("```\n\n" + line)
			inside = false
		default:
			b.WriteString(line)
		}
	}
	if inside {
		b.WriteString("\n```\n")
	}
	return b.String()
}

func TestEveryCommandHasAnExample(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, c := range commands((&app{}).command()) {
		require.NotEmpty(t, c.Example, "%s: help.go has the examples of those that have none beside their text", c.CommandPath())
		known[strings.TrimPrefix(c.CommandPath(), "impactsync ")] = true
	}
	for path := range examples {
		require.True(t, known[path], "help.go has an example of %q, which is gone", path)
	}
}

// TestHelpFitsATerminal: no line of a help is longer than 80 columns, but for examples,
// which are to be copied.
func TestHelpFitsATerminal(t *testing.T) {
	t.Parallel()
	a := &app{}
	root := a.command()
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		var out strings.Builder
		c.SetOut(&out)
		require.NoError(t, c.Help())
		text := out.String()
		require.Contains(t, text, "Examples:\n"+c.Example)
		for line := range strings.Lines(strings.Replace(text, c.Example, "", 1)) {
			line = strings.TrimRight(line, "\n")
			require.True(t, len(line) <= 80 || strings.Contains(line, "[flags]"), "%s: %q", c.CommandPath(), line)
		}
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				walk(sub)
			}
		}
	}
	walk(root)
}
