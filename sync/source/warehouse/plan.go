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
	roleGone // the profile does not count where it has a text
	roleIgnored
)

// plan says how a list is read.
type plan struct {
	object    string          // the list's name: a table and what is read of it
	table     sqlengine.Table // for errors; without a name: a statement of somebody's own
	statement string
	args      []any
	roles     []role // of the columns in order; nil: their names tell
	none      error  // what it means if there is no row; nil: nobody is on the list
	version   version
}

// version are statements whose rows, one of each, change whenever the list does. The
// first column of each is the time of the newest data, in microseconds since 1970. Of a
// list without any, nothing is known, and it is always read.
type version []versionPart

type versionPart struct {
	statement string
	args      []any
	columns   int
}
