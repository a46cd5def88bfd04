package k8s

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
)

// TestReceiveExample checks the Deployment and the Service of webhooks as it does the base's pod.
func TestReceiveExample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../examples/kubernetes/receive.yaml")
	require.NoError(t, err)
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	documents := strings.Split(string(text), "\n---\n")
	require.Len(t, documents, 2)
	object, _, err := strict.Decode([]byte(documents[0]), nil, nil)
	require.NoError(t, err)
	daemon := object.(*appsv1.Deployment)
	object, _, err = strict.Decode([]byte(documents[1]), nil, nil)
	require.NoError(t, err)
	service := object.(*corev1.Service)

	pod := daemon.Spec.Template
	require.NoError(t, checkPodSecurity(pod))
	require.NoError(t, checkVolumes(pod.Spec))
	require.NoError(t, checkMemory(pod.Spec))
	require.Equal(t, appsv1.RecreateDeploymentStrategyType, daemon.Spec.Strategy.Type, "two pods would want one state")
	require.EqualValues(t, 1, *daemon.Spec.Replicas)
	require.Equal(t, daemon.Spec.Selector.MatchLabels, pod.Labels)
	require.Equal(t, service.Spec.Selector, pod.Labels)
	require.Equal(t, service.Spec.Ports[0].TargetPort.StrVal, pod.Spec.Containers[0].Ports[0].Name)
	base := baseJob(t).Template.Spec
	require.Equal(t, base.ServiceAccountName, pod.Spec.ServiceAccountName)
	require.Equal(t, base.Containers[0].Image, pod.Spec.Containers[0].Image)
	require.Equal(t, base.SecurityContext, pod.Spec.SecurityContext)
}
