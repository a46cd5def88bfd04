package audiences

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
)

// format is how an object is written.
type format int

const (
	formatCSV      format = iota + 1
	formatJSON            // objects that are members
	formatMessages        // raw Segment messages
)

// layout is what an object's start tells.
type layout struct {
	format format
	shape  source.Shape
	class  segment.Class
	named  bool // rows name their trait

	// The rest is for CSV: where the columns are; -1 for none.
	comma    byte
	width    int
	users    []int
	anons    []int
	emails   []int
	external int
	value    int // the value, or audience_action
	name     int
	id       int
	space    int
	time     int
	message  int
}

// delimiters are the ones that AWS S3 (Actions) offers
// (https://segment.com/docs/connections/destinations/catalog/actions-s3/).
const delimiters = ",|\t;:"

// csvLayout reads a header line. Its delimiter is the one that gives the most
// known columns.
func csvLayout(header []byte, a Audience) (layout, error) {
	if !utf8.Valid(header) {
		return layout{}, errors.New("the header is not valid UTF-8: save the file as UTF-8")
	}
	var best layout
	var names []string
	most := -1
	for _, comma := range []byte(delimiters) {
		fields, err := splitHeader(header, comma)
		if err != nil {
			continue
		}
		l, known := columns(fields)
		if l.comma = comma; known > most {
			best, names, most = l, fields, known
		}
	}
	if most < 0 {
		return best, errors.New("the first line cannot be read as a CSV header")
	}
	if first, again := duplicate(names); again > 0 {
		return best, fmt.Errorf("columns %d and %d of the header have one name", first+1, again+1)
	}
	return best.decide(names, a)
}

func splitHeader(header []byte, comma byte) ([]string, error) {
	line := rows{comma: comma}
	if err := line.split(header); err != nil {
		return nil, err
	}
	names := make([]string, len(line.fields))
	for i, field := range line.fields {
		names[i] = strings.ToLower(strings.TrimSpace(string(field)))
	}
	return names, nil
}

// columns finds the known columns and counts them.
func columns(names []string) (l layout, known int) {
	l = layout{format: formatCSV, width: len(names), external: -1, value: -1, name: -1, id: -1, space: -1, time: -1, message: -1}
	action := -1
	single := map[string]*int{
		"external_ids": &l.external, "value": &l.value, "audience_action": &action, "audience_name": &l.name,
		"audience_id": &l.id, "audience_space_id": &l.space, "space_id": &l.space,
		"timestamp": &l.time, "message_id": &l.message,
	}
	for i, name := range names {
		if at := single[name]; at != nil {
			*at = i
			known++
			continue
		}
		switch strings.TrimRight(name, "0123456789") {
		case "user_id", "userid", "user_id_":
			l.users = append(l.users, i)
		case "anonymous_id", "anonymousid", "anonymous_id_":
			l.anons = append(l.anons, i)
		case "email", "email_":
			l.emails = append(l.emails, i)
		default:
			continue
		}
		known++
	}
	if action >= 0 {
		l.value, l.shape = action, source.ShapeChanges
	}
	return l, known
}

func duplicate(names []string) (first, again int) {
	for i, name := range names {
		if at := slices.Index(names[:i], name); name != "" && at >= 0 {
			return at, i
		}
	}
	return 0, 0
}

// decide settles shape and class, or says why the file is of no use.
func (l layout) decide(names []string, a Audience) (layout, error) {
	delta := l.shape == source.ShapeChanges
	if l.external < 0 && len(l.users)+len(l.anons)+len(l.emails) == 0 {
		return l, fmt.Errorf("no column with an id: none of the %d columns is user_id, anonymous_id, email or external_ids; is the header line missing?", len(names))
	}
	if !delta && a.List == "" {
		// To take such rows for a full list would let everybody else leave.
		for _, name := range []string{"audience_name", "audience_id", "event_type", "event_name", "message_id", "properties_or_traits"} {
			if slices.Contains(names, name) {
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

func shapeOf(a Audience, changes bool) source.Shape {
	if a.List == "changes" || a.List == "" && changes {
		return source.ShapeChanges
	}
	return source.ShapeList
}
