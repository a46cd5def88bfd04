//go:build warehouse

package snowflake

import (
	"testing"
	"time"

	"github.com/snowflakedb/gosnowflake"
	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// No server of Snowflake's runs here.
func TestOpen(t *testing.T) {
	t.Parallel()
	e, err := Open(sqlengine.Config{DSN: "snowflake://reader:s3cret@acme/DB/PROD_WEB?warehouse=WH", Timeout: time.Minute})
	require.NoError(t, err)
	_, err = e.Query(t.Context(), "DELETE FROM t")
	require.ErrorIs(t, err, sqlengine.ErrStatement)
	require.NoError(t, e.Close())
	for _, dsn := range []string{"", "snowflake://", "snowflake://u:s3cret@", "postgres://u:s3cret@acme/DB"} {
		_, err := Open(sqlengine.Config{DSN: dsn})
		require.Error(t, err, "%s", dsn)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	err := classify(&gosnowflake.SnowflakeError{Number: 2003, Message: "Object 'X' does not exist or not authorized."})
	require.ErrorIs(t, err, sqlengine.ErrNoTable)
	require.ErrorContains(t, err, "Object 'X' does not exist or not authorized. (2003)")
}
