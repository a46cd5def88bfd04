package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/impactsync/impactsync/cmd/internal/terminal"
	"github.com/spf13/cobra"
)

// helpScreen is the screen for a help: longer lines are hard to read.
func (a *app) helpScreen() terminal.Screen {
	s := a.screen
	if s.Width <= 0 || s.Width > 100 {
		s.Width = 100
	}
	if !s.Terminal {
		s.Width = 80
	}
	return s
}

// helpText writes the help of a command.
func (a *app) helpText(c *cobra.Command, _ []string) {
	page := &terminal.Page{Screen: a.helpScreen()}
	fmt.Fprintln(page, reflowed(c.Long))
	w := c.OutOrStdout()
	_, _ = w.Write(page.Bytes())
	a.writeUsage(w, c)
}

// reflowed joins the lines of each paragraph, so that they are broken for the screen.
// What is indented stays as it is.
func reflowed(text string) string {
	var b strings.Builder
	joins := false // whether the next line continues the last one
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		prose := line != "" && line[0] != ' ' && line != "EXIT STATUS"
		switch {
		case joins && prose:
			b.WriteByte(' ')
		case b.Len() > 0:
			b.WriteByte('\n')
		}
		b.WriteString(line)
		joins = prose
	}
	return b.String()
}

// writeUsage writes how a command is used. It is not cobra's own, whose lines are as
// long as the longest description.
func (a *app) writeUsage(w io.Writer, c *cobra.Command) {
	s := a.helpScreen()
	title := func(text string) { fmt.Fprintf(w, "\n%s\n", a.screen.Paint(terminal.Head, text)) }
	title("Usage:")
	if c.Runnable() && !c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "  %s\n", c.UseLine())
	} else {
		fmt.Fprintf(w, "  %s [command]\n", c.CommandPath())
	}
	if c.HasExample() {
		title("Examples:")
		fmt.Fprintln(w, c.Example)
	}
	if c.HasAvailableSubCommands() {
		title("Available Commands:")
		writeCommands(w, s, c)
	}
	if c.HasAvailableLocalFlags() {
		title("Flags:")
		fmt.Fprint(w, c.LocalFlags().FlagUsagesWrapped(s.Width))
	}
	if c.HasAvailableInheritedFlags() {
		title("Global Flags:")
		fmt.Fprint(w, c.InheritedFlags().FlagUsagesWrapped(s.Width))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\n%s [command] --help says more about a command.\n", c.CommandPath())
	}
}

func writeCommands(w io.Writer, s terminal.Screen, c *cobra.Command) {
	page := &terminal.Page{Screen: s}
	table(page, func(w io.Writer) {
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				row(w, "  "+sub.Name(), sub.Short)
			}
		}
	})
	_, _ = w.Write(page.Bytes())
}

// examples are those of commands that have none beside their text.
var examples = map[string]string{
	"impactsync": `  impactsync config init --sandbox     a first configuration
  impactsync plan                      what a run would send
  impactsync run
  impactsync status`,
	"adopt": "  impactsync adopt vip      the hosted connection told impact.com who is vip",
	"approve": `  impactsync approve vip --exits 500
  impactsync approve --conversions 120`,
	"config": `  impactsync config init
  impactsync config check`,
	"config check":  "  impactsync config check --config prod.yaml",
	"config schema": "  impactsync config schema > impactsync.schema.json",
	"daemon":        "  impactsync daemon --listen :9090 --deadline 100m",
	"doctor":        "  impactsync doctor --config prod.yaml",
	"explain": `  impactsync explain u-1042
  impactsync explain u-1042 --json | jq .traits
  impactsync explain SHOP-1001         an order`,
	"file":       "  impactsync file list --status unknown",
	"file list":  "  impactsync file list --limit 10",
	"file show":  "  impactsync file show conversions_20261128T020405Z_12_k3v9q2xa_item.csv",
	"file retry": "  impactsync file retry conversions_20261128T020405Z_12_k3v9q2xa_item.csv",
	"notify":     "  impactsync notify test",
	"receive":    "  impactsync receive --metrics-listen :9091",
	"refused": `  impactsync refused list --class identifier
  impactsync refused retry --audience vip`,
	"refused drop":  "  impactsync refused drop --class identifier --older-than 720h",
	"refused list":  "  impactsync refused list --audience vip --limit 20",
	"refused retry": "  impactsync refused retry --class parameter      after the mapping was corrected",
	"rejected":      "  impactsync rejected list --source web",
	"rejected drop": "  impactsync rejected drop --source web",
	"rejected list": "  impactsync rejected list --limit 20",
	"resend":        "  impactsync resend SHOP-1001",
	"resync":        "  impactsync resync vip      impact.com lost what it was told of vip",
	"state": `  impactsync state check
  impactsync state backup /backups/state-$(date +%F).db`,
	"state backup":  "  impactsync state backup /backups/state-$(date +%F).db",
	"state check":   "  impactsync state check",
	"state compact": "  impactsync state compact",
	"state migrate": "  impactsync state backup before.db && impactsync state migrate",
	"state restore": "  impactsync state restore /backups/state-2026-11-27.db",
	"told":          "  impactsync told show",
	"told create":   "  impactsync told create\n  impactsync told create --lost        after the tables were dropped",
	"told drop":     "  impactsync state move --to local && impactsync told drop",
	"told show":     "  impactsync told show",
	"version":       "  impactsync version --json",
}

// exemplify gives examples to the commands that have none.
func exemplify(c *cobra.Command) {
	if path := strings.TrimPrefix(c.CommandPath(), "impactsync "); c.Example == "" {
		c.Example = examples[path]
	}
	for _, sub := range c.Commands() {
		exemplify(sub)
	}
}
