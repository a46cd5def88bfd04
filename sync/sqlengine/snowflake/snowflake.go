//go:build warehouse

// Package snowflake reaches Snowflake.
package snowflake

import (
	"database/sql"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/snowflakedb/gosnowflake"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// Open returns the database at an address such as
//
//	snowflake://reader:password@account/DATABASE/SCHEMA?warehouse=WH&role=READER
//
// which it does not reach yet. Settings are those of gosnowflake, such as
// authenticator=SNOWFLAKE_JWT with privateKey.
func Open(cfg sqlengine.Config) (sqlengine.Engine, error) {
	address, found := strings.CutPrefix(cfg.DSN, "snowflake://")
	if !found {
		return nil, errAddress
	}
	conn, err := gosnowflake.ParseDSN(address)
	if err != nil { // its text may show the password
		return nil, errAddress
	}
	gosnowflake.GetLogger().SetOutput(io.Discard) // it would write addresses to standard error
	utc := "UTC"
	conn.Application = "impactsync"
	if conn.Params == nil {
		conn.Params = map[string]*string{}
	}
	conn.Params["TIMEZONE"] = &utc // in which times without a zone are compared
	if seconds := int64((cfg.Timeout + time.Second - 1) / time.Second); seconds > 0 {
		limit := strconv.FormatInt(seconds, 10)
		conn.Params["STATEMENT_TIMEOUT_IN_SECONDS"] = &limit
	}
	db := &sqlengine.DB{
		Pool: sql.OpenDB(gosnowflake.NewConnector(gosnowflake.SnowflakeDriver{}, *conn)), How: sqlengine.Snowflake(),
		Timeout: cfg.Timeout, Classify: classify, Refuse: sqlengine.OnlyReads, Atomic: true,
	}
	db.Pool.SetMaxOpenConns(4)
	db.Pool.SetConnMaxIdleTime(time.Minute)
	return db, nil
}

var errAddress = errors.New("the DSN is not an address of the form snowflake://user:password@account/DATABASE/SCHEMA?warehouse=WH&role=ROLE: write special characters of the password as % and two digits")

// kinds are the kinds of errors by their number. 2003 is also said of what this role may
// not see.
var kinds = map[int]error{
	2003: sqlengine.ErrNoTable, 2043: sqlengine.ErrNoTable, 904: sqlengine.ErrNoColumn, 3001: sqlengine.ErrDenied, 1003: sqlengine.ErrStatement, 606: sqlengine.ErrDenied,
	604: sqlengine.ErrTimeout, 630: sqlengine.ErrTimeout, 625: sqlengine.ErrLocked,
	390100: sqlengine.ErrLogin, 390101: sqlengine.ErrLogin, 390144: sqlengine.ErrLogin, 390189: sqlengine.ErrLogin, 390114: sqlengine.ErrLogin,
	261001: sqlengine.ErrUnreachable, 260001: sqlengine.ErrLogin, 261004: sqlengine.ErrUnreachable,
}

func classify(err error) error {
	var said *gosnowflake.SnowflakeError
	var network net.Error
	switch {
	case errors.As(err, &said):
		return &sqlengine.Error{Kind: kinds[said.Number], Text: strings.TrimSpace(said.Message), Code: strconv.Itoa(said.Number)}
	case errors.As(err, &network):
		return &sqlengine.Error{Kind: sqlengine.ErrUnreachable, Text: err.Error()}
	}
	return err
}
