package k8s

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

func TestSandboxOverlayIsABaseWithItsOwnImpact(t *testing.T) {
	t.Parallel()
	text := render(t, "overlays/sandbox")
	require.NoError(t, check(text))
	m, err := decode(text)
	require.NoError(t, err)

	spec := m.cronJobs[0].Spec.JobTemplate.Spec
	pod := spec.Template.Spec
	require.Len(t, pod.InitContainers, 1)
	sandbox := pod.InitContainers[0]
	require.Equal(t, corev1.ContainerRestartPolicyAlways, *sandbox.RestartPolicy, "or the run would never begin")
	require.Equal(t, pod.Containers[0].Image, sandbox.Image)
	require.Contains(t, sandbox.Args, "--listen=127.0.0.1:8090")
	require.Nil(t, sandbox.VolumeMounts, "it sees neither the state nor the credentials")

	for _, c := range m.config {
		if c.Name == "impactsync" {
			require.NoError(t, checkConfigFits(c.Data["impactsync.yaml"], pod))
			require.Contains(t, c.Data["impactsync.yaml"], "trackingURL: http://127.0.0.1:8090\n  apiURL: http://127.0.0.1:8090\n")
		}
	}
	require.Equal(t, "impactsync-credentials", m.secrets[0].Name, "without a hash: the pod names it")
	require.Equal(t, "impactsync-sandbox", m.cronJobs[0].Namespace, "a state belongs to one destination")
	require.Equal(t, "impactsync-sandbox", m.namespaces[0].Name)
	require.Equal(t, "restricted", m.namespaces[0].Labels["pod-security.kubernetes.io/enforce"])

	base := baseJob(t)
	spec.Template.Spec.InitContainers = nil
	require.Equal(t, base.PodFailurePolicy, spec.PodFailurePolicy)
	require.Equal(t, base.Template.Spec.Containers[0].Args, pod.Containers[0].Args)
	require.Equal(t, base.Template.Spec.SecurityContext, pod.SecurityContext)
}
