package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	"github.com/impactsync/impactsync/cmd/internal/terminal"
	"github.com/spf13/cobra"
)

// speech is what the flags say about how the program talks.
type speech struct {
	quiet, verbose bool
	format, level  choiceOf
	color          choiceOf
}

// The values of --log-format.
const (
	formatText = "text"
	formatJSON = "json"
)

var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// choiceOf is the value of a flag that must be one of some words.
type choiceOf struct {
	value string
	words []string
}

func (c *choiceOf) String() string { return c.value }

// Type is what the help shows.
func (c *choiceOf) Type() string { return strings.Join(c.words, "|") }

// Set refuses other words.
func (c *choiceOf) Set(value string) error {
	if !slices.Contains(c.words, value) {
		return fmt.Errorf("must be one of %s", strings.Join(c.words, ", "))
	}
	c.value = value
	return nil
}

// speechFlags adds the flags to all commands.
func (a *app) speechFlags(root *cobra.Command) {
	s, f := &a.speech, root.PersistentFlags()
	s.format.words = []string{formatText, formatJSON}
	s.level = choiceOf{"info", []string{"debug", "info", "warn", "error"}}
	s.color = choiceOf{terminal.Auto, []string{terminal.Auto, terminal.Always, terminal.Never}}
	f.BoolVarP(&s.quiet, "quiet", "q", false, "log warnings and errors only, and show no progress")
	f.BoolVarP(&s.verbose, "verbose", "v", false, "log every object that is read and every request, too")
	f.Var(&s.format, "log-format", "format of the log; default text on a terminal, otherwise json")
	f.Var(&s.level, "log-level", "lowest level that is logged")
	f.Var(&s.color, "color", "colours; auto means on a terminal, unless NO_COLOR is set")
}

// speechWords teaches the shell their words.
func speechWords(root *cobra.Command) {
	for _, name := range []string{"log-format", "log-level", "color"} {
		words := root.PersistentFlags().Lookup(name).Value.(*choiceOf).words
		must(root.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)))
	}
}

// speak applies the flags.
func (a *app) speak(c *cobra.Command) error {
	given := 0
	for _, name := range []string{"quiet", "verbose", "log-level"} {
		if c.Flags().Changed(name) {
			given++
		}
	}
	if given > 1 {
		return usage(helpHint, "one of --quiet, --verbose and --log-level at a time")
	}
	a.screens()
	a.log = a.logger(a.stderr)
	return nil
}

// screens finds out what the streams are, as far as they are files.
func (a *app) screens() {
	if f, ok := a.outFile.(*os.File); ok {
		a.screen = terminal.Of(f, a.speech.color.value, os.LookupEnv)
		a.stdout = a.screen.Writer(f)
	}
	if f, ok := a.stderr.(*os.File); ok {
		a.errScreen = terminal.Of(f, a.speech.color.value, os.LookupEnv)
	}
}

// logger returns a logger to w, which is stderr or bars on it.
func (a *app) logger(w io.Writer) *slog.Logger {
	s := &a.speech
	level := levels[s.level.value]
	switch {
	case s.quiet:
		level = slog.LevelWarn
	case s.verbose:
		level = slog.LevelDebug
	}
	text := s.format.value == formatText || s.format.value == "" && a.errScreen.Terminal
	if text && a.errScreen.Colour {
		w = a.errScreen.LogWriter(w)
	}
	log := telemetry.Logger(w, text, level)
	if a.destination != "" {
		log = log.With("destination", a.destination)
	}
	return log
}

// bars reports whether progress is drawn: on a terminal, and neither into a log of JSON
// nor beside that of another destination.
func (a *app) bars() bool {
	return a.turn == nil && a.errScreen.Terminal && !a.speech.quiet && a.speech.format.value != formatJSON
}

// must is for errors of a program that is written wrongly.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
