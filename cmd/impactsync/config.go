package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/spf13/cobra"
)

func (a *app) configCommand() *cobra.Command {
	c := group(&cobra.Command{
		Use:   "config",
		Short: "Write a first configuration, check one, print its schema, or import one from Segment",
		Long:  "Write a first configuration file, check one, print its JSON schema, or make one from Segment's settings." + exits("done", exitUsageLine),
	})
	c.AddCommand(
		&cobra.Command{
			Use:   "schema",
			Short: "Print the JSON schema of the configuration file",
			Long:  "Print the JSON schema (draft 2020-12) of the configuration file, for editors and for checks before a rollout." + exits("printed", exitUsageLine),
			Args:  cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				return a.write(config.Schema())
			},
		},
		a.configCheck(), a.configInit(), a.configImport(),
	)
	return c
}

func (a *app) configCheck() *cobra.Command {
	var online bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration file",
		Long: `Check the configuration file: keys, types, secrets, names and settings. It reports all
problems at once, with line and column, and lists the event names in effect, with the
defaults. It uses no network, unless --online has it ask impact.com for what the
configuration names: account, program, event types, and what the token may read. It
then also tries the databases of sources and the server for files of conversions.` +
			exits("it can be used; there may be warnings", "1   with --online: impact.com, a database or the server for files does not answer", "11  with --online: impact.com refused the credentials", "12  with --online: a schema for what impact.com was told is another state's or has lost rows", "64  it cannot"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !online {
				return a.checkConfig()
			}
			ctx, stop := withSignals(c.Context())
			defer stop()
			return a.online(ctx)
		},
	}
	c.Flags().BoolVar(&online, "online", false, "ask impact.com, the databases of sources and the server for files, too; it sends nothing")
	return c
}

func (a *app) checkConfig() error {
	c, err := config.Load(a.config, os.LookupEnv)
	if err == nil {
		c, err = c.Of(a.destination)
	}
	if err != nil {
		return badConfig(err)
	}
	m, err := mapping.New(settings(c))
	if err != nil {
		return badConfig(fmt.Errorf("%s: destination: %w", a.config, err))
	}
	if _, err := conversionFiles(c); err != nil {
		return err
	}
	v := struct {
		OK       bool               `json:"ok"`
		Warnings []string           `json:"warnings,omitempty"`
		Events   mapping.EventLists `json:"events"`
	}{OK: true, Events: m.EventLists()}
	for _, w := range c.Warnings {
		v.Warnings = append(v.Warnings, w.String())
	}
	return a.result(v, nil, func(w io.Writer) {
		for _, text := range v.Warnings {
			fmt.Fprintln(w, "warning:", text)
		}
		fmt.Fprintf(w, "%s: ok\n", a.config)
		table(w, func(w io.Writer) {
			for _, l := range eventLines(v.Events) {
				row(w, "  "+l[0], l[1])
			}
		})
	})
}

// eventLines returns the lists of event names in effect, with the defaults.
func eventLines(l mapping.EventLists) [][2]string {
	line := func(key string, names []string) [2]string {
		return [2]string{key, cmp.Or(strings.Join(names, ", "), "(none)")}
	}
	return [][2]string{line("actionEventNames", l.Actions), line("installEventNames", l.Installs), line("pageLoadEventNames", l.PageLoads)}
}
