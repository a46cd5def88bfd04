package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func (a *app) configInit() *cobra.Command {
	var sandbox bool
	answers := map[string]*string{}
	c := &cobra.Command{
		Use:   "init",
		Short: "Write a first configuration, by five questions",
		Long: `Ask for the account, where its token is, the program, your home page and where the
inputs are, and write a commented configuration that config check accepts. A flag
answers its question beforehand; answers may also be piped, one a line, an empty one
for the default. With --sandbox nothing is asked: the file is for impactsync sandbox.

The file is the one that --config names. One that exists is never overwritten.` +
			exits("written", exitUsageLine+", or the file exists"),
		Example: `  impactsync config init
  impactsync config init --sandbox
  impactsync config init --config prod.yaml --account-sid IRabc --token /run/secrets/auth-token \
      --campaign 23224 --page-url https://www.example.com/ --input s3://bucket/segment-logs/ --input /data/audiences`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.initConfig(c, answers, sandbox) },
	}
	for _, q := range config.Questions {
		if q.Flag != "input" {
			answers[q.Flag] = c.Flags().String(q.Flag, "", question(q))
		}
	}
	c.Flags().StringArray("input", nil, "a folder or URL of the inputs (repeatable), after events= or audiences= if it does not tell")
	c.Flags().BoolVar(&sandbox, "sandbox", false, "write one for the sandbox, without questions")
	return c
}

func question(q config.Question) string {
	return strings.ToLower(q.Text[:1]) + q.Text[1:]
}

func (a *app) initConfig(c *cobra.Command, answers map[string]*string, sandbox bool) error {
	if _, err := os.Lstat(a.config); err == nil {
		return usage("name another file with --config, or remove it", "%s exists, and is not overwritten", a.config)
	}
	inputs, _ := c.Flags().GetStringArray("input")
	given := strings.Join(inputs, " ")
	answers["input"] = &given
	s, err := config.Starter{}, error(nil)
	if sandbox {
		s = config.SandboxStarter()
	}
	if err := a.ask(c, &s, answers); err != nil {
		return err
	}
	if err = write(a.config, s); err != nil {
		return usage("", "write the configuration: %w", err)
	}
	view := struct {
		File  string   `json:"file"`
		Needs []string `json:"environment,omitempty"`
	}{a.config, s.Needs()}
	return a.result(view, nil, func(w io.Writer) { a.nextSteps(w, s) })
}

// ask takes the answers of flags, and asks for the others unless the file is for the
// sandbox.
func (a *app) ask(c *cobra.Command, s *config.Starter, answers map[string]*string) error {
	in, people := bufio.NewReader(a.stdin), false
	if f, ok := a.stdin.(*os.File); ok {
		people = term.IsTerminal(int(f.Fd()))
	}
	for _, q := range config.Questions {
		if c.Flags().Changed(q.Flag) {
			if err := q.Answer(s, *answers[q.Flag]); err != nil {
				return usage("", "--%s: %w", q.Flag, err)
			}
			continue
		}
		for !s.Sandbox {
			answer, err := a.prompt(in, q)
			if err == nil {
				err = q.Answer(s, answer)
			}
			if err == nil {
				break
			}
			if !people || errors.Is(err, io.EOF) {
				return usage("answer on stdin, one line for each question, or by flags: impactsync config init --help", "--%s: %w", q.Flag, err)
			}
			fmt.Fprintln(a.stderr, "  "+plain(err.Error()))
		}
	}
	return nil
}

// prompt asks one question.
func (a *app) prompt(in *bufio.Reader, q config.Question) (string, error) {
	text := q.Text
	if q.Default != "" {
		text += " [" + q.Default + "]"
	}
	fmt.Fprintf(a.stderr, "%s:\n> ", text)
	line, err := in.ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = nil
	}
	if err != nil {
		return "", fmt.Errorf("no answer to: %s: %w", q.Text, err)
	}
	return cmp.Or(strings.TrimSpace(line), q.Default), nil
}

// write creates the file, and the folders for a trial's inputs.
func write(path string, s config.Starter) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(s.YAML())
	if err := errors.Join(err, f.Close()); err != nil || !s.Sandbox {
		return err
	}
	for _, dir := range s.Folders() {
		if err := os.MkdirAll(filepath.Join(filepath.Dir(path), filepath.FromSlash(dir)), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// nextSteps says what to do with the file.
func (a *app) nextSteps(w io.Writer, s config.Starter) {
	fmt.Fprintf(w, "%s: written\n\nNext:\n", a.config)
	table(w, func(w io.Writer) {
		if s.Sandbox {
			for _, dir := range s.Folders() {
				row(w, "  cp VIP.csv "+filepath.Join(filepath.Dir(a.config), dir)+"/", "a list of yours: a header user_id, and an id a line")
			}
			row(w, "  impactsync sandbox --log calls.ndjson &", "a stand-in for impact.com")
			row(w, a.here("  impactsync plan"), "what a run would send")
			row(w, a.here("  impactsync run"), "calls.ndjson has what it sent")
			return
		}
		for _, name := range s.Needs() {
			row(w, "  export "+name+"=...")
		}
		row(w, a.here("  impactsync config check"), "what is wrong with the file")
		row(w, a.here("  impactsync doctor"), "whether everything can be reached")
		row(w, a.here("  impactsync plan"), "what a run would send")
	})
}
