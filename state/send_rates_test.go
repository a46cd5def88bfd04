package state

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNeighboursShareTheQuota has two programs of one account, and a third that was
// not run yet.
func TestNeighboursShareTheQuota(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	now := time.Date(2026, 11, 23, 12, 30, 20, 0, time.UTC)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name+".db") }
	open := func(name string, beside ...string) *DB {
		db, err := Open(ctx, Options{Path: path(name), Create: true, Binding: &Binding{AccountSID: "IR1", CampaignID: name}, Neighbours: beside, Now: func() time.Time { return now }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return db
	}
	us, eu := open("us", path("eu"), path("none")), open("eu")
	require.NoError(t, us.NoteRequests(ctx, HostAPI, 3))
	now = now.Add(5 * time.Minute)
	left, reset := 7, now.Add(20*time.Minute)
	require.NoError(t, us.NoteHost(ctx, HostStatus{Host: HostAPI, Quota: 1000, Remaining: &left, ResetAt: reset, Pace: 5}))
	require.NoError(t, eu.NoteRequests(ctx, HostAPI, 40))
	require.NoError(t, eu.NoteRequests(ctx, HostTracking, 1))

	h, err := us.HostStatus(ctx, HostAPI)
	require.NoError(t, err)
	require.EqualValues(t, 43, h.SentLastHour)
	require.Equal(t, now.Add(55*time.Minute-20*time.Second), h.FreesAt.UTC(), "when our own are an hour old")
	require.Equal(t, 7, *h.Remaining, "the neighbour was told nothing")

	now = now.Add(time.Minute)
	fewer, pause := 2, now.Add(time.Minute)
	require.NoError(t, eu.NoteHost(ctx, HostStatus{Host: HostAPI, Quota: 1000, Remaining: &fewer, ResetAt: reset, PausedUntil: pause}))
	all, err := us.Hosts(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, all[0].SentLastHour)
	require.Equal(t, 2, *all[1].Remaining, "what was heard last counts")
	require.Equal(t, pause, all[1].PausedUntil.UTC())
	require.Zero(t, all[1].Pace)

	own, err := eu.HostStatus(ctx, HostAPI)
	require.NoError(t, err)
	require.EqualValues(t, 40, own.SentLastHour, "without neighbours, its own")
	day, err := us.SentLastDay(ctx, HostAPI)
	require.NoError(t, err)
	require.EqualValues(t, 3, day)
}
