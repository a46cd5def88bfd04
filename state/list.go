package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/impactsync/impactsync/state/internal/spill"
)

// ListInfo describes a full list.
type ListInfo struct {
	Trait    TraitInfo
	Source   string
	Objects  []Object           // its parts; their positions move when the list is applied
	ListedAt time.Time          // of the newest part
	Progress func(people int64) // called as Apply goes on; may be nil
}

// Verdict is what became of a list.
type Verdict struct {
	Members   int64 // people on it
	Joins     int64
	Exits     int64 // people told true who are not on it
	Told      int64 // people told true before it
	Unchanged int64
	Held      bool
	Reason    string // the guard's words
	Renamed   string // the key of another list, without a file by now, that has much the same people; "" without one

	exits, joins string // the same, of each direction
}

// ErrIgnoredList means that a list does not count: it is not newer than the last one
// of its trait, or only messages are that trait's authority.
var ErrIgnoredList = errors.New("the list is ignored")

// ErrStaleList means that a list is not newer than the last one of its trait.
var ErrStaleList = fmt.Errorf("%w: it is not newer than the last one", ErrIgnoredList)

// List collects the members of a full list, in any order and in bounded
// memory, and then applies them.
type List struct {
	d     *DB
	info  ListInfo
	gen   int64
	dir   string
	spill *spill.Spill

	visitors *spill.Spill // who may be users by now, until Flush
	lines    int64        // that named visitors
	failed   error        // why the list is not complete

	barred     *barred // as it was when the list began
	unreadable int64
	suspicion  string
	riders     bool // some line has more than the person's key
	elsewhere  bool // what is settled of the trait is not here
	followed   []Person
	buf        []byte
}

// NewList starts a list: its generation is "applying" until [List.Apply]. The
// error is [ErrIgnoredList] for a list that need not be read. Its spill files go to
// the system's temporary folder. Close the list in any case.
func (d *DB) NewList(ctx context.Context, info ListInfo) (*List, error) {
	// A file from the future must not prevail over every list until then.
	if now := d.clock(); info.ListedAt.After(now) {
		info.ListedAt = now
	}
	l := &List{d: d, info: info, dir: os.TempDir()}
	l.spill, l.visitors = spill.New(l.dir), spill.New(l.dir)
	var ignored error
	err := d.update(ctx, func(t *tx) (err error) {
		ignored, err = l.begin(t)
		l.barred = d.barred.Load()
		return err
	})
	if err := errors.Join(err, ignored); err != nil {
		return nil, err
	}
	return l, nil
}

// Add takes one member, and writes members to a file once its buffers are full (2 MiB in
// all).
func (l *List) Add(p Person, value string, cleared bool) error {
	if l.failed != nil {
		return l.failed
	}
	m := member{person: p, value: value, cleared: cleared}
	if p.UserID != "" || p.AnonymousID == "" {
		l.failed = l.put(&m)
		return l.failed
	}
	l.lines++
	m.line = l.lines
	l.failed = l.spillTo(l.visitors, &m)
	return l.failed
}

// Flush adds the visitors, in the order of their numbers. A visitor who is a user by now
// is added as that user.
func (l *List) Flush(ctx context.Context) error {
	if l.failed != nil || l.visitors.Len() == 0 {
		return l.failed
	}
	for c, err := range l.visitors.Chunks(rangesOf(l.visitors.Len(), l.visitors.Size())) {
		if err == nil {
			err = l.follow(ctx, &c)
		}
		if err != nil {
			l.failed = err
			return err
		}
	}
	l.failed = l.visitors.Close()
	l.visitors = spill.New(l.dir)
	return l.failed
}

func (l *List) follow(ctx context.Context, c *spill.Chunk) error {
	some, err := membersOf(c)
	if err == nil {
		err = l.d.view(ctx, func(v *view) error { return v.follow(some) })
	}
	if err != nil {
		return err
	}
	for i := range some {
		m := &some[i]
		m.visitor = m.person.UserID != ""
		if err := l.put(m); err != nil {
			return err
		}
	}
	return nil
}

// put spills a member under the number that is made from the person's key.
func (l *List) put(m *member) error {
	// A warehouse may not know an address by the hash that we make of it.
	if p := m.person; l.elsewhere && (m.visitor || p.UserID == "" && p.AnonymousID == "") {
		l.followed = append(l.followed, p.keyOnly())
	}
	if out, _ := l.barred.filter(&m.person); out {
		return nil
	}
	l.riders = l.riders || m.person.hasRiders()
	return l.spillTo(l.spill, m)
}

func (l *List) spillTo(to *spill.Spill, m *member) error {
	sum, buf := m.person.hash(l.buf)
	l.buf = m.encode(buf[:0])
	return to.Add(profileID(sum), l.buf)
}

// Unreadable records how many lines of the list did not say whom they are about. If
// there are any, nobody can be said to have left: exits are held.
func (l *List) Unreadable(n int64) { l.unreadable = n }

// Suspect records why the ids of the list are probably not those by which its people
// were known. If a member is missing from it, everything that the list changes is
// held.
func (l *List) Suspect(why string) { l.suspicion = why }

// Len returns the number of lines added. Call it after [List.Flush].
func (l *List) Len() int64 { return l.spill.Len() }

// Close removes the spill files.
func (l *List) Close() error {
	return errors.Join(l.visitors.Close(), l.spill.Close())
}

// begin registers the generation as applying, or says why the list is ignored.
func (l *List) begin(t *tx) (ignored, err error) {
	tr, err := t.trait(l.info.Trait, true)
	if err != nil {
		return nil, err
	}
	if err := t.feed(tr, l.info.Source, true); err != nil {
		return nil, err
	}
	l.elsewhere = tr.elsewhere
	if tr.authority == AuthorityChanges && tr.changesSource != "" {
		t.countRun("not_authority", 1)
		return fmt.Errorf("%w: messages are the authority of %q", ErrIgnoredList, tr.key), nil
	}
	if _, err := t.Exec(`DELETE FROM generations WHERE trait_id = ? AND state = 'applying'`, tr.id); err != nil {
		return nil, err
	}
	var newest int64
	if _, err := t.Get(`SELECT coalesce(max(listed_at), -1) FROM generations WHERE trait_id = ?`, []any{tr.id}, &newest); err != nil {
		return nil, err
	}
	if unix(l.info.ListedAt) <= newest {
		t.countRun("stale_list", 1)
		return fmt.Errorf("%w of %q", ErrStaleList, tr.key), nil
	}
	l.gen, err = t.Insert(`INSERT INTO generations (trait_id, run, source, objects, listed_at, state) VALUES (?, ?, ?, ?, ?, 'applying')`,
		tr.id, t.d.run, l.info.Source, l.names(), unix(l.info.ListedAt))
	return nil, err
}

func (l *List) names() string {
	names := make([]string, len(l.info.Objects))
	for i, o := range l.info.Objects {
		names[i] = o.Name
	}
	return strings.Join(names, "\n")
}

// ListVanished reports whether nothing is left to do for a list without a file: the
// trait is not known, or its list was treated as vanished before.
func (d *DB) ListVanished(ctx context.Context, key string) (bool, error) {
	objects, err := d.ListObjects(ctx, key)
	return len(objects) == 0, err
}

// ListObjects returns the objects of the list of a trait that was last applied; none, if
// there was no list, or it was treated as vanished.
func (d *DB) ListObjects(ctx context.Context, key string) ([]string, error) {
	objects, err := read(ctx, d, func(v *view) (objects string, err error) {
		return objects, v.Scan(`SELECT g.objects FROM traits t JOIN generations g ON g.id = t.generation WHERE t.key = ?`, []any{key}, &objects)
	})
	if objects == "" {
		return nil, err
	}
	return strings.Split(objects, "\n"), err
}

// ListRead reports whether a list of these objects, in this order, was applied to a
// trait. If a key is changed in the configuration, the same objects were applied to
// another one.
func (d *DB) ListRead(ctx context.Context, key string, objects []string) (bool, error) {
	return read(ctx, d, func(v *view) (read bool, err error) {
		return read, v.Scan(`SELECT EXISTS (SELECT 1 FROM traits t JOIN generations g ON g.trait_id = t.id WHERE t.key = ? AND g.objects = ? AND g.state <> 'applying')`,
			[]any{key, strings.Join(objects, "\n")}, &read)
	})
}
