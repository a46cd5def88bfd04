package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The pages of the program leave its memory, and it goes on.
func TestUnmapStart(t *testing.T) { //nolint:paralleltest // others would map pages meanwhile
	mapped := func() (kb int) {
		status, err := os.ReadFile("/proc/self/status")
		require.NoError(t, err)
		_, rest, found := strings.Cut(string(status), "RssFile:")
		require.True(t, found)
		_, err = fmt.Sscan(rest, &kb)
		require.NoError(t, err)
		return kb
	}
	before := mapped()
	unmapStart()
	require.Less(t, mapped(), before)
	require.Zero(t, run([]string{"help"}))
}
