package table

import (
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
)

// Objects reads objects of JSON as rows, whose columns are the keys. It is for one
// goroutine.
type Objects struct {
	IDs IDs // of the last object

	own    Columns
	parser segment.Parser
	keys   []string // of the last object, as they stood
	values []segment.Value
}

// NewObjects returns a reader of objects with columns of these names.
func NewObjects(own Columns) *Objects { return &Objects{own: own} }

// Parse reads any JSON. The value, and what is read of it, is valid until the next
// call. Errors are those of [segment.Parser.Parse].
func (o *Objects) Parse(text []byte) (segment.Value, error) { return o.parser.Parse(text) }

// Read takes an object as the row.
func (o *Objects) Read(v segment.Value) {
	o.values = o.values[:0]
	same := v.Len() == len(o.keys)
	v.Each(func(key string, value segment.Value) {
		same = same && o.keys[len(o.values)] == key
		o.values = append(o.values, value)
	})
	if same { // as nearly all are
		return
	}
	o.keys = o.keys[:0]
	v.Each(func(key string, _ segment.Value) { o.keys = append(o.keys, strings.Clone(key)) })
	o.IDs = o.own.Find(o.keys)
}

// At returns the value of a column.
func (o *Objects) At(column int) segment.Value { return o.values[column] }

// Get returns the value of the column whose name is folded to this, and whether
// there is one.
func (o *Objects) Get(folded string) (segment.Value, bool) {
	i := slices.IndexFunc(o.keys, func(key string) bool { return Fold(key) == folded })
	if i < 0 {
		return segment.Value{}, false
	}
	return o.values[i], true
}
