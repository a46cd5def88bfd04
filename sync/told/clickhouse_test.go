package told_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/clickhouse"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
)

func TestClickHouse(t *testing.T) {
	t.Parallel()
	server := enginetest.StartClickHouse(t)
	server.Exec(t, "CREATE DATABASE `to'l\"d`", "CREATE DATABASE lease", "CREATE DATABASE rows", "CREATE DATABASE difference", "CREATE DATABASE world")
	conform(t, subject{exec: server.Exec, text: "Nullable(String)", engine: " ENGINE = Memory", worlds: []world{flat, worlds[2]}, open: func(t *testing.T) sqlengine.Engine {
		e, err := clickhouse.Open(sqlengine.Config{DSN: server.DSN, Timeout: time.Minute})
		require.NoError(t, err)
		return e
	}})
}
