package k8s

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// template renders the chart as `helm template impactsync` does, without the notes.
func template(values string) (string, error) {
	c, err := loader.Load("chart")
	if err != nil {
		return "", err
	}
	set, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		return "", err
	}
	release := chartutil.ReleaseOptions{Name: "impactsync", Namespace: "impactsync", IsInstall: true}
	all, err := chartutil.ToRenderValues(c, set, release, chartutil.DefaultCapabilities)
	if err != nil {
		return "", err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return "", err
	}
	var documents []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".yaml") && strings.TrimSpace(files[name]) != "" {
			documents = append(documents, files[name])
		}
	}
	return strings.Join(documents, "\n---\n"), nil
}

func chart(t *testing.T, values string) manifests {
	t.Helper()
	text, err := template(values)
	require.NoError(t, err)
	require.NoError(t, check(text))
	m, err := decode(text)
	require.NoError(t, err)
	return m
}

// withoutHelm removes what only a chart has: labels and annotations of helm's, and the comment above the configuration.
func withoutHelm(m manifests) manifests {
	plain := func(o *metav1.ObjectMeta) {
		for _, all := range []map[string]string{o.Labels, o.Annotations} {
			maps.DeleteFunc(all, func(key, _ string) bool {
				return strings.HasPrefix(key, "helm.sh/") || key == "app.kubernetes.io/instance" || key == "app.kubernetes.io/managed-by"
			})
		}
		if len(o.Annotations) == 0 {
			o.Annotations = nil
		}
	}
	for _, o := range m.cronJobs {
		plain(&o.ObjectMeta)
		plain(&o.Spec.JobTemplate.ObjectMeta)
		plain(&o.Spec.JobTemplate.Spec.Template.ObjectMeta)
	}
	for _, o := range m.claims {
		plain(&o.ObjectMeta)
	}
	for _, o := range m.accounts {
		plain(&o.ObjectMeta)
	}
	for _, o := range m.networks {
		plain(&o.ObjectMeta)
	}
	for _, o := range m.config {
		plain(&o.ObjectMeta)
		_, o.Data["impactsync.yaml"], _ = strings.Cut(o.Data["impactsync.yaml"], "\n")
	}
	return m
}

func TestChartRendersTheBase(t *testing.T) {
	t.Parallel()
	base, err := decode(render(t, "base"))
	require.NoError(t, err)
	base = withoutHelm(base)
	got := withoutHelm(chart(t, "image: {tag: dev}"))
	base.cronJobs[0].Spec.JobTemplate.Labels = nil // kustomize labels the Jobs as well
	require.Equal(t, base, got)
	require.NoError(t, checkNetwork(got))
}

func TestChartValues(t *testing.T) {
	t.Parallel()
	text, err := template(`
image: {digest: "sha256:` + strings.Repeat("0a", 32) + `"}
schedule: "0 3 * * *"
suspend: false
exitZeroOn: [3, 4]
extraArgs: [--source=web]
persistence: {existingClaim: mine}
networkPolicy: {enabled: false}
serviceAccount: {annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::111122223333:role/reader"}}
podLabels: {azure.workload.identity/use: "true"}
tolerations: [{key: jobs, operator: Exists}]
`)
	require.NoError(t, err)
	m, err := decode(text)
	require.NoError(t, err)
	require.False(t, *m.cronJobs[0].Spec.Suspend)
	require.Empty(t, m.claims)
	require.Empty(t, m.networks)
	require.Contains(t, m.accounts[0].Annotations, "eks.amazonaws.com/role-arn")
	pod := m.cronJobs[0].Spec.JobTemplate.Spec.Template
	require.Equal(t, "true", pod.Labels["azure.workload.identity/use"])
	require.Len(t, pod.Spec.Tolerations, 1)
	container := pod.Spec.Containers[0]
	require.Contains(t, container.Image, "impactsync@sha256:0a0a")
	require.Contains(t, container.Args, "--exit-zero-on=3,4")
	require.Contains(t, container.Args, "--source=web")
}

func TestChartRefusesValuesThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, values := range []string{
		"schedul: '@daily'", "image: {tagg: x}", "schedule: every hour", "deadline: '100'", "exitZeroOn: [1]", "persistence: {accessMode: ReadWriteMany}",
		"image: {digest: latest}", "goMemLimit: 320", "tmpSizeLimit: much", "credentials: {secretName: ''}", "config: ''", "suspend: maybe",
	} {
		_, err := template(values)
		require.ErrorContains(t, err, "values don't meet the specifications of the schema", values)
	}
}

func TestChartPassesHelmLint(t *testing.T) {
	t.Parallel()
	for _, m := range lint.All("chart", nil, "impactsync", true).Messages {
		if strings.Contains(m.Error(), "icon is recommended") {
			continue
		}
		require.Less(t, m.Severity, support.WarningSev, m.Error())
	}
}

// TestChartConfigIsTheBases: whoever reads one of them has read both.
func TestChartConfigIsTheBases(t *testing.T) {
	t.Parallel()
	values, err := chartutil.ReadValuesFile("chart/values.yaml")
	require.NoError(t, err)
	base, err := decode(render(t, "base"))
	require.NoError(t, err)
	var want, got map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(base.config[0].Data["impactsync.yaml"]), &want))
	require.NoError(t, yaml.Unmarshal([]byte(values["config"].(string)), &got))
	require.Equal(t, want, got)
}
