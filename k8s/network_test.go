package k8s

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// checkNetwork checks that one policy covers our pods and allows only the daemon's port in, and only DNS and HTTPS
// out.
func checkNetwork(m manifests) error {
	if len(m.networks) != 1 {
		return fmt.Errorf("%d network policies, not one", len(m.networks))
	}
	n := m.networks[0]
	selector, err := metav1.LabelSelectorAsSelector(&n.Spec.PodSelector)
	if err != nil {
		return err
	}
	for _, spec := range m.jobSpecs() {
		if selector.Empty() || !selector.Matches(labels.Set(spec.Template.Labels)) {
			return errors.New("the network policy is not about our pods")
		}
	}
	if !slices.Contains(n.Spec.PolicyTypes, networkingv1.PolicyTypeIngress) || !slices.Contains(n.Spec.PolicyTypes, networkingv1.PolicyTypeEgress) {
		return errors.New("the network policy leaves a direction open")
	}
	var in, out []string
	for _, rule := range n.Spec.Ingress {
		in = append(in, ports(rule.Ports)...)
	}
	for _, rule := range n.Spec.Egress {
		out = append(out, ports(rule.Ports)...)
	}
	if !slices.Equal(in, []string{"TCP 9090"}) || !slices.Equal(out, []string{"UDP 53", "TCP 53", "TCP 443"}) {
		return fmt.Errorf("the network policy lets in %q and out %q", in, out)
	}
	return nil
}

func ports(all []networkingv1.NetworkPolicyPort) []string {
	if len(all) == 0 {
		return []string{"everything"}
	}
	var out []string
	for _, p := range all {
		out = append(out, fmt.Sprintf("%s %s", *p.Protocol, p.Port))
	}
	return out
}

func TestNetworkPolicy(t *testing.T) {
	t.Parallel()
	good, err := decode(render(t, "base"))
	require.NoError(t, err)
	require.NoError(t, checkNetwork(good))
	for want, breakIt := range map[string]func(*networkingv1.NetworkPolicySpec){
		"not about our pods":   func(s *networkingv1.NetworkPolicySpec) { s.PodSelector.MatchLabels = map[string]string{"app": "x"} },
		"a direction open":     func(s *networkingv1.NetworkPolicySpec) { s.PolicyTypes = s.PolicyTypes[:1] },
		`out ["everything"`:    func(s *networkingv1.NetworkPolicySpec) { s.Egress[0].Ports = nil },
		`lets in ["everything`: func(s *networkingv1.NetworkPolicySpec) { s.Ingress[0].Ports = nil },
	} {
		m, err := decode(render(t, "base"))
		require.NoError(t, err)
		breakIt(&m.networks[0].Spec)
		require.ErrorContains(t, checkNetwork(m), want)
	}
	manual, err := decode(render(t, "overlays/manual"))
	require.NoError(t, err)
	require.Empty(t, manual.networks, "a Job made by hand touches nothing else")
}
