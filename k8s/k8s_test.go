package k8s

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
)

func TestBaseIsAccepted(t *testing.T) {
	t.Parallel()
	text := render(t, "base")
	require.NoError(t, check(text))

	m, err := decode(text)
	require.NoError(t, err)
	require.Len(t, m.cronJobs, 1)
	require.Len(t, m.claims, 1)
	require.Len(t, m.config, 1)
	require.NotContains(t, text, "namespace:", "the base names no namespace")
	require.NotContains(t, text, "kind: Secret", "the base holds no secret")
	pod := m.cronJobs[0].Spec.JobTemplate.Spec.Template.Spec
	require.NoError(t, checkConfigFits(m.config[0].Data["impactsync.yaml"], pod))
}

// Each check must be able to fail, so each is given a base that is broken in its own way.
func TestBrokenManifestsAreRefused(t *testing.T) {
	t.Parallel()
	good := render(t, "base")
	for name, broken := range map[string]struct{ old, new, want string }{
		"a field nobody knows":                {"concurrencyPolicy:", "concurencyPolicy:", "unknown field"},
		"a field in the wrong place":          {"  schedule:", "  backoffLimit: 3\n  schedule:", "unknown field"},
		"a field given twice":                 {"  schedule:", "  schedule: '@daily'\n  schedule:", "already set"},
		"a number where a word belongs":       {"restartPolicy: Never", "restartPolicy: 7", "restartPolicy"},
		"an API version that is gone":         {"apiVersion: batch/v1\n", "apiVersion: batch/v1beta9\n", "no kind"},
		"a kind we do not ship":               {"automountServiceAccountToken: false\nkind: ServiceAccount\n", "kind: Pod\n", "nobody expects"},
		"an invalid schedule":                 {"0 */2 * * *", "0 */2 * *", "schedule"},
		"an unknown zone":                     {"Etc/UTC", "Mars/Olympus", "Mars/Olympus"},
		"no zone":                             {"  timeZone: Etc/UTC\n", "", "timeZone is missing"},
		"runs at the same time":               {"concurrencyPolicy: Forbid", "concurrencyPolicy: Allow", "two runs"},
		"suspension that apply would undo":    {"  schedule:", "  suspend: false\n  schedule:", "suspend"},
		"a Job that ends before its run":      {"activeDeadlineSeconds: 6600", "activeDeadlineSeconds: 6060", "ends before --deadline"},
		"a Job that never ends":               {"      activeDeadlineSeconds: 6600\n", "", "ends before --deadline"},
		"a Job longer than its tick":          {"activeDeadlineSeconds: 6600", "activeDeadlineSeconds: 7200", "next tick"},
		"a tick more often than a run":        {"0 */2 * * *", "5 * * * *", "next tick"},
		"a run without a deadline":            {"- --deadline=100m\n", "", "no --deadline"},
		"a deadline without a unit":           {"--deadline=100m", "--deadline=100", "missing unit"},
		"a start that may be too late":        {"startingDeadlineSeconds: 3600", "startingDeadlineSeconds: 5", "startingDeadlineSeconds"},
		"Jobs gone before anybody looks":      {"ttlSecondsAfterFinished: 604800", "ttlSecondsAfterFinished: 60", "anybody looks"},
		"pods that restart in place":          {"restartPolicy: Never", "restartPolicy: OnFailure", "needs Never"},
		"two pods during a drain":             {"podReplacementPolicy: Failed", "podReplacementPolicy: TerminatingOrFailed", "two pods"},
		"no time to drain":                    {"          terminationGracePeriodSeconds: 60\n", "", "terminationGracePeriodSeconds"},
		"codes out of order":                  {"            - 3\n            - 4\n", "            - 4\n            - 3\n", "not in order"},
		"a code given twice":                  {"            - 3\n            - 4\n", "            - 3\n            - 3\n", "not in order"},
		"success as a failure":                {"            - 3\n", "            - 0\n", "no failure"},
		"all codes but some":                  {"operator: In\n", "operator: NotIn\n", "NotIn"},
		"a policy for another container":      {"containerName: impactsync", "containerName: proxy", "not ours"},
		"root":                                {"runAsNonRoot: true", "runAsNonRoot: false", "runAsNonRoot"},
		"uid 0":                               {"runAsUser: 65532", "runAsUser: 0", "runAsUser=0"},
		"privilege escalation":                {"allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "allowPrivilegeEscalation"},
		"capabilities":                        {"            - ALL\n", "            - NET_RAW\n", "unrestricted capabilities"},
		"no seccomp":                          {"            type: RuntimeDefault\n", "            type: Unconfined\n", "seccompProfile"},
		"the host's network":                  {"          restartPolicy:", "          hostNetwork: true\n          restartPolicy:", "host namespaces"},
		"a root file system to write on":      {"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "readOnlyRootFilesystem"},
		"a token of the API":                  {"          automountServiceAccountToken: false\n", "", "token of the Kubernetes API"},
		"another group on the volume":         {"fsGroup: 65532", "fsGroup: 1000", "fsGroup"},
		"a secret that root alone reads":      {"defaultMode: 288", "defaultMode: 256", "defaultMode"},
		"a secret that everybody reads":       {"defaultMode: 288", "defaultMode: 292", "defaultMode"},
		"a /tmp without bounds":               {"sizeLimit: 4Gi", "sizeLimit: 50Gi", "sizeLimit"},
		"a volume without a mount":            {"            - mountPath: /tmp\n              name: tmp\n", "", "mounted nowhere"},
		"a mount without a volume":            {"mountPath: /tmp\n              name: tmp", "mountPath: /tmp\n              name: temp", "mounted nowhere"},
		"a memory limit that Go knows not":    {"GOMEMLIMIT", "GOMEMLIMITS", "GOMEMLIMIT is missing"},
		"all memory for Go":                   {"value: 320MiB", "value: 512MiB", "quarter"},
		"a claim that nobody makes":           {"claimName: impactsync-state", "claimName: state", "no PersistentVolumeClaim"},
		"a state that many pods may write":    {"- ReadWriteOncePod", "- ReadWriteMany", "one writer"},
		"a config that nobody makes":          {"          - configMap:\n              name: impactsync\n", "          - configMap:\n              name: other\n", "no ConfigMap"},
		"a service account that is not there": {"serviceAccountName: impactsync", "serviceAccountName: default", "no ServiceAccount"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, good, broken.old)
			require.ErrorContains(t, check(strings.Replace(good, broken.old, broken.new, 1)), broken.want)
		})
	}
}

func TestConfigFitsThePod(t *testing.T) {
	t.Parallel()
	m, err := decode(render(t, "base"))
	require.NoError(t, err)
	text, pod := m.config[0].Data["impactsync.yaml"], m.cronJobs[0].Spec.JobTemplate.Spec.Template.Spec
	for name, broken := range map[string]struct{ old, new, want string }{
		"a state outside the volume": {"/var/lib/impactsync/", "/data/", "state.path"},
		"a token outside the secret": {"/var/run/secrets/impact/", "/run/", "apiKeyFile"},
		"a variable nobody sets":     {"IMPACT_ACCOUNT_SID", "ACCOUNT", "${ACCOUNT}"},
		"no YAML":                    {"destination:", "destination: [", "yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, text, broken.old)
			require.ErrorContains(t, checkConfigFits(strings.Replace(text, broken.old, broken.new, 1), pod), broken.want)
		})
	}
}

func TestManualRendersOneJobAndNothingElse(t *testing.T) {
	t.Parallel()
	text := render(t, "overlays/manual")
	require.NoError(t, check(text))
	m, err := decode(text)
	require.NoError(t, err)
	require.Len(t, m.jobs, 1)
	require.Equal(t, manifests{jobs: m.jobs}, m, "deleting it must not delete the state's claim")

	base, err := decode(render(t, "base"))
	require.NoError(t, err)
	require.Equal(t, withoutChoices(base.cronJobs[0].Spec.JobTemplate.Spec), withoutChoices(m.jobs[0].Spec))
	require.Equal(t, "plan", m.jobs[0].Spec.Template.Spec.Containers[0].Args[0], "by default it sends nothing")
}

// withoutChoices removes what a run by hand chooses for itself.
func withoutChoices(spec batchv1.JobSpec) batchv1.JobSpec {
	spec = *spec.DeepCopy()
	spec.BackoffLimit = nil
	spec.Template.Spec.Containers[0].Args = nil
	return spec
}
