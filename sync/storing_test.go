package sync

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// A panic while a piece is stored reaches the reader, however much is still to be
// handed over.
func TestStoringPanics(t *testing.T) {
	t.Parallel()
	opened := false
	db, err := state.Open(t.Context(), state.Options{
		Path: filepath.Join(t.TempDir(), "state.db"), Create: true, Binding: &state.Binding{AccountSID: "a", CampaignID: "c", Hosts: "loopback"},
		Point: func(string) {
			if opened {
				panic("stored")
			}
		},
	})
	require.NoError(t, err)
	defer db.Close()
	opened = true
	s := (&pass{Engine: &Engine{Config: Config{State: db}}}).startStoring(context.Background())
	o := state.Object{Source: "s", Name: "o", ModTime: time.Unix(1, 0)}
	for range 3 * pieceQueue {
		s.next = piece{batches: []state.Batch{{Object: o}}, rows: commitRows}
		s.hand()
	}
	require.ErrorIs(t, s.put(state.Batch{Object: o}, 0), errStopped)
	require.Panics(t, func() { _ = s.end() })
}
