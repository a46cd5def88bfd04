package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/sqlengine"
)

// messageTable is a table of messages.
type messageTable struct {
	sqlengine.Table
	kind   string   // the messages' type
	event  string   // of a table of one event: its name as the settings have it
	sent   bool     // its messages are sent; of others only what they say about people and clicks is read
	refund bool     // its messages are about refunds
	others []string // of tracks: the events that have tables of their own
	err    error    // why it cannot be read
}

// object returns the name by which what was read of the table is remembered.
func (t *messageTable) object() string { return shown(t.Table) }

// messageTables are the tables of each type of message, but for tracks.
var messageTables = []struct{ kind, table string }{
	{"identify", "identifies"}, {"page", "pages"}, {"screen", "screens"}, {"group", "groups"}, {"alias", "aliases"},
}

func tableOf(kind string) string {
	for _, m := range messageTables {
		if m.kind == kind {
			return m.table
		}
	}
	return "tracks"
}

// findIn returns the tables of one schema.
func (s *Messages) findIn(ctx context.Context, c *catalogue, schema string) (all []*messageTable, err error) {
	there, err := c.tablesOf(ctx, schema)
	if err != nil {
		return nil, err
	}
	find := func(name string) (sqlengine.Table, bool) {
		i := slices.IndexFunc(there, func(one string) bool { return strings.EqualFold(one, name) })
		if i < 0 {
			return sqlengine.Table{Schema: schema, Name: name}, false
		}
		return sqlengine.Table{Schema: schema, Name: there[i]}, true
	}
	for _, m := range messageTables {
		t := &messageTable{kind: m.kind, sent: slices.Contains(s.cfg.Reads.Types, m.kind)}
		var found bool
		if t.Table, found = find(m.table); !found && t.sent {
			t.err = c.hidden(ctx, t.Table)
		}
		if found || t.err != nil {
			all = append(all, t)
		}
	}
	events, missing := s.events(c, find)
	tracks := &messageTable{kind: "track"}
	var found bool
	if tracks.Table, found = find("tracks"); !found {
		tracks.err = c.hidden(ctx, tracks.Table)
		if tracks.err == nil && len(events) == 0 {
			return all, nil
		}
		if tracks.err == nil {
			tracks.err = fmt.Errorf("%s: %w, but there are tables of events: let Segment sync it", tracks.object(), sqlengine.ErrNoTable)
		}
	}
	for _, t := range events {
		tracks.others = append(tracks.others, segment.WarehouseName(t.event))
	}
	if found {
		events = append(events, s.dropped(ctx, c, tracks, missing)...)
	}
	return append(append(all, tracks), events...), nil
}

// events returns the tables of events that are sent or about refunds, and those that are
// not there.
func (s *Messages) events(c *catalogue, find func(string) (sqlengine.Table, bool)) (found, missing []*messageTable) {
	seen := map[string]bool{}
	add := func(event string, refund bool) {
		slug := segment.WarehouseName(event)
		if slug == "" || seen[slug] {
			return
		}
		seen[slug] = true
		t := &messageTable{kind: "track", event: event, sent: true, refund: refund}
		var there bool
		if t.Table, there = find(c.dialect.Column(slug)); there {
			found = append(found, t)
			return
		}
		missing = append(missing, t)
	}
	for _, event := range s.cfg.Reads.Events {
		add(event, false)
	}
	for _, event := range s.cfg.Reads.Refunds {
		add(event, true)
	}
	return found, missing
}

// dropped returns the tables of events that are not there although tracks has such
// events. Most events that could be sent never happen, and have no table.
func (s *Messages) dropped(ctx context.Context, c *catalogue, tracks *messageTable, missing []*messageTable) (all []*messageTable) {
	if len(missing) == 0 {
		return nil
	}
	slugs := make([]string, len(missing))
	for i, t := range missing {
		slugs[i] = segment.WarehouseName(t.event)
	}
	happened, err := s.happened(ctx, c, tracks, slugs)
	for i, t := range missing {
		if err == nil && slices.Contains(happened, slugs[i]) {
			t.err = fmt.Errorf("%s: %w, but %s has events %q: let Segment sync it, or grant this user the right to read it", t.object(), sqlengine.ErrNoTable, tracks.object(), t.event)
			all = append(all, t)
		}
	}
	return all // an error of tracks comes again when it is read
}

// happened returns which events there are.
func (s *Messages) happened(ctx context.Context, c *catalogue, tracks *messageTable, slugs []string) (found []string, err error) {
	t, err := c.open(ctx, tracks.Table, "m")
	if err != nil {
		return nil, err
	}
	if err := t.needs("event", "received_at"); err != nil {
		return nil, err
	}
	in, args := c.among(slugs)
	statement := "SELECT DISTINCT " + t.ref("event") + " FROM " + t.from() + " WHERE " + t.ref("event") + " IN " + in + s.since(&t, tracks)
	err = eachRow(ctx, c.engine, statement, args, func(rows sqlengine.Rows) error {
		var event string
		err := rows.Scan(&event)
		found = append(found, event)
		return err
	})
	return found, err
}

// newest returns when the newest row was received; zero if there is none that matters.
func (s *Messages) newest(ctx context.Context, c *catalogue, m *messageTable) (at time.Time, err error) {
	t, err := c.open(ctx, m.Table, "m")
	if err != nil {
		return at, err
	}
	statement := "SELECT " + c.dialect.Micros("max("+t.ref("received_at")+")") + " FROM " + t.from() + " WHERE " + t.ref("received_at") + " IS NOT NULL" + s.since(&t, m)
	err = eachRow(ctx, c.engine, statement, nil, func(rows sqlengine.Rows) error {
		var micros *int64
		err := rows.Scan(&micros)
		if micros != nil && *micros > 0 {
			at = time.UnixMicro(*micros)
		}
		return err
	})
	return at, err
}

// since returns the end of a condition that leaves out rows that are too old.
func (s *Messages) since(t *table, m *messageTable) string {
	first := s.first(m)
	if first.IsZero() {
		return ""
	}
	return " AND " + t.ref("received_at") + " >= " + t.dialect.Moment(first)
}

// first returns when the first row that matters was received; zero: all do. A message
// never happened after it was received.
func (s *Messages) first(m *messageTable) time.Time {
	first := s.cfg.StartAt
	if s.cfg.MaxAge > 0 && !m.refund {
		if oldest := s.now().Add(-s.cfg.MaxAge); oldest.After(first) {
			first = oldest
		}
	}
	return first
}

// among returns a list of texts for IN.
func (c *catalogue) among(texts []string) (list string, args []any) {
	params := make([]string, len(texts))
	for i, text := range texts {
		params[i] = c.dialect.Param(i + 1)
		args = append(args, text)
	}
	return "(" + strings.Join(params, ", ") + ")", args
}

// eachRow calls fn with each row of a statement.
func eachRow(ctx context.Context, e sqlengine.Engine, statement string, args []any, fn func(sqlengine.Rows) error) (err error) {
	rows, err := e.Query(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer func() {
		if closed := rows.Close(); err == nil {
			err = closed
		}
	}()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
