package k8s

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
)

var (
	docsFile = regexp.MustCompile("(?s)```yaml\n# (deploy/[^\n]+)\n(.*?)```")
	docsExit = regexp.MustCompile(`(?m)^\| (\d+) \|[^|]+\| (\w+)`)
)

// outcomes are the words of the documentation's exit table, and the policy's word for each.
var outcomes = map[string]batchv1.PodFailurePolicyAction{
	"retried": batchv1.PodFailurePolicyActionCount,
	"failed":  batchv1.PodFailurePolicyActionFailJob,
	"waits":   batchv1.PodFailurePolicyActionIgnore,
}

func readDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/kubernetes.md")
	require.NoError(t, err)
	return string(text)
}

func baseJob(t *testing.T) batchv1.JobSpec {
	t.Helper()
	m, err := decode(render(t, "base"))
	require.NoError(t, err)
	return m.cronJobs[0].Spec.JobTemplate.Spec
}

// checkExitTable checks that the policy names every documented exit code and no other, and treats it as the table says.
func checkExitTable(docs string, job batchv1.JobSpec) error {
	documented := map[int32]string{}
	for _, row := range docsExit.FindAllStringSubmatch(docs, -1) {
		code, err := strconv.ParseInt(row[1], 10, 32)
		if err != nil {
			return err
		}
		documented[int32(code)] = row[2]
	}
	if documented[0] != "complete" {
		return errors.New("exit 0 does not complete the Job")
	}
	delete(documented, 0)
	success := exitsTurnedToZero(job)
	for code, action := range policyActions(job) {
		outcome, found := documented[code]
		if !found {
			return fmt.Errorf("exit %d is in the policy and not in the table", code)
		}
		if slices.Contains(success, code) != (outcome == "complete") {
			return fmt.Errorf("exit %d: the table says %q, --exit-zero-on says %d", code, outcome, success)
		}
		if want := cmp.Or(outcomes[outcome], action); want != action {
			return fmt.Errorf("exit %d: the table says %q, the policy %q", code, outcome, action)
		}
		delete(documented, code)
	}
	if len(documented) > 0 {
		return fmt.Errorf("the policy has no rule for %v", documented)
	}
	return nil
}

// policyActions is the first rule for each exit code that the policy names.
func policyActions(job batchv1.JobSpec) map[int32]batchv1.PodFailurePolicyAction {
	actions := map[int32]batchv1.PodFailurePolicyAction{}
	for _, rule := range job.PodFailurePolicy.Rules {
		if rule.OnExitCodes == nil {
			continue
		}
		for _, code := range rule.OnExitCodes.Values {
			actions[code] = cmp.Or(actions[code], rule.Action)
		}
	}
	return actions
}

func exitsTurnedToZero(job batchv1.JobSpec) []int32 {
	var codes []int32
	for _, arg := range job.Template.Spec.Containers[0].Args {
		list, _ := strings.CutPrefix(arg, "--exit-zero-on=")
		for field := range strings.SplitSeq(list, ",") {
			if code, err := strconv.ParseInt(field, 10, 32); err == nil {
				codes = append(codes, int32(code))
			}
		}
	}
	return codes
}

func TestExitTableSaysWhatThePolicyDoes(t *testing.T) {
	t.Parallel()
	docs, job := readDocs(t), baseJob(t)
	require.NoError(t, checkExitTable(docs, job))

	for name, broken := range map[string]struct{ old, new, want string }{
		"a code without a row":       {"| 11 | ", "| x | ", "exit 11 is in the policy"},
		"a code without a rule":      {"| 11 | ", "| 9 | x | failed |\n| 11 | ", "no rule for map[9:failed]"},
		"another action":             {"| waits: ", "| retried: ", `the table says "retried", the policy "Ignore"`},
		"a failure called a success": {"| 3 | finished, but something was refused or rejected in this run, a source is stale, or an order needs a person (reconcile) | failed", "| 3 | x | complete", "--exit-zero-on"},
		"no success":                 {"| 0 | ", "| x | ", "exit 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, docs, broken.old)
			require.ErrorContains(t, checkExitTable(strings.Replace(docs, broken.old, broken.new, 1), job), broken.want)
		})
	}
}

// setupDocs writes the files that the documentation tells an operator to write, beside a clone.
func setupDocs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, part := range []string{"base", "components"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, "impactsync/k8s", part), os.DirFS(part)))
	}
	for _, file := range docsFile.FindAllStringSubmatch(readDocs(t), -1) {
		write(t, filepath.Join(dir, file[1]), file[2])
	}
	config, err := os.ReadFile("base/impactsync.yaml")
	require.NoError(t, err)
	write(t, filepath.Join(dir, "deploy/sync/impactsync.yaml"), strings.ReplaceAll(string(config), "[vip]", "[gold]"))
	return dir
}

func write(t *testing.T, file, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
}

func TestDocumentedOverlayWorks(t *testing.T) {
	t.Parallel()
	dir := setupDocs(t)
	overlay := filepath.Join(dir, "deploy/sync/kustomization.yaml")
	text, err := os.ReadFile(overlay)
	require.NoError(t, err)

	t.Run("as written it is accepted, all but the suspension that step 7 removes", func(t *testing.T) {
		require.EqualError(t, check(render(t, filepath.Dir(overlay))), "suspend: the next apply would undo what an operator patched")
	})
	t.Run("after step 7, with an identity, all is accepted", func(t *testing.T) {
		active := strings.Replace(string(text), "        suspend: true             # until step 7\n", "", 1)
		require.NotEqual(t, string(text), active)
		write(t, overlay, active+"  - path: identity.yaml\n")
		rendered := render(t, filepath.Dir(overlay))
		require.NoError(t, check(rendered))

		m, err := decode(rendered)
		require.NoError(t, err)
		require.Contains(t, m.config[0].Data["impactsync.yaml"], "[gold]")
		require.Contains(t, m.accounts[0].Annotations, "eks.amazonaws.com/role-arn")
		require.Equal(t, "registry.example.com/impactsync:v0.1.0", m.cronJobs[0].Spec.JobTemplate.Spec.Template.Spec.Containers[0].Image)
		require.Equal(t, "impactsync", m.cronJobs[0].Namespace)
	})
	t.Run("the manual Job follows the overlay", func(t *testing.T) { testManual(t, filepath.Join(dir, "deploy/manual")) })
}

func testManual(t *testing.T, dir string) {
	rendered := render(t, dir)
	require.NoError(t, check(rendered))
	require.Equal(t, 1, strings.Count(rendered, "\n  name: impactsync-manual\n"), "what the documented sed replaces")
	m, err := decode(rendered)
	require.NoError(t, err)
	require.Equal(t, manifests{jobs: m.jobs}, m)
	require.Equal(t, "registry.example.com/impactsync:v0.1.0", m.jobs[0].Spec.Template.Spec.Containers[0].Image)

	file := filepath.Join(dir, "kustomization.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	write(t, file, string(text)+"nameSuffix: -canary-1\n")
	suffixed, err := decode(render(t, dir))
	require.NoError(t, err)
	require.Equal(t, "impactsync-manual-canary-1", suffixed.jobs[0].Name)
	require.Equal(t, m.jobs[0].Spec, suffixed.jobs[0].Spec, "the suffix is the Job's alone: another claim would be an empty state")
}

func TestDocumentedReaderPodIsAccepted(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(setupDocs(t), "deploy/reader.yaml"))
	require.NoError(t, err)
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	object, _, err := strict.Decode(text, nil, nil)
	require.NoError(t, err)
	pod := object.(*corev1.Pod)
	require.NoError(t, checkPodSecurity(corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}))
	require.NoError(t, checkVolumes(pod.Spec))
	require.Equal(t, baseJob(t).Template.Spec.SecurityContext, pod.Spec.SecurityContext)
}
