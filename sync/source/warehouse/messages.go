package warehouse

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/sqlengine"
)

// Reads says what is needed of messages. Rows and columns that it does not need stay in
// the database.
type Reads struct {
	Types   []string // of messages that are sent: page, screen, identify
	Events  []string // track events that are sent
	Refunds []string // track events about refunds, with all of their properties, however old
	// Paths are the keys of what is read of a message, from its top; a number is a
	// position in an array. ClickURLs and ClickIDs are where a click id may be, within a
	// URL or alone.
	Paths, ClickURLs, ClickIDs [][]string
	// Consent are the categories that the person must have consented to.
	Consent []string
}

// MessagesConfig says which messages are read.
type MessagesConfig struct {
	Name    string // of the source, for people
	Engine  sqlengine.Engine
	Schemas []string // each of a Segment source; none: the one that the connection uses
	Reads   Reads

	StartAt time.Time     // pass over messages from before; zero: none
	MaxAge  time.Duration // messages that were received earlier are too old, except about refunds; 0: none is
	// Overlap is how far before the last row that was read the next run begins: rows
	// do not come into a warehouse in the order in which Segment received them.
	Overlap time.Duration
	Newest  bool // ask each table for the time of its newest row

	Placeholders *segment.Placeholders
}

// Messages reads the tables of messages that Segment keeps in a warehouse
// (https://segment.com/docs/connections/storage/warehouses/schema/): each is a log. A
// row becomes the message that it was made from, as far as it is needed. What a row is
// known by as a line is its received_at, in microseconds since 1970; the hash of a
// position says when the reading began. It is safe for concurrent use.
type Messages struct {
	cfg     MessagesConfig
	decoder segment.Decoder
	now     func() time.Time

	mu     sync.Mutex
	tables map[string]*messageTable // that were listed, by the names of their objects
}

var _ source.Source = (*Messages)(nil)

// NewMessages returns the source. It reaches the database when it is read.
func NewMessages(cfg MessagesConfig) *Messages {
	if len(cfg.Schemas) == 0 {
		cfg.Schemas = []string{""}
	}
	return &Messages{cfg: cfg, decoder: segment.Decoder{Placeholders: cfg.Placeholders}, now: time.Now, tables: map[string]*messageTable{}}
}

// Name implements [source.Source].
func (s *Messages) Name() string { return s.cfg.Name }

// Close implements [source.Source].
func (s *Messages) Close() error { return s.cfg.Engine.Close() }

func (s *Messages) named(err error) error { return named(s.cfg.Name, err) }

func (s *Messages) catalogue() *catalogue { return newCatalogue(s.cfg.Engine, s.cfg.Schemas) }

// Inputs implements [source.Source]: there is a log for each table. What is wrong with
// one of them is an error when it is read, so that the others can be used.
func (s *Messages) Inputs(ctx context.Context, _ func(source.Object, int64, string)) iter.Seq2[source.Input, error] {
	return func(yield func(source.Input, error) bool) {
		c := s.catalogue()
		tables, err := s.find(ctx, c)
		if err != nil {
			yield(source.Input{}, s.named(err))
			return
		}
		for _, t := range tables {
			in := source.Input{Source: s.cfg.Name, Shape: source.ShapeLog, Objects: []source.Object{s.object(ctx, c, t)}}
			s.remember(t)
			if !yield(in, nil) {
				return
			}
		}
	}
}

func (s *Messages) remember(t *messageTable) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables[t.object()] = t
}

func (s *Messages) listed(object string) (*messageTable, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tables[object]
	return t, ok
}

// object describes a table as it is now. It is another one in each run, because rows
// may come that are older than the newest.
func (s *Messages) object(ctx context.Context, c *catalogue, t *messageTable) source.Object {
	now := s.now()
	o := source.Object{Name: t.object(), ModTime: now, ETag: strconv.FormatInt(now.UnixNano(), 10)}
	if !s.cfg.Newest || t.err != nil {
		return o
	}
	if at, err := s.newest(ctx, c, t); err == nil { // an error comes again when it is read
		o.ModTime = at
	}
	return o
}

// find returns the tables that are to be read.
func (s *Messages) find(ctx context.Context, c *catalogue) (all []*messageTable, err error) {
	for _, schema := range c.schemas {
		some, err := s.findIn(ctx, c, schema)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		there, err := c.tablesOf(ctx, c.schemas[0])
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("no table of Segment's messages is there, such as tracks or pages: there is %s", someOf(there))
	}
	return append(all, s.lost(c, all)...), nil
}

// lost returns the tables of messages that are sent, if no schema has them.
func (s *Messages) lost(c *catalogue, found []*messageTable) (all []*messageTable) {
	for _, kind := range s.cfg.Reads.Types {
		if slices.ContainsFunc(found, func(t *messageTable) bool { return t.kind == kind }) {
			continue
		}
		t := &messageTable{Table: sqlengine.Table{Schema: c.schemas[0], Name: tableOf(kind)}, kind: kind}
		t.err = fmt.Errorf("%s: %w, and %s calls are to be sent: let Segment sync it, grant this user the right to read it, or switch them off under destination", t.object(), sqlengine.ErrNoTable, kind)
		all = append(all, t)
	}
	return all
}
