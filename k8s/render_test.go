// Package k8s holds the manifests, and tests that check them as a cluster would, without one.
package k8s

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// render builds a kustomization as `kubectl kustomize` does.
func render(t *testing.T, dir string) string {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	require.NoError(t, err)
	out, err := built.AsYaml()
	require.NoError(t, err)
	return string(out)
}

// manifests is what one kustomization renders to.
type manifests struct {
	cronJobs []*batchv1.CronJob
	jobs     []*batchv1.Job
	config   []*corev1.ConfigMap
	claims   []*corev1.PersistentVolumeClaim
	accounts []*corev1.ServiceAccount
	networks []*networkingv1.NetworkPolicy
	// Only the sandbox overlay has these.
	namespaces []*corev1.Namespace
	secrets    []*corev1.Secret
}

// decode reads manifests strictly: an unknown or duplicate field is an error, and so is an unexpected kind.
func decode(text string) (manifests, error) {
	var m manifests
	reader := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return m, err
		}
		object, _, err := strict.Decode(document, nil, nil)
		if err != nil {
			return m, fmt.Errorf("decode manifest: %w", err)
		}
		if err := m.add(object); err != nil {
			return m, err
		}
	}
}

func (m *manifests) add(object runtime.Object) error {
	switch o := object.(type) {
	case *batchv1.CronJob:
		m.cronJobs = append(m.cronJobs, o)
	case *batchv1.Job:
		m.jobs = append(m.jobs, o)
	case *corev1.ConfigMap:
		m.config = append(m.config, o)
	case *corev1.PersistentVolumeClaim:
		m.claims = append(m.claims, o)
	case *corev1.ServiceAccount:
		m.accounts = append(m.accounts, o)
	case *networkingv1.NetworkPolicy:
		m.networks = append(m.networks, o)
	case *corev1.Namespace:
		m.namespaces = append(m.namespaces, o)
	case *corev1.Secret:
		m.secrets = append(m.secrets, o)
	default:
		return fmt.Errorf("nobody expects a %T here", object)
	}
	return nil
}

// jobSpecs returns the specs of all Jobs that can be created from m.
func (m *manifests) jobSpecs() []batchv1.JobSpec {
	var specs []batchv1.JobSpec
	for _, c := range m.cronJobs {
		specs = append(specs, c.Spec.JobTemplate.Spec)
	}
	for _, j := range m.jobs {
		specs = append(specs, j.Spec)
	}
	return specs
}
