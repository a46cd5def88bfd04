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

// layout is what the start of an object tells about its rows.
type layout struct {
	shape source.Shape
	class segment.Class
	named bool // rows, or messages, name their trait

	// The rest is for tables: the positions of columns; -1 for none.
	header   table.Header
	ids      table.IDs
	external int
	value    int // the value, or audience_action
	name     int
	id       int
	space    int
	time     int
	message  int
	read     []int // all of these that exist, in order
}

// look finds out from an object's start what it is and how its rows are read. If
// something is wrong with the object itself, the error is a [source.DamagedError].
func (s *Source) look(r *bucket.Reader, o source.Object, a Audience) (l layout, open func() rows, err error) {
	p, isParquet, err := table.OpenParquet(r)
	if err != nil {
		return l, nil, err
	}
	if isParquet {
		l, err = parquetLayout(p, a)
		open = func() rows { return &tableRows{p, l} }
	} else {
		text := bufio.NewReaderSize(r, sniffBytes)
		start, peeked := text.Peek(sniffBytes)
		if len(start) == 0 && !errors.Is(peeked, io.EOF) {
			return l, nil, peeked
		}
		l, open, err = s.lookAt(text, start, peeked != nil, a)
	}
	if err != nil {
		err = &source.DamagedError{Object: o.Name, Err: err}
	}
	return l, open, err
}

// lookAt is look for a text and its start; whole means that the start is all of it.
func (s *Source) lookAt(text io.Reader, start []byte, whole bool, a Audience) (l layout, open func() rows, err error) {
	first := table.Trim(start)
	switch err := table.Foreign(start); {
	case err != nil:
		return l, nil, err
	case len(first) == 0:
		return l, nil, errEmptyFile
	case first[0] == '{' || first[0] == '[':
		l, read, err := s.jsonLayout(start, a)
		return l, func() rows { return &jsonRows{bucket.NewSplitter(text, s.cfg.MaxLine), read} }, err
	}
	header, err := table.ReadHeader(start, whole, func(names []string) int {
		_, known := columns(names, a.Columns)
		return known
	})
	if err != nil {
		return l, nil, err
	}
	l, err = columnLayout(header, a)
	return l, func() rows { return &tableRows{table.NewReader(text, header, s.cfg.MaxLine), l} }, err
}

// parquetLayout finds out what a Parquet file is from the names of its columns, as
// for a CSV. A boolean column value is a membership, as it is in JSON.
func parquetLayout(p *table.Parquet, a Audience) (layout, error) {
	l, err := columnLayout(table.Header{Names: p.Names}, a)
	if err != nil {
		return l, err
	}
	if a.Value == "" && l.value >= 0 && p.IsBool(l.value) {
		l.class = segment.ClassAudience
	}
	return l, p.Use(l.read)
}

// columnLayout finds out what a table is from the names of its columns.
func columnLayout(header table.Header, a Audience) (layout, error) {
	l, _ := columns(header.Names, a.Columns)
	l.header = header
	if first, again := l.duplicate(); again > 0 {
		return l, fmt.Errorf("columns %d and %d of the header have the same name, and both would be read: remove one", first+1, again+1)
	}
	return l.decide(a)
}

// columns finds the known columns and counts them. own are those of the configuration.
func columns(names []string, own table.Columns) (l layout, known int) {
	l = layout{external: -1, value: -1, name: -1, id: -1, space: -1, time: -1, message: -1}
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
	return l, known + len(l.ids.Columns())
}

// columns returns the columns that are read.
func (l *layout) columns() []int {
	all := l.ids.Columns()
	for _, column := range [...]int{l.external, l.value, l.name, l.id, l.space, l.time, l.message} {
		if column >= 0 {
			all = append(all, column)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// duplicate finds a column that is read and has the same name as another one.
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

// decide sets shape and class, or says why the file cannot be used.
func (l layout) decide(a Audience) (layout, error) {
	delta := l.shape == source.ShapeChanges
	if err := l.ownColumns(a.Columns); err != nil {
		return l, err
	}
	if l.external < 0 && len(l.ids.Columns()) == 0 {
		return l, fmt.Errorf("no column with an id: none of its columns (%d) is user_id, anonymous_id, email or external_ids; is the header line missing, or does the id have another name (set columns under audiences)?", len(l.header.Names))
	}
	if !delta && a.List == "" {
		// If such rows were taken for a full list, everybody else would leave.
		for _, name := range []string{"audience_name", "audience_id", "event_type", "event_name", "message_id", "properties_or_traits"} {
			if slices.ContainsFunc(l.header.Names, func(n string) bool { return table.Fold(n) == table.Fold(name) }) {
				return l, fmt.Errorf("rows of AWS S3 (Actions), as the column %q shows, without audience_action: add that column in Segment, or set list under audiences", name)
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

// ownColumns checks that the columns that the configuration names exist.
func (l *layout) ownColumns(own table.Columns) error {
	for _, c := range [...]struct {
		key, name string
		kind      table.Kind
	}{{"userId", own.UserID, table.UserID}, {"anonymousId", own.AnonymousID, table.AnonymousID}, {"email", own.Email, table.Email}} {
		if c.name != "" && len(l.ids[c.kind]) == 0 {
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
