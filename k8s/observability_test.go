package k8s

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// The alerts fire on what they should, and on nothing else: promtool runs observability/rules_test.yaml.
func TestAlerts(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: bash .ci/packages promtool")
	}
	text, err := os.ReadFile("observability/prometheusrule.yaml")
	require.NoError(t, err)
	var rule struct {
		Spec json.RawMessage `json:"spec"`
	}
	require.NoError(t, yaml.UnmarshalStrict(text, &struct {
		APIVersion, Kind string
		Metadata, Spec   any
	}{}))
	require.NoError(t, yaml.Unmarshal(text, &rule))
	dir := t.TempDir()
	tests, err := os.ReadFile("observability/rules_test.yaml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yaml"), rule.Spec, 0o600)) // JSON is YAML
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules_test.yaml"), tests, 0o600))
	for _, args := range [][]string{{"check", "rules", "--lint-fatal", "rules.yaml"}, {"test", "rules", "rules_test.yaml"}} {
		c := exec.Command(tool, args...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "- alert: "); ok {
			require.Contains(t, string(tests), "alertname: "+name+"\n", "each alert is tested to fire")
		}
	}
}

// Grafana's own types know every field of the dashboard.
func TestDashboard(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("observability/dashboard.json")
	require.NoError(t, err)
	var d dashboard.Dashboard
	plugins.RegisterDefaultPlugins()                    // the types of panels and queries
	if err := d.UnmarshalJSONStrict(text); err != nil { // it is not nil without a fault, either
		require.Empty(t, err.Error())
	}
	require.NoError(t, d.Validate())

	built := render(t, "observability")
	require.Contains(t, built, "kind: PrometheusRule")
	require.Contains(t, built, "kind: PodMonitor")
	require.Contains(t, built, `grafana_dashboard: "1"`)
	require.Contains(t, built, "impactsync.json: |")
}
