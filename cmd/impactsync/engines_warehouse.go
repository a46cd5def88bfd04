//go:build warehouse

package main

import (
	"github.com/impactsync/impactsync/sync/sqlengine/databricks"
	"github.com/impactsync/impactsync/sync/sqlengine/snowflake"
)

func init() {
	engines["snowflake"], engines["databricks"] = snowflake.Open, databricks.Open
}
