package main

import (
	"context"
	"os"
	"slices"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
)

// completions teaches the commands what the shell can complete: trait keys from the
// state and the configuration, sources, and words that are known. People's ids are not
// completed: a shell shows them to whoever looks on.
func (a *app) completions(c *cobra.Command) {
	byFlag := map[string]cobra.CompletionFunc{
		"audience": a.completeKeys, "source": a.completeSources, "destination": a.completeDestinations,
		"class":        cobra.FixedCompletions(impactsync.RefusalClasses, cobra.ShellCompDirectiveNoFileComp),
		"status":       cobra.FixedCompletions(fileStatuses, cobra.ShellCompDirectiveNoFileComp),
		"verdict":      cobra.FixedCompletions(state.Verdicts, cobra.ShellCompDirectiveNoFileComp),
		"exit-zero-on": cobra.FixedCompletions([]string{"3", "4", "5"}, cobra.ShellCompDirectiveNoFileComp),
	}
	byFlag["config"] = cobra.FixedCompletions([]string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt)
	for name, complete := range byFlag {
		if c.Flags().Lookup(name) != nil || c.PersistentFlags().Lookup(name) != nil {
			must(c.RegisterFlagCompletionFunc(name, complete))
		}
	}
	switch c.Name() {
	case "adopt", "approve", "resync":
		c.ValidArgsFunction = func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return a.completeKeys(c, args, begun)
		}
	case "test":
		c.ValidArgsFunction = a.completeWebhooks
	case "backup", "restore": // files
	default:
		if c.ValidArgsFunction == nil && c.ValidArgs == nil {
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
	for _, sub := range c.Commands() {
		a.completions(sub)
	}
}

// completeKeys returns the trait keys of the state and of the configuration. What
// cannot be read completes nothing.
func (a *app) completeKeys(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, err := a.any()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var keys []string
	for key := range ruleTable(cfg).Keys {
		keys = append(keys, key)
	}
	keys = append(keys, stateKeys(c.Context(), cfg)...)
	slices.Sort(keys)
	return slices.Compact(keys), cobra.ShellCompDirectiveNoFileComp
}

func stateKeys(ctx context.Context, cfg *config.Config) (keys []string) {
	db, err := state.Open(ctx, state.Options{Path: cfg.State.Path, ReadOnly: true})
	if err != nil {
		return nil
	}
	defer db.Close()
	s, err := db.Status(ctx, 0)
	if err != nil {
		return nil
	}
	for _, t := range s.Audiences {
		keys = append(keys, t.Key)
	}
	return keys
}

func (a *app) completeSources(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
	cfg, err := a.any()
	if err == nil {
		for _, s := range cfg.Sources {
			names = append(names, s.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeWebhooks(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
	cfg, err := a.any()
	if err == nil {
		for _, w := range cfg.Notify.Webhooks {
			names = append(names, w.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeDestinations(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
	if cfg, err := config.Look(a.config, os.LookupEnv); err == nil {
		names = cfg.Names()
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
