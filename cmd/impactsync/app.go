package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/telemetry"
	"github.com/impactsync/impactsync/cmd/internal/terminal"
	"github.com/impactsync/impactsync/sync/daemon"
	"github.com/spf13/cobra"
)

// app is what all commands share: the streams, and the flags that every command has.
type app struct {
	stdin             io.Reader
	stdout, stderr    io.Writer
	outFile           io.Writer       // where stdout ends
	screen, errScreen terminal.Screen // what stdout and stderr are
	speech            speech
	log               *slog.Logger

	args    []string                        // the command line
	config  string                          // --config
	json    bool                            // --json
	named   *regexp.Regexp                  // the commands that read the configuration
	network bool                            // --allow-network-filesystem
	pulse   daemon.Pulse                    // of the daemon's runs
	next    func(after time.Time) time.Time // by the daemon's schedule; nil for other commands
	phases  telemetry.Phases                // of the last run
	pings   pings                           // of the run under way
	started bool                            // the command line was parsed, and a command runs

	metricsFile string // --metrics-file
	destination string // --destination, or the one whose turn it is
	turn        *turn  // of several destinations; nil if the command is about one
}

// run runs the program, and returns its exit code.
func run(args []string) int {
	a := &app{stdin: os.Stdin, outFile: os.Stdout, stderr: os.Stderr, args: args}
	root := a.command()
	a.screens()
	a.log = a.logger(a.stderr)
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(context.Background())
	if err != nil && !a.started {
		err = usage(helpHint, "%w", err)
	}
	return a.fail(err)
}

// command builds the tree of commands.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "impactsync",
		Short: "Tell impact.com what changed in Segment, and only that",
		Long: `impactsync reads audiences, computed traits and messages that Segment wrote to a
bucket, keeps what impact.com was sent in one SQLite file, and sends impact.com
exactly what changed.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			a.started = true
			return a.speak(c)
		},
	}
	root.PersistentFlags().StringVar(&a.config, "config", defaultConfig, "configuration file")
	root.PersistentFlags().StringVar(&a.destination, "destination", a.destination, "the one of several destinations (`name`) that is meant; without it, most commands go over all")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print results and errors as JSON")
	root.PersistentFlags().BoolVar(&a.network, "allow-network-filesystem", false, "accept a state file on NFS, SMB, FUSE or the like, at your own risk")
	a.speechFlags(root)
	root.PersistentFlags().StringVar(&a.metricsFile, "metrics-file", "", "write Prometheus metrics to this `file` after each run")
	root.AddCommand(
		a.runCommand(), a.planCommand(), a.statusCommand(), a.explainCommand(),
		a.refusedCommand(), a.rejectedCommand(), a.fileCommand(), a.approveCommand(), a.adoptCommand(), a.resyncCommand(), a.reconcileCommand(), a.resendCommand(),
		a.forgetCommand(), a.reportCommand(), a.uiCommand(), a.doctorCommand(), a.daemonCommand(), a.receiveCommand(), a.sandboxCommand(), a.audiencesCommand(), a.auditCommand(), a.keyCommand(),
		a.configCommand(), a.notifyCommand(), a.stateCommand(), a.toldCommand(), a.completionCommand(), a.versionCommand(),
	)
	root.SetHelpFunc(a.helpText)
	root.CompletionOptions.DisableDefaultCmd = true // there is one of our own, with examples and exit codes
	exemplify(root)
	if a.turn == nil { // cobra keeps them for good
		a.completions(root)
		speechWords(root)
	}
	a.overAll(root)
	a.named = namedCommands(root)
	// Not cobra's own --version: it takes a template, and the linker cannot remove unused
	// methods from a program with templates in it, which would be half as large again.
	version := root.Flags().Bool("version", false, "version for impactsync")
	other := group(root).RunE
	root.RunE = func(c *cobra.Command, args []string) error {
		if !*version && (!a.speech.verbose || len(args) > 0) { // -v alone has always been the version
			return other(c, args)
		}
		name, _ := build()
		fmt.Fprintln(c.OutOrStdout(), name)
		return nil
	}
	return root
}

// defaultConfig is the configuration file without --config.
const defaultConfig = "impactsync.yaml"

const helpHint = "impactsync --help lists commands and flags"

// group makes a command with subcommands refuse other words, which cobra would
// answer with the help and exit 0.
func group(c *cobra.Command) *cobra.Command {
	c.SuggestionsMinimumDistance = 2
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			if json, _ := c.Flags().GetBool("json"); !json {
				c.SetOut(c.ErrOrStderr())
				_ = c.Help()
			}
			return usage("", "%s needs a command", c.CommandPath())
		}
		text := fmt.Sprintf("there is no command %q of %s", args[0], c.CommandPath())
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			most := slices.MinFunc(near, func(x, y string) int { return distance(x, args[0]) - distance(y, args[0]) })
			text += fmt.Sprintf("; did you mean %q?", most)
		}
		return usage(helpHint, "%s", text)
	}
	return c
}

// distance returns by how many letters two words differ in length: of several words
// that are near, the one whose letters were swapped is meant.
func distance(x, y string) int { return max(len(x)-len(y), len(y)-len(x)) }
