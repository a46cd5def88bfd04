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

// byNumber is the table of exit codes in the order of the numbers.
func byNumber() []impactsync.ExitStatus {
	return slices.SortedFunc(slices.Values(impactsync.ExitStatuses), func(a, b impactsync.ExitStatus) int { return a.Code - b.Code })
}

// exitRow is a row of a table of exit codes: the code, its meaning, and what else the page says.
var exitRow = regexp.MustCompile(`(?m)^\| (\d+) \| ([^|]*) \|(.*)$`)

// TestExitCodesAreDocumentedAsTheyAre writes codes and meanings of both tables
// with -update; what to do about a code is the page's own.
func TestExitCodesAreDocumentedAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"../../README.md", "../../docs/kubernetes.md"} {
		page, err := os.ReadFile(file)
		require.NoError(t, err)
		before, rest, found := strings.Cut(string(page), "## Exit codes\n")
		require.True(t, found, file)
		section, after, _ := strings.Cut(rest, "\n## ")
		var listed []int
		want := exitRow.ReplaceAllStringFunc(section, func(row string) string {
			cells := exitRow.FindStringSubmatch(row)
			code, err := strconv.Atoi(cells[1])
			require.NoError(t, err)
			listed = append(listed, code)
			for _, s := range impactsync.ExitStatuses {
				if s.Code == code {
					meaning := strings.ReplaceAll(s.Meaning, "delivery.unknown: hold", "`delivery.unknown: hold`")
					return fmt.Sprintf("| %d | %s |%s", code, meaning, cells[3])
				}
			}
			return row
		})
		var codes []int
		for _, s := range byNumber() {
			codes = append(codes, s.Code)
		}
		require.Equal(t, codes, listed, "the rows of %s", file)
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(before+"## Exit codes\n"+want+"\n## "+after), 0o644))
			continue
		}
		require.Equal(t, want, section, "run: go test ./cmd/impactsync -run TestExitCodes -update")
		require.True(t, file != "../../README.md" || strings.Contains(section, precedence()), "README.md must say: %s", precedence())
	}
}

func TestThePolicyNamesTheExitCodes(t *testing.T) {
	t.Parallel()
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
	var failures []int
	for _, s := range byNumber()[1:] {
		failures = append(failures, s.Code)
	}
	require.Equal(t, failures, ruled, "k8s/base/cronjob.yaml, podFailurePolicy")
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
