package state

import (
	"context"
	"database/sql"
	"errors"
)

// merge walks the sorted list and the trait's rows side by side, one range of
// profile ids after the other. A range's rows come in one piece of text: for
// millions of rows the way from SQLite to Go costs more than the rows.
type merge struct {
	*tx
	ctx     context.Context
	list    *List
	trait   *trait
	rows    int64 // of the trait, before the merge
	at      int64
	verdict Verdict
	kept    int64   // people of whom a newer message said otherwise
	dropped int64   // members who were never told and are not on it
	leaving []int64 // members whose exits are to be written
	joins   joins
	stored  rowsOfTrait
	last    []byte // digest of the last list, nil where there is none or it does not stand any more

	// Two people can have one number, and the second is stored under the next:
	// the line comes under the one, the row under the other.
	elsewhere map[int64]bool // where members are stored whose number was taken
	doubtful  idSpool        // rows of people who may yet be on the list
}

func newMerge(ctx context.Context, t *tx, l *List) (*merge, error) {
	tr, err := t.trait(l.info.Trait, true)
	if err != nil {
		return nil, err
	}
	m := &merge{tx: t, ctx: ctx, list: l, trait: tr, at: unix(l.info.ListedAt), elsewhere: map[int64]bool{}}
	m.joins.merge = m
	m.doubtful.dir = l.spill.dir
	if now := t.d.barred.Load(); now != l.barred {
		l.spill.barred = now
		m.kept++ // the digest is not of what is merged
	}
	_, err = t.get(`SELECT list_digest, coalesce((SELECT value FROM counters WHERE scope = id AND name = 'told'), 0) FROM traits WHERE id = ?`,
		[]any{tr.id}, &m.last, &m.verdict.Told)
	return m, err
}

func (m *merge) close() {
	m.doubtful.close()
	m.stored.close()
}

// span is a run of profile ids that is merged in one go.
type span struct {
	from, to int64
	first    int // the parts of the spill it covers
	last     int
}

// spans gives what has to be merged: one span for a small list, else the
// ranges in which the list differs from the last one.
func (m *merge) spans() ([]span, error) {
	var due int64
	_, err := m.get(`SELECT coalesce(sum(value), 0), coalesce(sum(value) FILTER (WHERE name <> 'settled'), 0)
		FROM counters WHERE scope = ? AND name NOT IN ('wanted', 'delivered', 'told')`, []any{m.trait.id}, &m.rows, &due)
	if err != nil {
		return nil, err
	}
	if max(m.rows, m.list.Len()) < digestFrom {
		return []span{{to: 1<<63 - 1, last: spillParts - 1}}, nil
	}
	if due > 0 {
		m.last = nil // exits that are still due count for the guard: look at everybody
	}
	var all []span
	for r := range digestRanges {
		if !m.list.digest.differs(m.last, r) {
			n := int64(m.list.digest[r].count)
			m.verdict.Members += n
			m.verdict.Unchanged += n
			continue
		}
		part := r / (digestRanges / spillParts)
		all = append(all, span{int64(r) << (63 - digestBits), int64(r+1)<<(63-digestBits) - 1, part, part})
	}
	return all, nil
}

func (m *merge) run(reader *sql.Conn) error {
	spans, err := m.spans()
	if err != nil {
		return err
	}
	if m.stored, err = m.reader(reader); err != nil {
		return err
	}
	// Rows and members come from two goroutines, so that this one only compares and writes.
	quit := make(chan struct{})
	known := readAhead(spans, quit, m.stored.within)
	parts := membersOf{spill: &m.list.spill, first: -1}
	listed := readAhead(spans, quit, parts.within)
	defer known.worker.Wait()
	defer listed.worker.Wait()
	defer close(quit)
	for _, s := range spans {
		if m.ctx.Err() != nil {
			return context.Cause(m.ctx)
		}
		rows, err := known.next()
		if err != nil {
			return err
		}
		members, err := listed.next()
		if err != nil {
			return err
		}
		if err := m.span(s, members, rows); err != nil {
			return err
		}
		if m.list.info.Progress != nil {
			m.list.info.Progress(int64(len(members.lines)))
		}
	}
	return errors.Join(m.joins.flush(), m.settleDoubtful(), m.flushExits())
}

// span merges members and rows of the same span.
func (m *merge) span(s span, list members, rows storedRows) error {
	if rows.numbers != nil {
		done, err := m.byNumbers(s, list, rows.numbers)
		if done || err != nil {
			return err
		}
		if rows.packed, err = m.stored.packed(s); err != nil {
			return err
		}
	}
	return m.byKeys(list, rows.packed)
}

// byKeys compares everything.
func (m *merge) byKeys(list members, rows []packedRow) (err error) {
	m.verdict.Members += int64(len(list.lines))
	for len(list.lines) > 0 || len(rows) > 0 {
		switch {
		case len(rows) == 0 || len(list.lines) > 0 && list.lines[0].id < rows[0].profile:
			mem := list.take()
			err = m.joins.add(&mem)
		case len(list.lines) == 0 || list.lines[0].id > rows[0].profile:
			err = m.absent(&rows[0])
			rows = rows[1:]
		default:
			err = m.met(&list, &rows[0])
			rows = rows[1:]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// met takes the members that have a row's number. There is one, or once in a
// lifetime two, and then the row's own person may be absent.
func (m *merge) met(list *members, row *packedRow) (err error) {
	seen := false
	for len(list.lines) > 0 && list.lines[0].id == row.profile {
		mem := list.take()
		if row.is(mem.person) {
			seen = true
			err = m.same(row, &mem)
		} else {
			err = m.slow(&mem)
		}
		if err != nil {
			return err
		}
	}
	if seen {
		return nil
	}
	return m.absent(row)
}

// same is for a member who has a row already.
func (m *merge) same(r *packedRow, mem *member) error {
	if mem.person.UserID != "" && (mem.person.AnonymousID != "" && mem.person.AnonymousID != r.anonymous || mem.person.EmailSHA1 != "" && mem.person.EmailSHA1 != r.email) {
		return m.slow(mem)
	}
	if len(m.absorbed) > 0 {
		return m.slow(mem) // the row may be another's by now
	}
	if !r.newer && r.hasWanted != mem.cleared && r.wanted == mem.value {
		m.verdict.Unchanged++
		return nil
	}
	old, err := m.traitRow(m.trait, r.profile)
	if err != nil {
		return err
	}
	return m.want(old, mem)
}

// slow is for a member of whom more than the value may be new: an anonymous id
// to absorb, a number that is taken.
func (m *merge) slow(mem *member) error {
	prof, err := m.resolve(mem.person, m.at)
	if err != nil {
		return err
	}
	if prof.id != mem.id && prof.person.sameKey(mem.person) {
		m.elsewhere[prof.id] = true
	}
	old, err := m.traitRow(m.trait, prof.id)
	if err != nil {
		return err
	}
	return m.want(old, mem)
}

// keeps reports whether a newer message stands against the list.
func (m *merge) keeps(at int64) bool {
	return at > m.at && m.trait.authority == AuthorityLatest
}

// want moves wanted to what the list says of a member.
func (m *merge) want(old traitRow, mem *member) error {
	wanted := mem.wanted()
	if old.exists && m.keeps(old.order()) {
		m.kept++
		m.verdict.Unchanged++
		return nil
	}
	if old.exists && old.wanted == wanted {
		m.verdict.Unchanged++
		return nil
	}
	next := old
	next.wanted, next.wantedAt, next.orderedAt = wanted, m.at, sql.NullInt64{}
	next.origin = sql.NullInt64{Int64: -m.list.gen, Valid: true}
	next.receivedAt, next.messageID = sql.NullInt64{}, sql.NullString{}
	next = next.moved()
	m.verdict.Joins++
	m.countMove(old, next)
	if mem.cleared {
		m.countRun("cleared", 1)
	}
	return m.put(old, next)
}

// finish writes the exits with the guard's verdict and the generation's end.
func (m *merge) finish() error {
	if err := m.judge(); err != nil {
		return err
	}
	end := "applied"
	if m.verdict.Held {
		end = "held"
	}
	v, name := m.verdict, m.list.info.Trait.Name
	_, err := m.exec(`UPDATE generations SET state = ?, members = ?, joins = ?, exits = ?, told = ?, unchanged = ?, verdict = ?, applied_at = ? WHERE id = ?`,
		end, v.Members, v.Joins, v.Exits, v.Told, v.Unchanged, v.Reason, m.now, m.list.gen)
	if err != nil {
		return err
	}
	for _, o := range m.list.info.Objects {
		if _, err := m.putObject(o); err != nil {
			return err
		}
	}
	_, err = m.exec(`UPDATE traits SET generation = ?1, last_list_at = ?2, name = CASE WHEN ?3 <> '' THEN ?3 ELSE name END,
		last_change_at = CASE WHEN ?4 > 0 THEN max(coalesce(last_change_at, 0), ?2) ELSE last_change_at END WHERE id = ?5`,
		m.list.gen, m.at, name, v.Joins+v.Exits, m.trait.id)
	if err != nil {
		return err
	}
	m.trait.listedAt = m.at
	return m.keepDigest()
}

// keepDigest remembers the list for the next one, if the state now says just
// what the list does.
func (m *merge) keepDigest() error {
	m.trait.hasDigest = m.kept == 0 && !m.verdict.Held && m.list.Len() >= digestFrom
	m.digested = m.trait
	var keep []byte
	if m.trait.hasDigest {
		keep = m.list.digest.bytes()
	}
	_, err := m.exec(`UPDATE traits SET list_digest = ? WHERE id = ?`, keep, m.trait.id)
	return err
}
