package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/impactsync/impactsync/cmd/internal/config"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/commands.md anew from the commands")

func TestCommandsAreDocumentedAsTheyAre(t *testing.T) {
	t.Parallel()
	const file = "../../docs/commands.md"
	want := commandsPage()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
		return
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	if want != string(got) { // a difference of 600 lines helps nobody
		t.Fatal("docs/commands.md is out of step; run: go test ./cmd/impactsync -run TestCommands -update")
	}
}

func TestEveryCommandTellsItsExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range commands((&app{}).command()) {
		if c.HasParent() {
			require.Contains(t, c.Long, "EXIT STATUS", c.CommandPath())
		}
		require.NotEmpty(t, c.Short, c.CommandPath())
	}
}

// commands lists a command and all below it.
func commands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			all = append(all, commands(sub)...)
		}
	}
	return all
}

func commandsPage() string {
	root := (&app{}).command()
	var b strings.Builder
	b.WriteString("# Commands\n\nMade from the program's own help: `go test ./cmd/impactsync -run TestCommands -update`.\n\n")
	b.WriteString(root.Long + "\n\nResults go to stdout, as text or with `--json` as JSON; everything else goes to stderr.\n")
	b.WriteString("Every command takes these:\n\n" + fence(root.PersistentFlags().FlagUsages()))
	b.WriteString("Shell completions: `impactsync completion --help`.\n")
	for _, c := range commands(root)[1:] {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n", c.CommandPath(), c.Short)
		b.WriteString(fence(c.UseLine() + "\n\n" + c.Long))
		if c.Example != "" {
			b.WriteString(fence(c.Example))
		}
		if flags := own(c); flags != "" {
			b.WriteString(fence(flags))
		}
	}
	return b.String()
}

func fence(text string) string { return "```\n" + strings.TrimRight(text, "\n") + "\n```\n\n" }

func own(c *cobra.Command) string {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.LocalNonPersistentFlags().VisitAll(func(one *pflag.Flag) {
		if one.Name != "help" {
			f.AddFlag(one)
		}
	})
	return f.FlagUsages()
}

// every is the exit codes there are.
var every = []int{
	impactsync.ExitOK, impactsync.ExitFailed, impactsync.ExitRefused, impactsync.ExitUnfinished, impactsync.ExitHeld,
	impactsync.ExitLocked, impactsync.ExitCredentials, impactsync.ExitState, impactsync.ExitUsage, impactsync.ExitInterrupted,
}

func TestKubernetesKnowsTheExitCodes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/kubernetes.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "## Exit codes")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	var listed []int
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(section, -1) {
		code, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		listed = append(listed, code)
	}
	require.Equal(t, every, listed, "docs/kubernetes.md, Exit codes")

	// The Job's policy names each code but 0, once.
	manifest, err := os.ReadFile("../../k8s/base/cronjob.yaml")
	require.NoError(t, err)
	var job struct {
		Spec struct {
			JobTemplate struct {
				Spec struct {
					PodFailurePolicy struct {
						Rules []struct {
							OnExitCodes struct {
								Values []int `yaml:"values"`
							} `yaml:"onExitCodes"`
						} `yaml:"rules"`
					} `yaml:"podFailurePolicy"`
				} `yaml:"spec"`
			} `yaml:"jobTemplate"`
		} `yaml:"spec"`
	}
	require.NoError(t, yaml.Unmarshal(manifest, &job))
	var ruled []int
	for _, rule := range job.Spec.JobTemplate.Spec.PodFailurePolicy.Rules {
		ruled = append(ruled, rule.OnExitCodes.Values...)
	}
	slices.Sort(ruled)
	require.Equal(t, every[1:], ruled, "k8s/base/cronjob.yaml, podFailurePolicy")
}

func TestTheConfigMapOfTheBaseIsAConfiguration(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../k8s/base/impactsync.yaml")
	require.NoError(t, err)
	dir := t.TempDir()
	token := filepath.Join(dir, "auth-token")
	require.NoError(t, os.WriteFile(token, []byte("token\n"), 0o600))
	text := strings.Replace(string(data), "/var/run/secrets/impact/auth-token", token, 1)
	require.Contains(t, text, token)
	file := filepath.Join(dir, "impactsync.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	c, err := config.Load(file, func(name string) (string, bool) { return "IR1", name == "IMPACT_ACCOUNT_SID" })
	require.NoError(t, err)
	require.Empty(t, c.Warnings)
	require.True(t, binding(c).Official)
}
