package audiences

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/table"
)

// format is how an object is written.
type format int

const (
	formatCSV      format = iota + 1
	formatJSON            // objects that are members
	formatMessages        // raw Segment messages
	formatParquet
)

// layout is what the start of an object says about it.
type layout struct {
	format format
	shape  source.Shape
	class  segment.Class
	named  bool // rows name their trait

	// The rest is for CSV: where the columns are; -1 for none.
	header   table.Header
	ids      table.IDs
	external int
	value    int // the value, or audience_action
	name     int
	id       int
	space    int
	time     int
	message  int
	read     []int // all of these that are there, in order
}

// content is an object that was looked at: its text from the start, or its table.
type content struct {
	text    *bufio.Reader
	parquet *table.Parquet
}

// unusableError says what is wrong with an object itself.
type unusableError struct{ error }

// look returns an object's layout and its content.
func (s *Source) look(r *bucket.Reader, a Audience) (c content, l layout, err error) {
	if at, size, ok := r.Parquet(); ok {
		if c.parquet, err = table.OpenParquet(at, size); err != nil {
			return c, l, r.Damaged(err)
		}
		l, err = parquetLayout(c.parquet, a)
	} else {
		c.text = bufio.NewReaderSize(r, sniffBytes)
		start, peeked := c.text.Peek(sniffBytes)
		if len(start) == 0 && !errors.Is(peeked, io.EOF) {
			return c, l, peeked
		}
		l, err = s.layoutOf(start, peeked != nil, a)
	}
	if err != nil {
		err = &unusableError{err}
	}
	return c, l, err
}

// layoutOf finds out what a text is from its start, of which whole says that it is
// everything.
func (s *Source) layoutOf(start []byte, whole bool, a Audience) (l layout, err error) {
	text := table.Trim(start)
	switch err := table.Foreign(start); {
	case err != nil:
		return l, err
	case len(text) == 0:
		return l, errEmptyFile
	case text[0] == '{' || text[0] == '[':
		return s.jsonLayout(start, a)
	}
	header, err := table.ReadHeader(start, whole, func(names []string) int {
		_, known := columns(names, a.Columns)
		return known
	})
	if err != nil {
		return l, err
	}
	return columnLayout(header, a)
}

// columnLayout finds out what a table is from the names of its columns.
func columnLayout(header table.Header, a Audience) (layout, error) {
	l, _ := columns(header.Names, a.Columns)
	l.header = header
	if first, again := l.duplicate(); again > 0 {
		return l, fmt.Errorf("columns %d and %d of the header have one name, and both would be read: leave one out", first+1, again+1)
	}
	return l.decide(a)
}

// columns finds the known columns and counts them.
func columns(names []string, own table.Columns) (l layout, known int) {
	l = noColumns()
	action := -1
	single := map[string]*int{
		"externalids": &l.external, "value": &l.value, "audienceaction": &action, "audiencename": &l.name,
		"audienceid": &l.id, "audiencespaceid": &l.space, "spaceid": &l.space,
		"timestamp": &l.time, "messageid": &l.message,
	}
	l.ids = own.Find(names)
	for i, name := range names {
		if at := single[table.Fold(name)]; at != nil {
			*at = i
			known++
		}
	}
	if action >= 0 {
		l.value, l.shape = action, source.ShapeChanges
	}
	l.read = l.columns()
	return l, known + l.ids.Len()
}

func noColumns() layout {
	return layout{format: formatCSV, external: -1, value: -1, name: -1, id: -1, space: -1, time: -1, message: -1}
}

// columns returns the columns that are read.
func (l *layout) columns() []int {
	all := slices.Concat(l.ids.Users, l.ids.Anons, l.ids.Emails)
	for _, column := range [...]int{l.external, l.value, l.name, l.id, l.space, l.time, l.message} {
		if column >= 0 {
			all = append(all, column)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// duplicate finds a column that is read and has the name of another one.
func (l *layout) duplicate() (first, again int) {
	for _, column := range l.read {
		for i, name := range l.header.Names {
			if i != column && strings.EqualFold(name, l.header.Names[column]) {
				return min(i, column), max(i, column)
			}
		}
	}
	return 0, 0
}

// decide settles shape and class, or says why the file is of no use.
func (l layout) decide(a Audience) (layout, error) {
	delta := l.shape == source.ShapeChanges
	if err := l.ownColumns(a.Columns); err != nil {
		return l, err
	}
	if l.external < 0 && l.ids.Len() == 0 {
		return l, fmt.Errorf("no column with an id: none of the %d columns is user_id, anonymous_id, email or external_ids; is the header line missing, or has the id another name (columns under audiences)?", len(l.header.Names))
	}
	if !delta && a.List == "" {
		// To take such rows for a full list would let everybody else leave.
		for _, name := range []string{"audience_name", "audience_id", "event_type", "event_name", "message_id", "properties_or_traits"} {
			if slices.ContainsFunc(l.header.Names, func(n string) bool { return table.Fold(n) == table.Fold(name) }) {
				return l, fmt.Errorf("rows of AWS S3 (Actions), by the column %q, without audience_action: add that column in Segment, or set list under audiences", name)
			}
		}
	}
	if a.Value == "computed" && l.value < 0 {
		return l, errors.New("value: computed is set, but there is no column value")
	}
	l.class = segment.ClassAudience
	if a.Value == "computed" || a.Value == "" && l.value >= 0 && !delta {
		l.class = segment.ClassComputed
	}
	l.shape = shapeOf(a, delta)
	l.named = l.shape == source.ShapeChanges && l.name >= 0
	return l, nil
}

// ownColumns looks whether the columns that the configuration names are there.
func (l *layout) ownColumns(own table.Columns) error {
	for _, c := range [...]struct {
		key, name string
		found     []int
	}{{"userId", own.UserID, l.ids.Users}, {"anonymousId", own.AnonymousID, l.ids.Anons}, {"email", own.Email, l.ids.Emails}} {
		if c.name != "" && len(c.found) == 0 {
			return fmt.Errorf("no column %q (columns.%s of the configuration)", c.name, c.key)
		}
	}
	return nil
}

func shapeOf(a Audience, changes bool) source.Shape {
	if a.List == "changes" || a.List == "" && changes {
		return source.ShapeChanges
	}
	return source.ShapeList
}
