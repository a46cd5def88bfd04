package k8s

import (
	"os"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/stretchr/testify/require"
)

// TestComposeFile reads it with the library of `docker compose config`, which checks it against Compose's schema.
func TestComposeFile(t *testing.T) {
	t.Parallel()
	o, err := cli.NewProjectOptions([]string{"../examples/compose/compose.yaml"})
	require.NoError(t, err)
	p, err := o.LoadProject(t.Context())
	require.NoError(t, err)
	sandbox, program := p.Services["sandbox"], p.Services["impactsync"]
	require.Equal(t, "service:sandbox", program.NetworkMode, "plain HTTP is accepted on loopback only")
	require.Equal(t, sandbox.Image, program.Image)
	for _, s := range p.Services {
		require.True(t, s.ReadOnly)
		require.Equal(t, []string{"ALL"}, s.CapDrop)
	}
	for _, v := range program.Volumes {
		if v.Type == "bind" {
			_, err := os.Stat(v.Source)
			require.NoError(t, err)
		}
	}
}
