package state_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

const benchMembers = 200_000

func benchState(b *testing.B) (*state.DB, *time.Time) {
	b.Helper()
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	db, err := state.Open(context.Background(), state.Options{
		Path: filepath.Join(b.TempDir(), "state.db"), Create: true, Binding: &binding, Now: func() time.Time { return now },
	})
	require.NoError(b, err)
	b.Cleanup(func() { _ = db.Close() })
	_, err = db.BeginRun(context.Background(), state.RunInfo{Kind: "run", Fingerprint: "f"})
	require.NoError(b, err)
	return db, &now
}

// benchList applies a list of n members of which the first "from" are missing.
func benchList(b *testing.B, db *state.DB, at time.Time, from, to int) state.Verdict {
	b.Helper()
	l, err := db.NewList(context.Background(), state.ListInfo{Trait: audience("vip"), Source: "exports", ListedAt: at})
	require.NoError(b, err)
	defer l.Close()
	for i := from; i < to; i++ {
		require.NoError(b, l.Add(user(fmt.Sprintf("user-%019d", i)), "true", false))
	}
	v, err := l.Apply(context.Background())
	require.NoError(b, err)
	return v
}

func reportPer(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/member")
}

// BenchmarkList measures a first load, the same list again, and one with 5 %
// other members; adopted in between, so that nothing is due.
func BenchmarkList(b *testing.B) {
	for _, bm := range []struct {
		name   string
		before func(b *testing.B, db *state.DB, at time.Time)
		from   int
	}{
		{"first", func(*testing.B, *state.DB, time.Time) {}, 0},
		{"unchanged", load, 0},
		{"5 percent", load, benchMembers / 20},
	} {
		b.Run(bm.name, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				db, now := benchState(b)
				bm.before(b, db, *now)
				b.StartTimer()
				*now = now.Add(time.Minute)
				benchList(b, db, *now, bm.from, bm.from+benchMembers)
				b.StopTimer()
				info, err := os.Stat(db.Path())
				require.NoError(b, err)
				b.ReportMetric(float64(info.Size())/benchMembers, "bytes/member")
				b.StartTimer()
			}
			reportPer(b, benchMembers)
		})
	}
}

func load(b *testing.B, db *state.DB, at time.Time) {
	b.Helper()
	benchList(b, db, at, 0, benchMembers)
	_, err := db.Adopt(context.Background(), "vip")
	require.NoError(b, err)
}

// BenchmarkTurn measures claims and outcomes, durable, in groups of 500.
func BenchmarkTurn(b *testing.B) {
	const group = 500
	for _, bm := range []struct {
		name string
		fill func(b *testing.B, db *state.DB, at time.Time, n int)
	}{
		{"trait updates", func(b *testing.B, db *state.DB, at time.Time, n int) {
			b.Helper()
			benchList(b, db, at, 0, n)
		}},
		{"page loads", benchEvents},
	} {
		b.Run(bm.name, func(b *testing.B) {
			db, now := benchState(b)
			bm.fill(b, db, now.Add(time.Minute), b.N+group)
			b.ReportAllocs()
			b.ResetTimer()
			before, done := cpuTime(), 0
			var outcomes []state.Outcome
			for done < b.N {
				claims, err := db.Turn(context.Background(), outcomes, state.Want{PageLoads: group, Coalesce: true})
				require.NoError(b, err)
				outcomes = outcomes[:0]
				for _, c := range claims {
					outcomes = append(outcomes, state.Outcome{Claim: c, Result: state.Delivered, Requests: 1})
				}
				done += len(claims)
			}
			b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/float64(done), "cpu-ns/delivery")
		})
	}
}

// cpuTime is what the process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchEvents stores page loads of as many people.
func benchEvents(b *testing.B, db *state.DB, at time.Time, n int) {
	b.Helper()
	payload := bytes.Repeat([]byte("x"), 640)
	for done := 0; done < n; {
		items := make([]state.Item, 0, 8000)
		for ; len(items) < cap(items) && done < n; done++ {
			key := fmt.Sprintf("ajs-next-%032d", done)
			items = append(items, state.Item{
				Person: user(fmt.Sprintf("user-%019d", done)), SeenAt: at,
				Event: &state.Event{Key: key, MessageID: key, Kind: state.PageLoad, Name: "page", At: at, Payload: payload},
			})
		}
		require.NoError(b, db.Store(context.Background(), state.Batch{Object: state.Object{Source: "web", Name: "log", Line: int64(done)}, Items: items}))
	}
}

// BenchmarkStore measures the enqueuing of page loads, 8,000 a commit, a tenth
// as many visitors.
func BenchmarkStore(b *testing.B) {
	db, now := benchState(b)
	const batch, commit = 1000, 8
	payload := bytes.Repeat([]byte("x"), 640)
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		batches := make([]state.Batch, 0, commit)
		for range commit {
			items := make([]state.Item, 0, batch)
			for range batch {
				key := fmt.Sprintf("ajs-next-%032d", done)
				items = append(items, state.Item{
					Person: state.Person{AnonymousID: fmt.Sprintf("visitor-%028d", done/10)}, SeenAt: *now,
					Event: &state.Event{Key: key, MessageID: key, Kind: state.PageLoad, Name: "page", At: *now, Payload: payload},
				})
				done++
			}
			batches = append(batches, state.Batch{Object: state.Object{Source: "web", Name: "log", Line: int64(done)}, Items: items})
		}
		require.NoError(b, db.Store(context.Background(), batches...))
	}
}
