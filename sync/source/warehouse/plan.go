package warehouse

import (
	"github.com/impactsync/impactsync/sync/sqlengine"
)

// role is what a column of a statement holds.
type role int

const (
	roleProfile role = iota // rows of the same profile follow one another; of several columns, all count
	roleValue               // the newest comes last
	roleKind                // of the id in roleID: user_id, anonymous_id or email
	roleID
	roleUserID
	roleAnonymousID
	roleEmail
	roleIgnored
)

// plan says how a list is read.
type plan struct {
	object    string          // the list's name: a table and what is read of it
	table     sqlengine.Table // for errors; without a name: a statement of somebody's own
	statement string
	args      []any
	roles     []role // of the columns in order; nil: their names tell
	version   version
}

// version is a statement whose one row changes whenever the list does. Its first
// columns are times of the newest data, in microseconds since 1970. With an empty
// statement nothing is known, and the list is always read.
type version struct {
	statement      string
	args           []any
	times, columns int
}
