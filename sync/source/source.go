// Package source describes what the engine reads: inputs in a bucket, each of one of
// three shapes, handed over in batches with a position to resume from.
//
// A source stores nothing itself. The engine stores a batch and its position in one
// transaction, so nothing is lost or read twice.
package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"strconv"
	"time"

	"github.com/impactsync/impactsync/state/rules"
	"github.com/impactsync/impactsync/sync/segment"
)

// Shape says how the engine treats an input.
type Shape int

// A log holds Segment messages, a changes file holds who joined or left, and a
// list holds everybody who is a member (or has a computed trait) now.
const (
	ShapeLog Shape = iota + 1
	ShapeChanges
	ShapeList
)

// Object is an object of a bucket as it was listed.
type Object struct {
	Name    string // as it is shown and stored: without e-mail addresses
	Key     string // its name in the bucket, if that is different
	Size    int64
	ETag    string // or a text made of size and time, if the bucket has no ETags
	ModTime time.Time
	// Unusable says why it must not be read, although it is there.
	Unusable string
}

// Position says how far an object was read, so that reading continues in an object
// that has grown and starts again in one that was rewritten. The zero value is the
// start.
type Position struct {
	Offset int64  // decoded bytes consumed
	Line   int64  // lines consumed
	Hash   []byte // of the decoded bytes before Offset
	Done   bool   // read to the end of what was there
}

// Input is one thing to read: an object, or the parts of one list.
type Input struct {
	Source  string
	Shape   Shape
	Objects []Object // one; several for a list in parts, none for a configured list without a file

	// The rest is for lists and for changes whose rows do not name their trait.
	Key       string // trait key
	Name      string // the name that the key was made from, if any
	Class     segment.Class
	ListedAt  time.Time // the time of the newest part, which orders the lists of a key
	OnMissing string    // "keep" or "exit"
	// Rule is what the configuration says about the files' trait; nil if it does not
	// mention these files.
	Rule *rules.Rule
}

// Record is one line or row. Exactly one of Message, Change, Rejected and
// Skipped is set, except that Change is also set with a Message that is a trait
// change, and with a change that is skipped because of its key.
// A record is valid until the callback that received it returns.
type Record struct {
	Object   string
	Line     int64
	Message  *segment.Message
	Change   *segment.TraitChange
	Rejected string // why the line cannot be used; never holds any of it
	// Unreadable is set for a rejected row of a list if not even its person is known:
	// then anybody who is missing from the list may be on it.
	Unreadable bool
	Skipped    string // why it is passed over on purpose: a word for the counters, e.g. "before_start"
}

// NamesNobody is why a message or row without a usable id is rejected.
const NamesNobody = "no usable user id, anonymous id or e-mail address"

// Member is one person on a list.
type Member struct {
	segment.Identity
	Line    int64  // of the row that says so
	Value   string // "true" for membership, else the computed value
	Cleared bool   // the row names the person but has no value
}

// Batch is a bounded number of records (at most 1,000, or some more if a row names
// several people, and about 4 MiB of text) and the position after the last one.
type Batch struct {
	Records  []Record
	Members  []Member // of a list; the records are its other rows
	Position Position
	Taken    int64 // bytes that came from the bucket since the previous batch, for progress
}

// DayOf returns the day that Segment names the last folder of a path for: it writes logs
// to segment-logs/SOURCE/DAY/, by when messages were received, in milliseconds
// (https://segment.com/docs/connections/storage/catalog/aws-s3/).
func DayOf(name string) (day time.Time, ok bool) {
	folder := path.Base(path.Dir(name))
	ms, err := strconv.ParseInt(folder, 10, 64)
	if err != nil || len(folder) != 13 || ms%(24*time.Hour).Milliseconds() != 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(ms).UTC(), true
}

// Source is one configured place to read from.
type Source interface {
	// Name is the source's name in the configuration.
	Name() string
	// Inputs lists the inputs; an error ends it. Lists and changes come oldest first,
	// and are few enough to be held in memory. Logs, of which there may be millions,
	// come in any order. It may open objects to find out their shape. It calls reject
	// with objects that cannot be used at all, and the reason.
	Inputs(ctx context.Context, reject func(obj Object, line int64, reason string)) iter.Seq2[Input, error]
	// Read reads an input from a position (a list always from the start) and calls fn
	// with each batch, in order, in the caller's goroutine. At the end of the object
	// it calls fn with a last batch, perhaps without records, whose Position is Done.
	// An error of fn ends the reading and is returned.
	Read(ctx context.Context, in Input, from Position, fn func(Batch) error) error
	// Close closes what the source holds open.
	Close() error
}

// Database is a source whose lists are statements.
type Database interface {
	Source
	// Check reports why a list could not be read, without reading it.
	Check(ctx context.Context, in Input) error
	// Estimate returns what reading a list takes, in the database's own words; "" if it
	// does not tell.
	Estimate(ctx context.Context, in Input) (string, error)
}

// Errors that the engine distinguishes. A list that ends in any error is never
// compared; the batches of a log count.
var (
	// ErrConfig is an error of Inputs: they contradict the configuration, and a run
	// must stop before it changes anything.
	ErrConfig = errors.New("the configuration does not fit the input")
	// ErrGone says that an object vanished between listing and reading.
	ErrGone = errors.New("the object vanished while it was read")
	// ErrChanged says that an object's size or time changed while it was read.
	ErrChanged = errors.New("the object changed while it was read")
	// ErrEmpty is an error of Inputs: there is not a single object.
	ErrEmpty = errors.New("nothing is there: look at the folder's name and at when Segment writes its first file (about an hour after it was connected)")
)

// DamagedError says that an object ends in the middle (a truncated gzip) or cannot
// be decoded. What is whole was handed over.
type DamagedError struct {
	Object string
	Line   int64 // the last whole line
	Err    error
}

// Error implements error.
func (e *DamagedError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: cannot be read: %v", e.Object, e.Err)
	}
	return fmt.Sprintf("%s: damaged after line %d: %v", e.Object, e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *DamagedError) Unwrap() error { return e.Err }
