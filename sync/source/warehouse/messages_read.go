package warehouse

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/sqlengine"
)

// messagesInBatch is how many messages are held decoded.
const messagesInBatch = 200

// Read implements [source.Source]. A row that was read before may come again; its
// message has the same key.
func (s *Messages) Read(ctx context.Context, in source.Input, from source.Position, fn func(source.Batch) error) error {
	m, known := s.listed(in.Objects[0].Name)
	switch {
	case !known:
		return s.named(fmt.Errorf("%s was not listed", in.Objects[0].Name))
	case m.err != nil:
		return s.named(m.err)
	}
	c := s.catalogue()
	t, err := c.open(ctx, m.Table, "m")
	if err != nil {
		return s.named(err)
	}
	l, err := s.layout(&t, m)
	if err != nil {
		return s.named(err)
	}
	r := &messageReader{source: s, table: m, layout: l, ctx: ctx, fn: fn, at: from, began: s.now()}
	if len(from.Hash) == 0 {
		r.at.Hash = stamp(r.began)
	}
	defer r.release()
	statement, args := s.statement(l, m, from)
	err = r.readAll(c.engine, statement, args)
	switch {
	case r.stopped:
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return s.named(c.explain(err, m.Table))
	}
	return r.flush(true)
}

// statement selects the rows that are new since a position, the oldest first.
func (s *Messages) statement(l *layout, m *messageTable, from source.Position) (string, []any) {
	t := l.table
	received := t.ref("received_at")
	where := []string{received + " IS NOT NULL"} // nothing says which rows without it are new
	if first := s.first(m); !first.IsZero() {
		where = append(where, received+" >= "+t.dialect.Moment(first))
	}
	if from.Line > 0 {
		where = append(where, l.since(from, s.cfg.Overlap))
	}
	var args []any
	if len(m.others) > 0 && t.has("event") {
		params := make([]string, len(m.others))
		for i, event := range m.others {
			params[i] = t.dialect.Param(i + 1)
			args = append(args, event)
		}
		where = append(where, "("+t.ref("event")+" IS NULL OR "+t.ref("event")+" NOT IN ("+strings.Join(params, ", ")+"))")
	}
	if !m.sent {
		where = append(where, l.telling(s.cfg.Reads))
	}
	columns := []string{t.dialect.Micros(received)}
	for _, f := range l.fields {
		columns = append(columns, l.expression(f))
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + t.from() + " WHERE " + strings.Join(where, " AND ") + " ORDER BY " + received, args
}

// since returns the condition for rows that were received after a position, or came into
// the warehouse since the reading that ended there began.
func (l *layout) since(from source.Position, overlap time.Duration) string {
	conditions := []string{l.table.ref("received_at") + " >= " + l.table.dialect.Moment(time.UnixMicro(from.Line).Add(-overlap))}
	began, known := stamped(from.Hash)
	for _, name := range []string{"uuid_ts", "loaded_at"} {
		if c, ok := l.table.column(name); ok && known && classOf(c.Type) == classTime {
			conditions = append(conditions, l.table.ref(name)+" >= "+l.table.dialect.Moment(began.Add(-overlap)))
		}
	}
	return either(conditions)
}

// stamp returns when a reading began as a position keeps it: a row that comes into the
// warehouse later may be older than those that were read.
func stamp(at time.Time) []byte { return strconv.AppendInt(nil, at.UnixMicro(), 10) }

func stamped(stamp []byte) (at time.Time, ok bool) {
	micros, err := strconv.ParseInt(string(stamp), 10, 64)
	return time.UnixMicro(micros), err == nil
}

// telling returns the condition for rows that say something although they are not sent:
// which anonymous id belongs to which user, or a click.
func (l *layout) telling(reads Reads) string {
	var conditions []string
	if t := l.table; t.has("user_id") && t.has("anonymous_id") {
		conditions = append(conditions, t.ref("user_id")+" IS NOT NULL AND "+t.ref("anonymous_id")+" IS NOT NULL")
	}
	for _, keys := range reads.ClickURLs {
		if ref, class, ok := l.refOf(keys); ok && class == classText {
			conditions = append(conditions, ref+" LIKE '%=%'")
		}
	}
	for _, keys := range reads.ClickIDs {
		if ref, _, ok := l.refOf(keys); ok {
			conditions = append(conditions, ref+" IS NOT NULL")
		}
	}
	if len(conditions) == 0 {
		return "1 = 0"
	}
	return either(conditions)
}

func either(conditions []string) string { return "(" + strings.Join(conditions, " OR ") + ")" }

// refOf returns the column of a path, if there is one.
func (l *layout) refOf(keys []string) (ref string, c class, ok bool) {
	p := &l.root
	for _, key := range keys {
		if p = p.find(key); p == nil {
			return "", 0, false
		}
	}
	if p.column < 0 {
		return "", 0, false
	}
	f := l.fields[p.column]
	return l.table.ref(f.name), f.class, true
}

func (p *part) find(key string) *part {
	for _, c := range p.children {
		if c.key == key {
			return c
		}
	}
	return nil
}

// messageReader makes batches of the rows of a table.
type messageReader struct {
	source  *Messages
	table   *messageTable
	layout  *layout
	ctx     context.Context
	fn      func(source.Batch) error
	began   time.Time
	stopped bool // by fn

	at       source.Position
	line     []byte
	bytes    int64 // in the batch
	records  []source.Record
	messages []*segment.Message // to be released
}

func (r *messageReader) readAll(e sqlengine.Engine, statement string, args []any) error {
	row := make([]sql.RawBytes, 1+len(r.layout.fields))
	dest := make([]any, len(row))
	for i := range row {
		dest[i] = &row[i]
	}
	return eachRow(r.ctx, e, statement, args, func(rows sqlengine.Rows) error {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if err := r.row(row); err != nil {
			return err
		}
		if len(r.records) < messagesInBatch && r.bytes < batchBytes {
			return nil
		}
		return r.flush(false)
	})
}

func (r *messageReader) row(row []sql.RawBytes) error {
	received, err := strconv.ParseInt(string(row[0]), 10, 64)
	if err != nil {
		return fmt.Errorf("received_at is %q and no time", clip(string(row[0])))
	}
	r.line = r.layout.message(r.line[:0], row[1:], r.table.event)
	r.records = append(r.records, r.record(received))
	r.bytes += int64(len(r.line))
	r.at.Offset += int64(len(r.line))
	r.at.Line = max(r.at.Line, min(received, r.began.UnixMicro())) // a clock that is ahead must not hide what comes
	return nil
}

// record decodes the message of a row.
func (r *messageReader) record(received int64) source.Record {
	record := source.Record{Object: r.table.object(), Line: received}
	m, err := r.source.decoder.Decode(r.line)
	if err != nil {
		record.Rejected = err.Error()
		return record
	}
	r.messages = append(r.messages, m)
	m.FoundIn(time.UnixMicro(received), r.began)
	switch at := m.EffectiveTime(); {
	case m.MessageID == "": // a key made from the columns would change with them
		record.Rejected = "NULL instead of a message's id"
	case m.IsEngage():
		record.Skipped = "trait_not_included"
	case !at.IsZero() && at.Before(r.source.cfg.StartAt):
		record.Skipped = "before_start"
	default:
		record.Message = m
	}
	return record
}

// flush hands the records over.
func (r *messageReader) flush(done bool) error {
	at := r.at
	if at.Done = done; done {
		at.Hash = stamp(r.began)
	}
	err := r.fn(source.Batch{Records: r.records, Position: at, Taken: r.bytes})
	r.stopped = err != nil
	r.release()
	if err == nil && !done && r.ctx.Err() != nil {
		r.stopped = true
		return context.Cause(r.ctx)
	}
	return err
}

func (r *messageReader) release() {
	for _, m := range r.messages {
		m.Release()
	}
	clear(r.messages)
	clear(r.records)
	r.records, r.messages, r.bytes = r.records[:0], r.messages[:0], 0
}
