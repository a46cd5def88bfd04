package told_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/enginetest"
	"github.com/impactsync/impactsync/sync/sqlengine/postgres"
	"github.com/impactsync/impactsync/sync/told"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	server := enginetest.StartPostgres(t)
	for name, extension := range map[string]string{"with SHA-1": "CREATE EXTENSION pgcrypto", "without SHA-1": "SELECT 1"} {
		own := server.Database(t)
		own.Exec(t, extension, `CREATE SCHEMA "to'l""d"`, "CREATE SCHEMA lease", "CREATE SCHEMA rows", "CREATE SCHEMA killed", "CREATE SCHEMA difference", "CREATE SCHEMA world")
		t.Run(name, func(t *testing.T) {
			conform(t, subject{
				exec: own.Exec, text: "text", worlds: worlds,
				expire: "UPDATE lease.told_meta SET lease_until = now() - INTERVAL '1 second'",
				make: func(t *testing.T, table, columns string) {
					own.Exec(t, "DROP TABLE IF EXISTS "+table, "CREATE TABLE "+table+" "+columns)
				},
				open: func(t *testing.T) sqlengine.Engine {
					e, err := postgres.Open(sqlengine.Config{DSN: own.DSN, Timeout: time.Minute})
					require.NoError(t, err)
					return e
				},
			})
		})
	}
	t.Run("who may make no tables is told before the first run", func(t *testing.T) {
		own := server.Database(t)
		own.Exec(t, "CREATE ROLE limited LOGIN", "CREATE SCHEMA told", "GRANT USAGE ON SCHEMA told TO limited")
		e, err := postgres.Open(sqlengine.Config{DSN: strings.Replace(own.DSN, "postgres@", "limited@", 1), Timeout: time.Minute})
		require.NoError(t, err)
		table, err := told.New(e, "told")
		require.NoError(t, err)
		defer table.Close()
		require.ErrorIs(t, table.Ready(t.Context()), sqlengine.ErrDenied)
		own.Exec(t, "GRANT CREATE ON SCHEMA told TO limited")
		require.NoError(t, table.Ready(t.Context()))
	})
}
