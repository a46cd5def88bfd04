package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// ListInfo describes a full list.
type ListInfo struct {
	Trait    TraitInfo
	Source   string
	Objects  []Object  // its parts; their positions move when the list is applied
	ListedAt time.Time // of the newest part
	Guard    Guard
}

// Guard says how many exits of one trait are too many to be believed. They are
// held when there are at least AtLeast and more than Percent of those told
// true; an empty list that would end every membership is always held.
type Guard struct {
	Percent float64 // 0 means no limit by share
	AtLeast int
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
}

// ErrIgnoredList says that a list has nothing to say: it is not newer than the
// last one of its trait, or messages alone are that trait's authority.
var ErrIgnoredList = errors.New("the list is ignored")

// List collects the members of a full list, in any order and in bounded
// memory, and then applies them.
type List struct {
	d     *DB
	info  ListInfo
	gen   int64
	spill spill
}

// NewList starts a list: its generation is "applying" until [List.Apply]. The
// error is [ErrIgnoredList] for a list that need not be read. Spill files go to
// the system's temporary folder. Close the list in any case.
func (d *DB) NewList(ctx context.Context, info ListInfo) (*List, error) {
	l := &List{d: d, info: info, spill: spill{dir: os.TempDir()}}
	var ignored error
	err := d.update(ctx, func(t *tx) (err error) {
		ignored, err = l.begin(t)
		return err
	})
	if err := errors.Join(err, ignored); err != nil {
		return nil, err
	}
	return l, nil
}

// Add takes one member. It is cheap until the buffers are full (16 KiB each),
// then it writes to a file.
func (l *List) Add(ctx context.Context, p Person, value string, cleared bool) error {
	if p.UserID == "" && p.AnonymousID != "" {
		user, err := l.d.userOf(ctx, p)
		if err != nil {
			return err
		}
		p = user
	}
	return l.spill.add(member{id: p.ProfileID(), person: p, value: value, cleared: cleared})
}

// Len is the number of lines added.
func (l *List) Len() int64 { return l.spill.count }

// Close removes the spill files.
func (l *List) Close() error { return l.spill.close() }

// Apply merges the list into the state: who is on it is wanted, who is not has
// left, unless a newer message says otherwise. All of it becomes due, together
// with the guard's verdict, in one commit. Memory does not grow with the list;
// the write-ahead log grows with the changes.
func (l *List) Apply(ctx context.Context) (Verdict, error) {
	reader, err := l.d.readers.Conn(ctx)
	if err != nil {
		return Verdict{}, err
	}
	defer reader.Close()
	var v Verdict
	err = l.d.update(ctx, func(t *tx) error {
		m, err := newMerge(ctx, t, l)
		if err != nil {
			return err
		}
		defer m.close()
		if err := m.run(reader); err != nil {
			return err
		}
		err = m.finish()
		v = m.verdict
		return err
	})
	return v, err
}

// begin registers the generation as applying, or says why the list is ignored.
func (l *List) begin(t *tx) (ignored, err error) {
	tr, err := t.trait(l.info.Trait)
	if err != nil {
		return nil, err
	}
	if err := t.feed(tr, l.info.Source, true); err != nil {
		return nil, err
	}
	if tr.authority == AuthorityChanges && tr.changesSource != "" {
		t.countRun("not_authority", 1)
		return fmt.Errorf("%w: messages are the authority of %q", ErrIgnoredList, tr.key), nil
	}
	if _, err := t.exec(`DELETE FROM generations WHERE trait_id = ? AND state = 'applying'`, tr.id); err != nil {
		return nil, err
	}
	var newest int64
	if _, err := t.get(`SELECT coalesce(max(listed_at), -1) FROM generations WHERE trait_id = ?`, []any{tr.id}, &newest); err != nil {
		return nil, err
	}
	if unix(l.info.ListedAt) <= newest {
		t.countRun("stale_list", 1)
		return fmt.Errorf("%w: it is not newer than the last one of %q", ErrIgnoredList, tr.key), nil
	}
	l.gen, err = t.insert(`INSERT INTO generations (trait_id, run, source, objects, listed_at, state) VALUES (?, ?, ?, ?, ?, 'applying')`,
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

// merge walks the sorted list and the trait's rows side by side.
type merge struct {
	*tx
	ctx     context.Context
	list    *List
	trait   *trait
	gen     int64
	at      int64
	verdict Verdict
	exits   *idSpool

	rows    *sql.Rows // of a snapshot: the merge writes to the same table
	current traitRow
	person  Person
	more    bool
}

func newMerge(ctx context.Context, t *tx, l *List) (*merge, error) {
	tr, err := t.trait(l.info.Trait)
	if err != nil {
		return nil, err
	}
	exits, err := newIDSpool(l.spill.dir)
	return &merge{tx: t, ctx: ctx, list: l, trait: tr, gen: l.gen, at: unix(l.info.ListedAt), exits: exits}, err
}

func (m *merge) close() {
	_ = m.exits.file.Close() // has no name any more
	if m.rows != nil {
		_ = m.rows.Close()
	}
}

func (m *merge) run(reader *sql.Conn) error {
	var err error
	m.rows, err = reader.QueryContext(m.tx.ctx, `SELECT v.profile_id, `+prefixed+`, coalesce(p.user_id, ''), coalesce(p.anonymous_id, ''), coalesce(p.email_sha1, '')
		FROM trait_values v JOIN profiles p ON p.id = v.profile_id WHERE v.trait_id = ? ORDER BY v.profile_id`, m.trait.id)
	if err != nil {
		return fmt.Errorf("read the members of %q: %w", m.trait.key, err)
	}
	if err := m.next(); err != nil {
		return err
	}
	for i := range spillParts {
		if err := m.ctx.Err(); err != nil {
			return context.Cause(m.ctx)
		}
		part, err := m.list.spill.part(i)
		if err != nil {
			return err
		}
		for j := range part {
			if err := m.member(&part[j]); err != nil {
				return err
			}
		}
	}
	for m.more {
		if err := m.absent(); err != nil {
			return err
		}
	}
	return m.rows.Err()
}

const prefixed = `v.status, v.is_exit, v.doubt, v.wanted, v.wanted_at, v.delivered, v.delivered_at, v.sent, v.attempt, v.origin, v.received_at, v.message_id`

// next reads the next row of the trait.
func (m *merge) next() error {
	m.more = m.rows.Next()
	if !m.more {
		return m.rows.Err()
	}
	m.current = traitRow{trait: m.trait, exists: true}
	dest := append([]any{&m.current.profile}, m.current.dest()...)
	return m.rows.Scan(append(dest, &m.person.UserID, &m.person.AnonymousID, &m.person.EmailSHA1)...)
}

func (m *merge) member(mem *member) error {
	m.verdict.Members++
	for m.more && m.current.profile < mem.id {
		if err := m.absent(); err != nil {
			return err
		}
	}
	if m.more && m.current.profile == mem.id && mem.person.sameKey(m.person) {
		old := m.current
		if old.told() {
			m.verdict.Told++
		}
		changed, err := m.riders(mem)
		if err != nil {
			return err
		}
		if changed || m.absorbed > 0 {
			if old, err = m.traitRow(m.trait, mem.id); err != nil {
				return err
			}
		}
		return errors.Join(m.want(old, mem), m.next())
	}
	return m.join(mem)
}

// riders keeps the anonymous id and e-mail hash of a known member up to date.
func (m *merge) riders(mem *member) (changed bool, err error) {
	anonymous := mem.person.UserID != "" && mem.person.AnonymousID != "" && mem.person.AnonymousID != m.person.AnonymousID
	email := mem.person.UserID != "" && mem.person.EmailSHA1 != "" && mem.person.EmailSHA1 != m.person.EmailSHA1
	if !anonymous && !email {
		return false, nil
	}
	_, err = m.resolve(mem.person, m.at)
	return true, err
}

// join is for a member without a row under its own number: a new person, one
// whose number is taken, or an anonymous id that belongs to a user by now.
func (m *merge) join(mem *member) error {
	prof, err := m.resolve(mem.person, m.at)
	if err != nil {
		return err
	}
	old, err := m.traitRow(m.trait, prof.id)
	if err != nil {
		return err
	}
	return m.want(old, mem)
}

// want moves wanted to what the list says of a member.
func (m *merge) want(old traitRow, mem *member) error {
	wanted := sql.NullString{String: mem.value, Valid: !mem.cleared}
	if old.exists && (m.keeps(&old) || old.wanted == wanted) {
		m.verdict.Unchanged++
		return nil
	}
	next := old
	next.wanted, next.wantedAt = wanted, m.at
	next.origin = sql.NullInt64{Int64: -m.gen, Valid: true}
	next.receivedAt, next.messageID = sql.NullInt64{}, sql.NullString{}
	next = next.moved()
	m.verdict.Joins++
	m.countMove(old, next)
	if mem.cleared {
		m.countRun("cleared", 1)
	}
	return m.put(old, next)
}

// absent is for a row whose person is not on the list. Its exit waits for the
// guard's verdict on all of them.
func (m *merge) absent() error {
	r := &m.current
	if m.absorbed > 0 { // the snapshot may be behind: this merge absorbed somebody
		fresh, err := m.traitRow(m.trait, r.profile)
		if err != nil || !fresh.exists {
			return errors.Join(err, m.next())
		}
		*r = fresh
	}
	var err error
	switch {
	case r.told() && m.keeps(r):
		m.verdict.Told++
	case r.told():
		m.verdict.Told++
		m.verdict.Exits++
		err = m.exits.add(r.profile)
	case r.isWanted() && !m.keeps(r):
		// Never told: nothing to take back, and no business of the guard.
		err = m.leave(*r, statusPending)
	}
	return errors.Join(err, m.next())
}

// keeps reports whether a newer message stands against the list.
func (m *merge) keeps(r *traitRow) bool {
	return r.wantedAt > m.at && m.trait.authority == AuthorityLatest
}

// leave moves wanted to "not a member". A due row gets the status given.
func (m *merge) leave(old traitRow, due int) error {
	next := old
	next.wanted = sql.NullString{String: falseText, Valid: m.trait.class == Audience}
	if next.wanted != old.wanted {
		next.wantedAt = m.at
		next.origin = sql.NullInt64{Int64: -m.gen, Valid: true}
		next.receivedAt, next.messageID = sql.NullInt64{}, sql.NullString{}
	}
	next = next.moved()
	if next.status == statusPending {
		next.status = due
	}
	m.countMove(old, next)
	if !next.wanted.Valid && old.wanted.Valid {
		m.countRun("cleared", 1)
	}
	return m.put(old, next)
}

// finish writes the exits with the guard's verdict and the generation's end.
func (m *merge) finish() error {
	m.judge()
	status := statusPending
	state := "applied"
	if m.verdict.Held {
		status, state = statusHeld, "held"
	}
	if err := m.exits.each(func(id int64) error { return m.exit(id, status) }); err != nil {
		return err
	}
	v := m.verdict
	if _, err := m.exec(`UPDATE generations SET state = ?, members = ?, joins = ?, exits = ?, told = ?, unchanged = ?, verdict = ?, applied_at = ? WHERE id = ?`,
		state, v.Members, v.Joins, v.Exits, v.Told, v.Unchanged, v.Reason, m.now, m.gen); err != nil {
		return err
	}
	for _, o := range m.list.info.Objects {
		if _, err := m.putObject(o); err != nil {
			return err
		}
	}
	if _, err := m.exec(`UPDATE traits SET generation = ?, last_list_at = ?, last_change_at = CASE WHEN ? > 0 THEN max(coalesce(last_change_at, 0), ?) ELSE last_change_at END,
		name = CASE WHEN ? <> '' THEN ? ELSE name END WHERE id = ?`,
		m.gen, m.at, v.Joins+v.Exits, m.at, m.list.info.Trait.Name, m.list.info.Trait.Name, m.trait.id); err != nil {
		return err
	}
	return m.releaseApproved(m.trait.id)
}

func (m *merge) exit(id int64, status int) error {
	old, err := m.traitRow(m.trait, id)
	if err != nil || !old.exists {
		return err
	}
	if old.status == statusRefused && !old.isWanted() {
		return nil // the false itself was refused: the same again would be, too
	}
	return m.leave(old, status)
}

// judge is the guard.
func (m *merge) judge() {
	g, v := m.list.info.Guard, &m.verdict
	switch {
	case m.trait.class != Audience || v.Exits == 0:
	case v.Members == 0 && v.Told > 0:
		v.Held = true
		v.Reason = fmt.Sprintf("the list is empty and would end all %d memberships", v.Told)
	case g.Percent > 0 && v.Exits >= int64(g.AtLeast) && float64(v.Exits)*100 > g.Percent*float64(v.Told):
		v.Held = true
		v.Reason = fmt.Sprintf("%d of %d people told true would leave (%d %%): more than %g %% and at least %d",
			v.Exits, v.Told, v.Exits*100/v.Told, g.Percent, g.AtLeast)
	}
}
