package k8s

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

var finalStage = regexp.MustCompile(`(?s).*\nFROM `)

// checkImage checks that the Dockerfile provides what the pod relies on.
func checkImage(dockerfile string, pod corev1.PodSpec) error {
	final := finalStage.ReplaceAllString(dockerfile, "FROM ")
	user := fmt.Sprintf("USER %d:%d\n", *pod.SecurityContext.RunAsUser, *pod.SecurityContext.RunAsGroup)
	for _, want := range []struct{ in, text string }{
		{final, "FROM scratch\n"},
		{final, user},
		{final, "WORKDIR /etc/impactsync\n"},
		{final, `ENTRYPOINT ["/impactsync"]`},
		{dockerfile, "-extldflags -static"},
		{dockerfile, "netgo,osusergo,sqlite_omit_load_extension,timetzdata"},
		{dockerfile, "ca-certificates.crt"},
		{dockerfile, "chmod 1777 /out/root/tmp"},
	} {
		if !strings.Contains(want.in, want.text) {
			return fmt.Errorf("the Dockerfile lacks %q", want.text)
		}
	}
	if len(pod.Containers[0].Command) > 0 {
		return fmt.Errorf("command %q overrides the image's entry point", pod.Containers[0].Command)
	}
	return nil
}

func TestImageIsWhatThePodReliesOn(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../Dockerfile")
	require.NoError(t, err)
	pod := baseJob(t).Template.Spec
	require.NoError(t, checkImage(string(text), pod))

	for name, broken := range map[string]struct{ old, new string }{
		"another user":            {"USER 65532:65532", "USER 1000:1000"},
		"a base with a shell":     {"FROM scratch", "FROM debian"},
		"a resolver that is gone": {"netgo,", ""},
		"a dynamic binary":        {"-extldflags -static", ""},
		"no certificates":         {"ca-certificates.crt", "certs"},
		"another entry point":     {`ENTRYPOINT ["/impactsync"]`, `ENTRYPOINT ["/bin/sh"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, checkImage(strings.ReplaceAll(string(text), broken.old, broken.new), pod), "the Dockerfile lacks")
		})
	}
}

// TestReleasedImageIsTheSame: goreleaser makes it of its own binaries.
func TestReleasedImageIsTheSame(t *testing.T) {
	t.Parallel()
	ends := func(file string) []string {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		return regexp.MustCompile(`(?m)^(USER|WORKDIR|ENTRYPOINT|FROM scratch).*`).FindAllString(finalStage.ReplaceAllString(string(text), "FROM "), -1)
	}
	require.Len(t, ends("../Dockerfile"), 4)
	require.Equal(t, ends("../Dockerfile"), ends("../Dockerfile.release"))
}
