package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func TestNoRoomInTheTemporaryFolder(t *testing.T) {
	t.Parallel()

	t.Run("a list that is spilled", func(t *testing.T) {
		t.Parallel()
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip("no /dev/full here")
		}
		defer full.Close()
		_, err = full.WriteString("a member")
		require.Error(t, err)
		require.Contains(t, hintFor(fmt.Errorf("spill the list: %w", err)), "TMPDIR")
	})

	t.Run("the state's own volume", func(t *testing.T) {
		t.Parallel()
		require.NotContains(t, hintFor(state.ErrFull), "TMPDIR")
	})
}
