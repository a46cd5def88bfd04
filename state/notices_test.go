package state_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func TestNotices(t *testing.T) {
	t.Parallel()
	b := setup(t)
	notices := func() []state.Notice {
		all, err := b.db.Notices(context.Background())
		require.NoError(t, err)
		return all
	}
	require.Empty(t, notices())
	held := state.Notice{Webhook: "chat", Condition: "held", Since: b.now.Add(-time.Hour)}
	failed := state.Notice{Webhook: "call", Condition: "failed", Since: b.now}
	require.NoError(t, b.db.Told(context.Background(), []state.Notice{held, failed}, nil))
	require.NoError(t, b.db.Told(context.Background(), []state.Notice{held}, nil), "again")
	b.reopen()
	require.Equal(t, []state.Notice{failed, held}, notices())
	require.Equal(t, 1, b.number(`SELECT count(*) FROM notifications WHERE webhook = 'chat' AND condition = 'held' AND since = '2026-11-20T11:00:00.000Z'`))
	require.NoError(t, b.db.Told(context.Background(), nil, []state.Notice{held, {Webhook: "nobody", Condition: "held"}}))
	require.Equal(t, []state.Notice{failed}, notices())
	b.sound()
}
