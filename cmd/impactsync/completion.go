package main

import (
	"github.com/spf13/cobra"
)

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a completion script for your shell",
		Long: `Print a script that completes commands, flags, and what the configuration and the state
know: trait keys, sources, classes of refusals. People's ids are not completed.` + exits("printed", exitUsageLine),
		Example: `  source <(impactsync completion bash)                          in this shell
  impactsync completion bash > /etc/bash_completion.d/impactsync    in all
  impactsync completion zsh > "${fpath[1]}/_impactsync"
  impactsync completion fish > ~/.config/fish/completions/impactsync.fish`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(c *cobra.Command, args []string) error {
			switch root := c.Root(); args[0] {
			case "bash":
				return unwritten(root.GenBashCompletionV2(a.stdout, true))
			case "zsh":
				return unwritten(root.GenZshCompletion(a.stdout))
			case "fish":
				return unwritten(root.GenFishCompletion(a.stdout, true))
			default:
				return unwritten(root.GenPowerShellCompletionWithDesc(a.stdout))
			}
		},
	}
}
