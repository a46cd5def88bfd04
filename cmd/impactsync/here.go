package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// here adds the --config that was given, and the destination if there are several, to the commands that a text names, so that they
// help where the reader is.
func (a *app) here(text string) string {
	flags := ""
	if a.config != "" && a.config != defaultConfig {
		flags += " --config " + shellWord(a.config)
	}
	if a.destination != "" {
		flags += " --destination " + shellWord(a.destination)
	}
	if flags == "" || a.named == nil {
		return text
	}
	return a.named.ReplaceAllString(text, "${0}"+strings.ReplaceAll(flags, "$", "$$"))
}

// configless are the commands that read no configuration.
var configless = []string{"impactsync completion", "impactsync config", "impactsync config import", "impactsync config init", "impactsync config schema", "impactsync key", "impactsync sandbox", "impactsync version"}

// namedCommands returns what matches the commands that read a configuration.
func namedCommands(root *cobra.Command) *regexp.Regexp {
	var paths []string
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if !c.HasSubCommands() && !slices.Contains(configless, c.CommandPath()) {
			paths = append(paths, regexp.QuoteMeta(c.CommandPath()))
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	return regexp.MustCompile(`\b(` + strings.Join(paths, "|") + `)\b`)
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellWord quotes a word for a shell, if it has to be.
func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
