package k8s

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"
)

// groupRead is the only bit that lets uid 65532 read a Secret's file: root owns it, and fsGroup is its group.
const groupRead = 0o040

// checkVolumes checks that mounts and volumes match, that only we can read the token, and that /tmp is bounded.
func checkVolumes(pod corev1.PodSpec) error {
	mounted := map[string]string{}
	for _, m := range pod.Containers[0].VolumeMounts {
		mounted[m.Name] = m.MountPath
	}
	for _, v := range pod.Volumes {
		if _, found := mounted[v.Name]; !found {
			return fmt.Errorf("volume %q is mounted nowhere", v.Name)
		}
		delete(mounted, v.Name)
		if err := checkVolume(v, pod.Containers[0].Resources.Limits[corev1.ResourceEphemeralStorage]); err != nil {
			return fmt.Errorf("volume %q: %w", v.Name, err)
		}
	}
	if len(mounted) > 0 {
		return fmt.Errorf("no volume for %v", mounted)
	}
	return nil
}

func checkVolume(v corev1.Volume, disk resource.Quantity) error {
	switch {
	case v.HostPath != nil:
		return errors.New("hostPath")
	case v.Secret != nil && (v.Secret.DefaultMode == nil || *v.Secret.DefaultMode&groupRead == 0 || *v.Secret.DefaultMode&0o007 != 0):
		return errors.New("defaultMode: our group must read the secret, and nobody else")
	case v.EmptyDir != nil && (v.EmptyDir.SizeLimit == nil || v.EmptyDir.SizeLimit.Cmp(disk) >= 0):
		return fmt.Errorf("emptyDir needs a sizeLimit below the ephemeral-storage limit, %s", disk.String())
	}
	return nil
}

// checkMemory checks that Go starts to collect garbage before the kernel starts to kill.
func checkMemory(pod corev1.PodSpec) error {
	limit := pod.Containers[0].Resources.Limits[corev1.ResourceMemory]
	for _, e := range pod.Containers[0].Env {
		if e.Name != "GOMEMLIMIT" {
			continue
		}
		soft, err := resource.ParseQuantity(strings.TrimSuffix(e.Value, "B"))
		if err != nil {
			return fmt.Errorf("GOMEMLIMIT %q: %w", e.Value, err)
		}
		if soft.Value()*4 > limit.Value()*3 {
			return fmt.Errorf("GOMEMLIMIT %s leaves less than a quarter of %s to SQLite", e.Value, limit.String())
		}
		return nil
	}
	return errors.New("GOMEMLIMIT is missing")
}

// checkReferences checks that everything a CronJob names is defined beside it, except the Secret.
func checkReferences(m manifests) error {
	for _, c := range m.cronJobs {
		pod := c.Spec.JobTemplate.Spec.Template.Spec
		if !slices.ContainsFunc(m.accounts, func(a *corev1.ServiceAccount) bool { return a.Name == pod.ServiceAccountName }) {
			return fmt.Errorf("no ServiceAccount %q", pod.ServiceAccountName)
		}
		for _, v := range pod.Volumes {
			if err := m.checkSource(v); err != nil {
				return err
			}
		}
	}
	for _, claim := range m.claims {
		if !slices.Equal(claim.Spec.AccessModes, []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}) {
			return fmt.Errorf("claim %q: accessModes %v: the state needs one writer in the whole cluster", claim.Name, claim.Spec.AccessModes)
		}
	}
	return nil
}

func (m *manifests) checkSource(v corev1.Volume) error {
	if v.ConfigMap != nil && !slices.ContainsFunc(m.config, func(c *corev1.ConfigMap) bool { return c.Name == v.ConfigMap.Name }) {
		return fmt.Errorf("no ConfigMap %q", v.ConfigMap.Name)
	}
	if pvc := v.PersistentVolumeClaim; pvc != nil &&
		!slices.ContainsFunc(m.claims, func(c *corev1.PersistentVolumeClaim) bool { return c.Name == pvc.ClaimName }) {
		return fmt.Errorf("no PersistentVolumeClaim %q", pvc.ClaimName)
	}
	return nil
}

// programConfig is the part of impactsync.yaml that must agree with the pod around it.
type programConfig struct {
	Destination struct {
		APIKeyFile string `json:"apiKeyFile"`
	} `json:"destination"`
	State struct {
		Path string `json:"path"`
	} `json:"state"`
}

var fromEnvironment = regexp.MustCompile(`\$\{(\w+)\}`)

// checkConfigFits checks that the paths and variables of a configuration exist in the pod. Whether the program accepts
// the configuration is left to the program.
func checkConfigFits(text string, pod corev1.PodSpec) error {
	var c programConfig
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	container := pod.Containers[0]
	hasMount := func(dir string) bool {
		return slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == dir })
	}
	if !hasMount(path.Dir(c.State.Path)) {
		return fmt.Errorf("state.path %q is on no volume", c.State.Path)
	}
	if !hasMount(path.Dir(c.Destination.APIKeyFile)) {
		return fmt.Errorf("apiKeyFile %q is on no volume", c.Destination.APIKeyFile)
	}
	for _, name := range fromEnvironment.FindAllStringSubmatch(text, -1) {
		if !slices.ContainsFunc(container.Env, func(e corev1.EnvVar) bool { return e.Name == name[1] }) {
			return fmt.Errorf("%s is not among the pod's variables", name[0])
		}
	}
	return nil
}
