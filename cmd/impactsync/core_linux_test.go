package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// A daemon's limits stand in /proc.
func TestNoCoreDump(t *testing.T) {
	t.Parallel()
	p := newProcess(t, "")
	c := p.command("daemon", "--listen", "127.0.0.1:0")
	out, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	watch(out).wait(t, "listening")
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", c.Process.Pid))
	require.NoError(t, err)
	require.Regexp(t, `Max core file size +0 +0 `, string(limits))
	require.NoError(t, c.Process.Kill())
	require.Error(t, c.Wait())
}
