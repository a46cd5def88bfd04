//go:build warehouse

package databricks

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// No server of Databricks' runs here.
func TestOpen(t *testing.T) {
	t.Parallel()
	e, err := Open(sqlengine.Config{DSN: "databricks://token:s3cret@adb.example/sql/1.0/warehouses/abc?catalog=main"})
	require.NoError(t, err)
	_, err = e.Query(t.Context(), "DROP TABLE t")
	require.ErrorIs(t, err, sqlengine.ErrStatement)
	require.NoError(t, e.Close())
	for _, dsn := range []string{"", "databricks://", "databricks://token:s3cret@", "postgres://u:s3cret@acme/DB"} {
		_, err := Open(sqlengine.Config{DSN: dsn})
		require.Error(t, err, "%s", dsn)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestParametersHaveNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, []any{sql.Named("p1", "a"), sql.Named("p2", int64(2))}, named([]any{"a", int64(2)}))
}

func TestErrors(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, classify(errors.New("[TABLE_OR_VIEW_NOT_FOUND] The table or view x cannot be found")), sqlengine.ErrNoTable)
}
