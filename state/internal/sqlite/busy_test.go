package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// Somebody's sqlite3 that began to write and did not end is named.
func TestForeignWriter(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("sqlite3")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("wants Linux and the sqlite3 program")
	}
	for name, begin := range map[string]string{
		"a transaction": "BEGIN IMMEDIATE;",
		"a mode":        "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state.db")
			require.NoError(t, sqlite.Create(context.Background(), path))

			shell := exec.Command(program, path)
			in, err := shell.StdinPipe()
			require.NoError(t, err)
			out, err := shell.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, shell.Start())
			t.Cleanup(func() { _, _ = in.Close(), shell.Wait() })
			_, err = fmt.Fprintln(in, begin+" SELECT 'begun';")
			require.NoError(t, err)
			for lines := bufio.NewScanner(out); lines.Text() != "begun"; {
				require.True(t, lines.Scan(), "sqlite3 ended")
			}

			raw, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=1")
			require.NoError(t, err)
			defer raw.Close()
			_, err = raw.Exec("BEGIN IMMEDIATE")
			require.Error(t, err)
			err = sqlite.Classify(path, err)
			require.ErrorContains(t, err, fmt.Sprintf("%s is being written by process %d (sqlite3); end that session", path, shell.Process.Pid))
		})
	}
}
