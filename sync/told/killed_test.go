package told_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/told"
)

// mortal is the engine of a process that ends before or after some step: then nothing
// reaches the database any more.
type mortal struct {
	sqlengine.Writer
	left int // steps until the end
}

var errDead = errors.New("the process is dead")

// step runs a step, if the process still lives, and it may die of it.
func (m *mortal) step(do func() error) error {
	if m.left--; m.left < 0 {
		return errDead
	}
	err := do()
	if m.left--; m.left < 0 {
		return errDead
	}
	return err
}

func (m *mortal) Query(ctx context.Context, statement string, args ...any) (sqlengine.Rows, error) {
	if m.left < 0 {
		return nil, errDead
	}
	return m.Writer.Query(ctx, statement, args...)
}

func (m *mortal) Write(ctx context.Context, statements ...sqlengine.Statement) error {
	return m.step(func() error { return m.Writer.Write(ctx, statements...) })
}

// mortalLoader is one that loads.
type mortalLoader struct{ *mortal }

func (m mortalLoader) Load(ctx context.Context, table sqlengine.Table, columns []string) sqlengine.Load {
	return mortalLoad{m.mortal, m.Writer.(sqlengine.Loader).Load(ctx, table, columns)}
}

type mortalLoad struct {
	m *mortal
	sqlengine.Load
}

func (l mortalLoad) End(err error) error {
	ended := false
	died := l.m.step(func() error { ended = true; return l.Load.End(err) })
	if !ended {
		_ = l.Load.End(errDead) // the server hears no more of it
	}
	return died
}

// killed ends the process before and after each step of a write. The next one that has
// the lease repeats it, and finds nothing of the one before.
func (s subject) killed(t *testing.T) {
	table := s.table(t, "killed")
	require.NoError(t, table.Create(t.Context(), owner))
	values := []string{"true", "false"}
	for steps := 1; ; steps++ {
		m := &mortal{Writer: s.open(t).(sqlengine.Writer), left: 1 << 30}
		var engine sqlengine.Engine = m
		if _, loads := m.Writer.(sqlengine.Loader); loads {
			engine = mortalLoader{m}
		}
		dying, err := told.New(engine, "killed")
		require.NoError(t, err)
		release, err := dying.Lease(t.Context(), "host 1", time.Hour)
		require.NoError(t, err)
		old, rows := user("vip", "u1", values[steps%2]), []told.Row{user("vip", "u1", "true"), user("vip", "u1", values[1-steps%2]), user("vip", "u2", "true")}
		gone := rows[2]
		gone.Gone = true
		require.NoError(t, dying.Write(t.Context(), "before", these(old, gone)))
		m.left = steps
		err = dying.Write(t.Context(), "token", these(rows...))
		m.left = 1 << 30
		survived := err == nil
		if !survived {
			require.ErrorIs(t, err, errDead)
		}
		found := all(t, table, "vip")
		require.True(t, slices.Equal(found, []told.Row{old}) || slices.Equal(found, rows[1:]), "%d steps: all or nothing: %v", steps, found)
		require.NoError(t, release(t.Context())) // as if it had run out

		release, err = table.Lease(t.Context(), "host 2", time.Minute)
		require.NoError(t, err)
		require.NoError(t, table.Write(t.Context(), "again", these(rows...)))
		require.Equal(t, rows[1:], all(t, table, "vip"))
		require.NoError(t, release(t.Context()))
		e := s.open(t)
		names, err := sqlengine.Tables(t.Context(), e, "killed")
		require.NoError(t, err)
		require.NoError(t, e.Close())
		require.NotContains(t, strings.Join(names, " "), "told_incoming_", "%d steps", steps)
		require.NoError(t, dying.Close())
		if survived {
			require.Greater(t, steps, 2)
			return
		}
	}
}
