package state

import (
	"context"
	"database/sql"

	"github.com/sourcegraph/conc/stream"

	"github.com/impactsync/impactsync/state/internal/guard"
	"github.com/impactsync/impactsync/state/internal/spill"
)

// Apply merges the list into the state: who is on it is wanted, who is not has
// left, unless a newer message says otherwise. All of it becomes due, together
// with the guard's verdict, in one commit. Memory does not grow with the list;
// the write-ahead log grows with the changes.
func (l *List) Apply(ctx context.Context) (v Verdict, err error) {
	if err := l.Flush(ctx); err != nil {
		return v, err
	}
	conns, release, err := l.d.file.Readers(ctx, 2) // do not see what the merge writes
	if err != nil {
		return v, err
	}
	defer func() { _ = release() }()
	err = l.d.update(ctx, func(t *tx) error {
		m, err := newMerge(t, l)
		if err != nil {
			return err
		}
		defer func() { _ = m.exits.Close() }() // it was only scratch
		for _, step := range []func() error{
			m.identify,
			func() error { return m.compareAll(ctx, conns) },
			m.storeJoins,
			m.judgeList,
			m.storeExits,
			m.finish,
		} {
			if err := step(); err != nil {
				return err
			}
		}
		v = m.verdict
		return nil
	})
	return v, err
}

// merge walks the sorted list and the trait's rows side by side, one range of
// numbers after the other.
type merge struct {
	wanting
	list    *List
	ranges  int     // in which people are gone through
	barred  *barred // those barred while the list was read; nil if nobody was
	dropped int64   // members who were never told and are not on it
}

func newMerge(t *tx, l *List) (*merge, error) {
	tr, err := t.trait(l.info.Trait, true)
	if err != nil {
		return nil, err
	}
	m := &merge{
		wanting: wanting{tx: t, trait: tr, at: unix(l.info.ListedAt), gen: l.gen, exits: spill.New(l.dir)},
		list:    l,
	}
	m.outranked = m.outranks
	if now := t.d.barred.Load(); now != l.barred {
		m.barred = now
	}
	var rows int64
	_, err = t.Get(`SELECT coalesce(sum(value) FILTER (WHERE name NOT IN ('wanted', 'delivered', 'told', 'away', 'away_all')), 0) - coalesce(sum(value) FILTER (WHERE name = 'away_all'), 0),
			coalesce(sum(value) FILTER (WHERE name = 'told'), 0), coalesce(sum(value) FILTER (WHERE name = 'away'), 0)
		FROM counters WHERE scope = ?`, []any{tr.id}, &rows, &m.verdict.Told, &m.verdict.Members)
	m.verdict.Unchanged = m.verdict.Members // who is away is on the list: the others were brought home
	if err != nil {
		return nil, err
	}
	var each int64
	if _, err := t.Get(bytesOfRows, []any{tr.id}, &each); err != nil {
		return nil, err
	}
	m.ranges = rangesOf(max(rows, l.Len()), max(rows*each, l.spill.Size()))
	m.settled, err = t.settleNewcomers(max(l.Len()-rows, 0))
	return m, err
}

// bytesOfRows returns how many bytes the values of one of a trait's rows take, about.
const bytesOfRows = `SELECT CAST(coalesce(avg(octet_length(coalesce(wanted, '')) + octet_length(coalesce(delivered, ''))), 0) AS INTEGER)
	FROM (SELECT * FROM (SELECT wanted, delivered FROM trait_values WHERE trait_id = ?1 LIMIT 50)
		UNION ALL SELECT * FROM (SELECT wanted, delivered FROM trait_due WHERE trait_id = ?1 LIMIT 50))`

// rangesOf returns in how many ranges of numbers so many people are gone through. Their
// lines and rows take so many bytes.
func rangesOf(people, bytes int64) int { return int(max(people/2000, bytes/(1<<20))) + 1 }

// compareAll compares range by range. The rows of the next ranges are read meanwhile,
// one range on each of the connections.
func (m *merge) compareAll(ctx context.Context, conns []*sql.Conn) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	readers := make(chan *rowsReader, len(conns))
	for _, conn := range conns {
		r, err := newRowsReader(ctx, conn, m.trait, m.at)
		defer r.close()
		if err != nil {
			return err
		}
		readers <- r
	}
	all := stream.New().WithMaxGoroutines(len(conns))
	for c, err := range m.list.spill.Chunks(m.ranges) {
		if err == nil {
			err = m.prevailing(&c)
		}
		if err != nil {
			fail(err)
		}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() stream.Callback {
			r := <-readers
			defer func() { readers <- r }()
			rows, err := r.between(c.From, c.To)
			return func() {
				if ctx.Err() != nil {
					return
				}
				if err == nil {
					err = m.compare(&c, rows)
				}
				if err != nil {
					fail(err)
				} else if m.list.info.Progress != nil {
					m.list.info.Progress(int64(len(c.Records)))
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// identify stores the further ids of people on the list before anything is compared,
// since a line of two ids may move a visitor's row to the user.
func (m *merge) identify() error {
	if !m.list.riders {
		return nil
	}
	for c, err := range m.list.spill.Chunks(m.ranges) {
		if err != nil {
			return err
		}
		if err := m.identifyAll(&c); err != nil {
			return err
		}
	}
	return nil
}

// identifyAll looks at all lines of a range: also those that do not prevail may say whose
// a visitor is.
func (m *merge) identifyAll(c *spill.Chunk) error {
	var lines []member
	for _, line := range c.Records {
		mem, forgotten, err := m.decode(line.Number, c.Text(line))
		if err != nil {
			return err
		}
		if !forgotten && mem.person.hasRiders() {
			lines = append(lines, mem)
		}
	}
	if err := m.lookUp(numbersOf(peopleOn(lines))); err != nil {
		return err
	}
	for i := range lines {
		p := lines[i].person
		prof, found, err := m.find(p)
		if err == nil && (!found || prof.person.lacks(p)) {
			_, err = m.resolve(p, m.at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lacks reports whether the other, of the same key, has an id that p has not.
func (p Person) lacks(other Person) bool {
	return p.UserID != "" && (other.AnonymousID != "" && other.AnonymousID != p.AnonymousID || other.EmailSHA1 != "" && other.EmailSHA1 != p.EmailSHA1)
}

// decode returns the member on a line without the ids of people who were forgotten
// meanwhile, and whether the member is one of them.
func (m *merge) decode(number int64, text string) (mem member, forgotten bool, err error) {
	if mem, err = decodeMember(number, text); err == nil {
		forgotten, _ = m.barred.filter(&mem.person)
	}
	return mem, forgotten, err
}

// prevailing leaves one line for each person, the last of the highest rank, and none for
// people who were forgotten meanwhile.
func (m *merge) prevailing(c *spill.Chunk) error {
	if m.barred == nil && !repeats(c.Records) {
		return nil
	}
	left, people := c.Records[:0], make([]member, 0, len(c.Records))
	for _, line := range c.Records {
		mem, forgotten, err := m.decode(line.Number, c.Text(line))
		if err != nil {
			return err
		}
		if forgotten {
			continue
		}
		again := len(people) - 1
		for again >= 0 && people[again].id == mem.id && !people[again].person.sameKey(mem.person) {
			again--
		}
		if again >= 0 && people[again].id == mem.id {
			if people[again].outweighs(&mem) {
				continue
			}
			left[again], people[again] = line, mem
		} else {
			left, people = append(left, line), append(people, mem)
		}
	}
	c.Records = left
	return nil
}

// repeats reports whether two lines have the same number.
func repeats(lines []spill.Record) bool {
	for i := range len(lines) - 1 {
		if lines[i].Number == lines[i+1].Number {
			return true
		}
	}
	return false
}

// compare finds who is new, who has left, and whose value changed.
func (m *merge) compare(c *spill.Chunk, rows *rows) error {
	lines := c.Records
	m.verdict.Members += int64(len(lines))
	var mem member
	more := rows.next()
	for len(lines) > 0 || more {
		if len(lines) == 0 || more && lines[0].Number > rows.now.profile {
			if err := m.absent(&rows.now); err != nil {
				return err
			}
			more = rows.next()
			continue
		}
		var err error
		if mem, err = decodeMember(lines[0].Number, c.Text(lines[0])); err != nil {
			return err
		}
		m.barred.filter(&mem.person) // it prevails, so only what rides along can go
		switch lines = lines[1:]; {
		case !more || mem.id < rows.now.profile:
			err = m.join(&mem)
		case rows.now.person.sameKey(mem.person):
			err = m.same(&rows.now, &mem)
			more = rows.next()
		default: // the number is another's
			err = m.alone(&mem)
		}
		if err != nil {
			return err
		}
	}
	return rows.err()
}

// same handles a member who already has a row.
func (m *merge) same(r *row, mem *member) error {
	switch {
	case m.absorbed[r.profile] != 0 || m.joined[r.profile]:
		return m.alone(mem) // the row is not what it was
	case r.has(rowWanted) != mem.cleared && r.wanted == mem.value:
		m.verdict.Unchanged++
		return nil
	}
	old, err := m.traitRow(m.trait, r.profile)
	if err != nil {
		return err
	}
	return m.want(old, mem)
}

// absent handles a row whose number is not on the list. People who were told leave
// with the guard's verdict, after all lines are compared.
func (m *merge) absent(r *row) error {
	audience := m.trait.class == Audience
	switch {
	case m.absorbed[r.profile] != 0:
		return nil // it is the user's by now
	case !r.has(rowTold) && (!r.has(rowWanted) || audience && r.wanted != trueText):
		return nil
	case r.has(rowNewer) && m.trait.authority == AuthorityLatest:
		return nil
	}
	elsewhere, err := m.isElsewhere(r)
	if err != nil || elsewhere {
		return err
	}
	if !r.has(rowTold) { // impact.com was told nothing, so there is nothing to take back or to judge
		m.dropped++
		return m.exit(r.profile, statusPending)
	}
	m.verdict.Exits++
	if r.has(rowLeaving) {
		return nil // what was let through is not taken back
	}
	return m.exits.Add(r.profile, nil)
}

// isElsewhere reports whether the row's person is on the list under another
// number: two people can have one, and the second is stored under the next.
func (m *merge) isElsewhere(r *row) (bool, error) {
	home := r.person.ProfileID()
	if home == r.profile {
		return false, nil
	}
	return m.lists(home, func(mem *member) bool { return r.person.sameKey(mem.person) })
}

// lists reports whether some line of a number is one that is looked for.
func (m *merge) lists(number int64, is func(*member) bool) (bool, error) {
	texts, err := m.list.spill.Find(number)
	for i, text := range texts {
		texts[i] = ""
		mem, forgotten, failed := m.decode(number, text)
		if failed != nil {
			return false, failed
		}
		if !forgotten && is(&mem) {
			return true, nil
		}
	}
	return false, err
}

// outranks reports whether another line of the list counts for a user rather than this
// one: one that names the user, or one of a visitor whom that user turned out to be. See
// [member.outweighs].
func (m *merge) outranks(of profile, line *member) (bool, error) {
	user := of.person
	if user.UserID == "" {
		return false, nil
	}
	asUser := func(mem member) *member { // a visitor's line, as one about this user
		mem.visitor = mem.visitor || mem.person.UserID == ""
		return &mem
	}
	this := asUser(*line)
	outweighs := func(mem *member) bool { return asUser(*mem).outweighs(this) }
	if line.person.UserID == "" {
		found, err := m.lists(user.ProfileID(), func(mem *member) bool { return mem.person.sameKey(user) && outweighs(mem) })
		if err != nil || found {
			return found, err
		}
	}
	if m.joined[of.id] && (this.visitor || this.cleared) {
		return m.visitorsList(of.id, outweighs)
	}
	return false, nil
}

// visitorsList reports whether some line of one of a user's visitors is one that is looked
// for. If the list itself is the first to say whose they are, their lines are under their
// own numbers.
func (m *merge) visitorsList(user int64, is func(*member) bool) (bool, error) {
	visitors, err := collect(m.tx, `SELECT anonymous_id FROM profiles WHERE absorbed_into = ?`, []any{user}, itself[string])
	for _, id := range visitors {
		visitor := Person{AnonymousID: id}
		found, err := m.lists(visitor.ProfileID(), func(mem *member) bool { return mem.person.sameKey(visitor) && is(mem) })
		if err != nil || found {
			return found, err
		}
	}
	return false, err
}

// judgeList judges what the list changes.
func (m *merge) judgeList() error {
	missing := m.verdict.Exits + m.dropped
	f := guard.List{Members: m.verdict.Members, Told: m.verdict.Told, Exits: m.verdict.Exits, Unreadable: m.list.unreadable}
	if missing > 0 {
		f.Suspicion = m.list.suspicion
	}
	var err error
	if m.verdict.Renamed, err = m.renamedFrom(m.trait); err != nil {
		return err
	}
	f.Renamed = m.verdict.Renamed
	return m.judge(f)
}

// finish stores what became of the list, and that its objects were read.
func (m *merge) finish() error {
	end := "applied"
	if m.verdict.Held {
		end = "held"
	}
	v, name := m.verdict, m.list.info.Trait.Name
	_, err := m.Exec(`UPDATE generations SET state = ?, members = ?, joins = ?, exits = ?, told = ?, unchanged = ?, verdict = ?, applied_at = ? WHERE id = ?`,
		end, v.Members, v.Joins, v.Exits, v.Told, v.Unchanged, v.Reason, m.now, m.list.gen)
	if err != nil {
		return err
	}
	for _, o := range m.list.info.Objects {
		if _, err := m.putObject(o); err != nil {
			return err
		}
	}
	_, err = m.Exec(`UPDATE traits SET generation = ?1, last_list_at = ?2, name = CASE WHEN ?3 <> '' THEN ?3 ELSE name END,
		last_change_at = CASE WHEN ?4 > 0 THEN max(coalesce(last_change_at, 0), ?2) ELSE last_change_at END WHERE id = ?5`,
		m.list.gen, m.at, name, v.Joins+v.Exits, m.trait.id)
	m.trait.listedAt = m.at
	return err
}
