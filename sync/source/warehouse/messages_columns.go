package warehouse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/sqlengine"
)

// class is what a column's values are in JSON.
type class int

const (
	classText class = iota
	classNumber
	classFloat
	classBool
	classTime
)

// classes are the beginnings of the names of types, of all engines.
var classes = []struct {
	prefix string
	class  class
}{
	{"bool", classBool}, {"timestamp", classTime}, {"datetime", classTime},
	{"float", classFloat}, {"double", classFloat}, {"real", classFloat},
	{"interval", classText}, {"int", classNumber}, {"uint", classNumber}, {"bigint", classNumber}, {"smallint", classNumber}, {"tinyint", classNumber}, {"byteint", classNumber},
	{"numeric", classNumber}, {"decimal", classNumber}, {"number", classNumber}, {"bignumeric", classNumber}, {"long", classNumber},
}

func classOf(typ string) class {
	for _, wrap := range []string{"lowcardinality(", "nullable("} { // ClickHouse's
		typ = strings.TrimPrefix(typ, wrap)
	}
	for _, c := range classes {
		if strings.HasPrefix(typ, c.prefix) {
			return c.class
		}
	}
	return classText
}

// field is a column that is read.
type field struct {
	name  string
	class class
}

// part is a part of the message that a row is made into.
type part struct {
	key      string
	column   int  // of the fields; -1: none
	leaf     bool // the column's text is the value, whatever it is
	wraps    bool // it may be the JSON of an object or array
	children []*part
}

// layout says which columns of a table are read, and where they belong in a message.
// Segment joins the keys of a path with _, so a column's name does not say which path it
// was made from. But the paths that are read are known, and so are their columns.
type layout struct {
	table  *table
	kind   string
	fields []field
	root   part
}

// commonColumns are those that every table may have, and no property.
var commonColumns = []string{
	"id", "user_id", "anonymous_id", "received_at", "sent_at", "timestamp", "original_timestamp", "event", "event_text", "uuid", "uuid_ts", "loaded_at",
}

// topOfMessage are the columns of a message's own keys.
var topOfMessage = []struct{ key, column string }{
	{"messageId", "id"}, {"userId", "user_id"}, {"anonymousId", "anonymous_id"}, {"event", "event_text"},
	{"timestamp", "timestamp"}, {"originalTimestamp", "original_timestamp"}, {"sentAt", "sent_at"}, {"receivedAt", "received_at"},
}

// alwaysRead are paths that are read of every message: those that say whether it comes
// from Engage, and the addresses.
var alwaysRead = [][]string{
	{"context", "personas", "computation_class"}, {"context", "personas", "computation_key"},
	{"traits", "email"}, {"context", "traits", "email"}, {"properties", "email"},
}

func (s *Messages) layout(t *table, m *messageTable) (*layout, error) {
	l := &layout{table: t, kind: m.kind, root: part{column: -1}}
	if err := l.check(); err != nil {
		return nil, err
	}
	for _, top := range topOfMessage {
		l.place(top.column, []string{top.key}, true)
	}
	paths := s.cfg.Reads.ClickURLs
	if m.sent {
		paths = s.cfg.Reads.Paths
	}
	for _, keys := range slices.Concat(alwaysRead, paths, s.cfg.Reads.ClickIDs) {
		l.add(keys)
	}
	if m.refund {
		l.addAllProperties()
	}
	l.addConsent(s.cfg.Reads.Consent)
	return l, nil
}

// check refuses a table that is none of Segment's.
func (l *layout) check() error {
	if err := l.table.needs("id", "received_at"); err != nil {
		return err
	}
	if err := l.table.exact("id", "user_id", "anonymous_id"); err != nil {
		return err
	}
	if c, _ := l.table.column("received_at"); classOf(c.Type) != classTime {
		return fmt.Errorf("%s: column %s is of the type %s and not a timestamp, so nothing says which rows are new", shown(l.table.Table), c.Name, c.Type)
	}
	return nil
}

// add reads the columns of a path: the one of the whole path, and those of its
// beginnings, in which Segment keeps objects that hold an array as JSON.
func (l *layout) add(keys []string) {
	top, prefix := 1, ""
	switch {
	case keys[0] == "context":
		prefix = "context_"
	case keys[0] == "properties" && (l.kind == "track" || l.kind == "page" || l.kind == "screen"), keys[0] == "traits" && (l.kind == "identify" || l.kind == "group"):
	case len(keys) == 1 && (l.kind == "page" || l.kind == "screen") && (keys[0] == "name" || keys[0] == "category"):
		top = 0
	default:
		return
	}
	for n := top + 1; n <= len(keys) && !isPosition(keys[n-1]); n++ {
		for _, name := range columnNames(prefix, keys[top:n]) {
			if l.place(name, keys[:n], n == len(keys)) {
				break
			}
		}
	}
}

// columnNames returns how a path's column may be called. Behind _ are properties that
// would have the name of a common column.
func columnNames(prefix string, keys []string) []string {
	words := make([]string, len(keys))
	for i, key := range keys {
		words[i] = segment.WarehouseName(key)
	}
	name := prefix + strings.Join(words, "_")
	if slices.Contains(commonColumns, name) {
		return []string{"_" + name}
	}
	return slices.Compact([]string{name, prefix + segment.WarehouseName(strings.Join(keys, "_")), "_" + name})
}

func isPosition(key string) bool {
	_, err := strconv.Atoi(key)
	return err == nil
}

// place reads a column, if there is one, into the message.
func (l *layout) place(name string, keys []string, leaf bool) bool {
	c, found := l.table.column(l.table.dialect.Column(name))
	if !found {
		return false
	}
	p := &l.root
	for _, key := range keys {
		p = p.child(key)
	}
	p.column = l.field(c)
	p.leaf, p.wraps = p.leaf || leaf, p.wraps || !leaf
	return true
}

// field returns the number of a column, each of which is read once.
func (l *layout) field(c sqlengine.Column) int {
	i := slices.IndexFunc(l.fields, func(f field) bool { return f.name == c.Name })
	if i < 0 {
		i = len(l.fields)
		l.fields = append(l.fields, field{c.Name, classOf(c.Type)})
	}
	return i
}

func (p *part) child(key string) *part {
	i := slices.IndexFunc(p.children, func(c *part) bool { return c.key == key })
	if i < 0 {
		i = len(p.children)
		p.children = append(p.children, &part{key: key, column: -1})
	}
	return p.children[i]
}

// addAllProperties reads every column of a property that no path has, under the name of
// the column.
func (l *layout) addAllProperties() {
	for _, c := range l.table.columns {
		name := strings.ToLower(c.Name)
		read := slices.ContainsFunc(l.fields, func(f field) bool { return f.name == c.Name })
		if !read && !slices.Contains(commonColumns, name) && !strings.HasPrefix(name, "context_") {
			l.place(c.Name, []string{"properties", name}, true)
		}
	}
}

// addConsent reads what people consented to: also other categories than those that are
// required, since consent to others alone is not enough.
func (l *layout) addConsent(required []string) {
	if len(required) == 0 {
		return
	}
	const prefix = "context_consent_category_preferences_"
	names := map[string]string{}
	for _, category := range required {
		names[l.table.dialect.Column(prefix+segment.WarehouseName(category))] = category
	}
	for _, c := range l.table.columns {
		name := strings.ToLower(c.Name)
		if category, ok := names[name]; ok {
			l.place(c.Name, []string{"context", "consent", "categoryPreferences", category}, true)
		} else if other, ok := strings.CutPrefix(name, prefix); ok {
			l.place(c.Name, []string{"context", "consent", "categoryPreferences", other}, true)
		}
	}
}
