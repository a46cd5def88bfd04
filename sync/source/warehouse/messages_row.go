package warehouse

import (
	"database/sql"
	"encoding/json"
	"strconv"
	"time"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/sqlengine"
)

// expression returns how a field is read: as a text, whatever its type is.
func (l *layout) expression(f field) string {
	ref := l.table.ref(f.name)
	switch f.class {
	case classBool:
		return sqlengine.BoolText(ref)
	case classTime:
		return l.table.dialect.Micros(ref)
	}
	return l.table.dialect.Text(ref)
}

// message appends the message of a row. The event is that of a row without one.
func (l *layout) message(dst []byte, row []sql.RawBytes, event string) []byte {
	dst = append(dst, `{"type":`...)
	dst = segment.AppendString(dst, l.kind)
	named := false
	for _, p := range l.root.children {
		before := len(dst)
		dst = append(dst, ',')
		start := len(dst)
		if dst = l.appendMember(dst, p, row); len(dst) == start {
			dst = dst[:before]
			continue
		}
		named = named || p.key == "event"
	}
	if l.kind == "track" && !named && event != "" {
		dst = segment.AppendString(append(dst, `,"event":`...), event)
	}
	return append(dst, '}')
}

// appendMember writes a part under its key, or nothing if the row has nothing of it.
func (l *layout) appendMember(dst []byte, p *part, row []sql.RawBytes) []byte {
	before := len(dst)
	dst = append(segment.AppendString(dst, p.key), ':')
	start := len(dst)
	if dst = l.appendPart(dst, p, row); len(dst) == start {
		return dst[:before]
	}
	return dst
}

func (l *layout) appendPart(dst []byte, p *part, row []sql.RawBytes) []byte {
	if p.column >= 0 && row[p.column] != nil {
		text := row[p.column]
		switch {
		case (p.wraps || len(p.children) > 0) && isJSON(text):
			return append(dst, text...)
		case p.leaf:
			return appendValue(dst, text, l.fields[p.column].class)
		}
	}
	before := len(dst)
	dst = append(dst, '{')
	start := len(dst)
	for _, child := range p.children {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		end := len(dst)
		if dst = l.appendMember(dst, child, row); len(dst) == end && end > start {
			dst = dst[:end-1]
		}
	}
	if len(dst) == start {
		return dst[:before]
	}
	return append(dst, '}')
}

// isJSON reports whether a text is the JSON of an object or array.
func isJSON(text []byte) bool {
	return len(text) > 1 && (text[0] == '[' || text[0] == '{') && json.Valid(text)
}

// appendValue writes a value as it would be in the message. Numbers are written as the
// database gives them.
func appendValue(dst, text []byte, c class) []byte {
	switch c {
	case classNumber, classFloat:
		if len(text) > 0 && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && json.Valid(text) {
			return append(dst, text...)
		}
	case classBool:
		return append(dst, text...)
	case classTime:
		if micros, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return append(time.UnixMicro(micros).UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
		}
	}
	return segment.AppendString(dst, string(text))
}
