// Package told keeps, in a schema of the customer's warehouse, what impact.com was told
// of each person's traits and is settled, and takes the difference to a list there:
// only what differs comes over.
//
// What is under way is not here. A value is written when impact.com has answered 2xx,
// in large batches that can be repeated, and only then leaves the state. So a value may
// stand in both; the state's counts.
package told

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// Errors of a table. What is to be done about it is part of the text.
var (
	// ErrGone means that the schema, a table of it, or its row of meta data is missing.
	ErrGone = errors.New("the table of what impact.com was told is missing")
	// ErrForeign means that it belongs to another state or destination.
	ErrForeign = errors.New("the table of what impact.com was told belongs to another")
	// ErrOld means that another version of impactsync made it.
	ErrOld = errors.New("the table of what impact.com was told has another version")
	// ErrLeased means that another impactsync works with it.
	ErrLeased = errors.New("another impactsync works with the table of what impact.com was told")
)

// LeasedError is an [ErrLeased] that says who has the lease.
type LeasedError struct {
	Holder string
	Until  time.Time // if it is not renewed
}

// Error implements error.
func (e *LeasedError) Error() string {
	return fmt.Sprintf("%v: %s, which has it until %s unless it goes on", ErrLeased, e.Holder, e.Until.UTC().Format(time.RFC3339))
}

// Unwrap returns ErrLeased.
func (e *LeasedError) Unwrap() error { return ErrLeased }

// Kinds of [Key].
const (
	UserID      = "user_id"
	AnonymousID = "anonymous_id"
	EmailSHA1   = "email_sha1" // in hexadecimal digits; never an address
)

// Key names a person.
type Key struct{ Kind, ID string }

// Row is what impact.com was told of a person's trait.
type Row struct {
	Trait string
	Key   Key
	Value string    // as it was told: "true", "false", or a computed trait's text
	Gone  bool      // for Write: there is to be no such row
	At    time.Time // when it was told; to the second
	// Kept is set in Difference.Told for a row that the list still wants as it was told:
	// it is there because its id stands in the rows of somebody who differs.
	Kept bool

	// What rides along with the key of a user or visitor; "" where nothing does.
	AnonymousID string
	EmailSHA1   string
}

// Owner is the state and the destination that a table belongs to.
type Owner struct{ StoreID, Destination string }

// Counts are numbers of a trait.
type Counts struct {
	Rows int64 // of the table
	Told int64 // of them, those whose value is not "false"

	// Of a difference only.
	Members int64 // people on the list
	Joins   int64 // of them, those who are not told as it is wanted
	Exits   int64 // those told, but no longer wanted, as they were told
}

// Role is what a column of a list holds.
type Role int

// Roles of columns.
const (
	RoleProfile     Role = iota // rows of the same profile follow one another; of several columns, all count
	RoleValue                   // the newest comes last
	RoleKind                    // of the id in the column of RoleID: user_id, anonymous_id or email
	RoleID                      //
	RoleUserID                  //
	RoleAnonymousID             //
	RoleEmail                   // an address in clear, or its SHA-1
	RoleGone                    // the profile does not count where it has a text
	RoleIgnored                 //
)

// Wanted is a list: a statement of the source, and what its columns hold. Without
// RoleProfile each row is a profile of its own. Without RoleValue everybody on it is a
// member.
type Wanted struct {
	Statement string // without ORDER BY
	Args      []any
	Columns   []string // of the statement in order, all different
	Roles     []Role   // of the columns in order
	Order     []int    // the columns by which the rows of a profile are older or newer
	Computed  bool     // the value is any text, rather than a membership
	// Whole wants everything of the list and of the table: when what the program takes for
	// an id is another than when the table was written.
	Whole bool
}

// Difference is how a list and the table differ, from one moment. It may hold more
// than differs, never less: who is not in it is told as it is wanted.
type Difference struct {
	Counts Counts
	// Told are the rows that are not, or no longer, wanted as they were told, and those of
	// every id that stands in a row of List, however they were told (the state would
	// otherwise take who is on List for somebody new). It is read once, to its end, before
	// List.
	Told iter.Seq2[Row, error]
	// List returns the rows of the list that belong to profiles which are not told as it
	// is wanted: all rows of each, in the list's order and with its columns.
	List func(context.Context) (sqlengine.Rows, error)
	// Close ends it.
	Close func() error
}

// Table is what impact.com was told, in one schema. It is safe for concurrent use.
type Table interface {
	// Create makes what is missing of the tables, which then belong to the owner. Tables
	// of another are [ErrForeign].
	Create(context.Context, Owner) error
	// Ready returns an error if tables cannot be made, as their schema is missing, or in
	// PostgreSQL the right to. It makes nothing.
	Ready(context.Context) error
	// Check returns [ErrGone], [ErrForeign] or [ErrOld] if the tables cannot be used.
	Check(context.Context, Owner) error
	// Lease takes the table for one process, or returns [ErrLeased]. It is renewed until
	// it is released; one that was not is free again after ttl.
	Lease(ctx context.Context, holder string, ttl time.Duration) (release func(context.Context) error, err error)
	// Counts returns the rows of each trait.
	Counts(context.Context) (map[string]Counts, error)
	// Difference compares a list with what was told of a trait.
	Difference(ctx context.Context, trait string, wanted Wanted) (*Difference, error)
	// Estimate returns what a difference takes, in the engine's own words; "" if it does not
	// tell.
	Estimate(ctx context.Context, trait string, wanted Wanted) (string, error)
	// Write puts rows in place of those of the same trait and key, and removes those that
	// are Gone; the last one of a key counts. The engine reads its table once for all of
	// them, so there should be many. All of them are there when Write returns, and before
	// that none, if the engine has transactions. It may be repeated with the same token and
	// rows. A token is new for each write.
	Write(ctx context.Context, token string, rows iter.Seq2[Row, error]) error
	// Rows returns every row of a trait.
	Rows(ctx context.Context, trait string) iter.Seq2[Row, error]
	// Of returns the rows of people, of all traits, by their keys.
	Of(ctx context.Context, keys []Key) ([]Row, error)
	// Riding returns the rows with which one of some anonymous ids or SHA-1 rides along. It
	// may read the whole table.
	Riding(ctx context.Context, keys []Key) ([]Row, error)
	// Forget removes the rows of people for good, by their keys.
	Forget(ctx context.Context, keys []Key) error
	// Objects names what Create makes.
	Objects() []string
	// Drop removes what Create made.
	Drop(context.Context) error
	Close() error
}
