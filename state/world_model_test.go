package state_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// traitWorld is what the inputs say of several traits of people with several ids, and what
// impact.com was told. Values stand under "who|key".
type traitWorld struct {
	*bench
	rng         *rand.Rand
	traits      []*listModel
	owners      map[string]string // of visitors
	steps       []string
	key         string // by which the forgotten stay out; "" without one
	fingerprint string

	holds   map[string]string // what arrived last
	may     map[string]bool   // impact.com may hold true
	ever    map[string]bool   // it may have held true
	sure    map[string]string // what was answered last, unless there is doubt
	told    map[string]bool   // something may have arrived
	refused map[string]string
	stopped map[string]string // what the guard holds, after the last step
	open    []*state.Claim

	barred     map[string]bool
	groups     map[string]int // of ids that were forgotten together
	asked      int
	granted    map[string]int64      // by approvals, of "key direction"
	dead       map[*state.Claim]bool // of people who were forgotten meanwhile
	suppressed []state.Person
	silent     map[string]bool // nothing may be sent about them, since their suppression is held
}

func newWorld(t *testing.T, seed int) *traitWorld {
	t.Helper()
	w := &traitWorld{
		bench: setup(t), rng: rand.New(rand.NewPCG(uint64(seed), 3)), owners: map[string]string{}, fingerprint: "f",
		holds: map[string]string{}, may: map[string]bool{}, ever: map[string]bool{}, sure: map[string]string{}, told: map[string]bool{}, refused: map[string]string{},
		barred: map[string]bool{}, groups: map[string]int{}, granted: map[string]int64{}, dead: map[*state.Claim]bool{}, silent: map[string]bool{},
	}
	if seed%3 == 0 {
		w.key = strings.Repeat("k", 32)
	}
	for key, tr := range map[string]listModel{
		"gold": {trait: audience("gold"), some: []string{"true"}},
		"vip":  {trait: audience("vip"), some: []string{"true"}},
		"web":  {trait: audience("web")},
		"tier": {trait: state.TraitInfo{Class: state.Computed}, some: []string{"", "1", "2"}},
	} {
		tr.trait.Key, tr.owners, tr.late, tr.changes = key, w.owners, map[string]bool{}, map[string]changed{}
		w.traits = append(w.traits, &tr)
	}
	slices.SortFunc(w.traits, func(a, b *listModel) int { return cmp.Compare(a.trait.Key, b.trait.Key) })
	for _, tr := range w.traits {
		tr.rng = w.rng
		w.guards[tr.trait.Key] = (&model{rng: w.rng}).guard()
	}
	if w.rng.IntN(2) == 0 {
		w.most = limit(10, 1)
	}
	w.begin()
	return w
}

// begin is what a new process does.
func (w *traitWorld) begin() {
	require.NoError(w.t, w.db.Close())
	db, err := state.Open(context.Background(), state.Options{Path: w.path, Binding: &binding, HashKey: []byte(w.key), Now: func() time.Time { return w.now }})
	require.NoError(w.t, err)
	w.db = db
	_, err = db.BeginRun(context.Background(), state.RunInfo{Kind: "run", Fingerprint: w.fingerprint, KeepEvents: 1000 * time.Hour, Guards: w.limits()})
	require.NoError(w.t, err)
	for _, tr := range w.traits {
		if tr.trait.Key == "vip" || tr.trait.Key == "tier" {
			tr.trait.Authority = []state.Authority{state.AuthorityList, state.AuthorityLatest, state.AuthorityLatest, state.AuthorityChanges}[w.rng.IntN(4)]
		}
	}
}

// TestSeveralTraits plays runs of random inputs, answers, kills and commands, and looks
// after each step that the state wants what the documents say, and that nothing is sent
// that must not be. At the end everything is let through: impact.com has what is wanted.
func TestSeveralTraits(t *testing.T) {
	t.Parallel()
	for seed := range (*modelSeeds + 5) / 6 { // each plays many steps
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed)
			t.Cleanup(func() {
				if t.Failed() {
					t.Log(strings.Join(w.steps, "\n"))
				}
			})
			for range 8 {
				w.run()
			}
			w.drain()
		})
	}
}

func (w *traitWorld) run() {
	for range w.rng.IntN(5) {
		w.now = w.now.Add(time.Minute)
		switch n := w.rng.IntN(12); {
		case n < 5:
			w.list(w.any())
		case n < 9:
			w.message(w.any())
		case n < 11:
			w.identify()
		default:
			w.forget()
		}
	}
	w.takeOut()
	for range w.rng.IntN(8) {
		w.now = w.now.Add(time.Minute)
		w.take()
		for range w.rng.IntN(6) {
			w.answer()
		}
		if w.rng.IntN(20) == 0 {
			w.forget()
		}
	}
	if w.rng.IntN(3) > 0 {
		for len(w.open) > 0 {
			w.answer()
		}
		w.end()
	} else {
		w.kill()
	}
	if w.rng.IntN(4) == 0 {
		w.fingerprint += "g"
		clear(w.refused)
	}
	w.now = w.now.Add(time.Hour)
	w.begin()
	w.looked("begin", "") // a new process releases nothing but refusals
	for range w.rng.IntN(3) {
		w.command()
	}
}

func (w *traitWorld) any() *listModel { return w.traits[w.rng.IntN(len(w.traits))] }

// line names somebody by one id, or a visitor's user too.
func (w *traitWorld) line(tr *listModel, values []string) listed {
	l := listed{value: values[w.rng.IntN(len(values))]}
	switch n := w.rng.IntN(8); {
	case n == 0:
		l.email = fmt.Sprintf("%040d", 1+w.rng.IntN(2))
	case n < 4:
		l.user = fmt.Sprint("u", 1+w.rng.IntN(4))
	case n < 6:
		l.visitor = fmt.Sprint("a", 1+w.rng.IntN(7))
	default:
		l.visitor = fmt.Sprint("a", 1+w.rng.IntN(5))
		if l.user = whose(l.visitor); !w.merges() && w.owners[l.visitor] == "" {
			l.visitor = ""
		}
	}
	return l
}

// merges reports whether visitors may become users. Where messages are the authority
// over an earlier list, the state does not say which of two values is newer.
func (w *traitWorld) merges() bool {
	return !slices.ContainsFunc(w.traits, func(tr *listModel) bool {
		return tr.messages && (tr.authority == state.AuthorityChanges || tr.trait.Authority == state.AuthorityChanges)
	})
}

// secret makes an id one that can be looked for in the bytes of a file.
const secret = "-of-4711"

func hidden(id string) string {
	if id == "" || len(id) == 40 {
		return id
	}
	return id + secret
}

func (w *traitWorld) person(l listed) state.Person {
	return state.Person{UserID: hidden(l.user), AnonymousID: hidden(l.visitor), EmailSHA1: l.email}
}

// addressed returns whom a claim names.
func addressed(c *state.Claim) string {
	return strings.TrimSuffix(cmp.Or(c.Person.UserID, c.Person.AnonymousID, c.Person.EmailSHA1), secret)
}

// kept removes the ids of the forgotten from a line, and reports whether anybody is left.
func (w *traitWorld) kept(l *listed) bool {
	if w.barred[cmp.Or(l.user, l.visitor, l.email)] {
		return false
	}
	if w.barred[l.visitor] {
		l.visitor = ""
	}
	return true
}

func (w *traitWorld) learn(of *listModel, lines ...listed) {
	for _, l := range lines {
		if l.user == "" || l.visitor == "" || w.owners[l.visitor] != "" {
			continue
		}
		w.owners[l.visitor] = l.user
		for _, tr := range w.traits {
			tr.late[l.visitor] = tr != of
			id, was := l.user+"|"+tr.trait.Key, l.visitor+"|"+tr.trait.Key
			if w.told[was] {
				delete(w.sure, id)
				w.told[id] = true
			}
			w.may[id], w.ever[id] = w.may[id] || w.may[was], w.ever[id] || w.ever[was]
			delete(w.refused, id)
		}
	}
}

func (w *traitWorld) list(tr *listModel) {
	if tr.some == nil {
		return
	}
	lines := make([]listed, w.rng.IntN(9))
	for i := range lines {
		lines[i] = w.line(tr, tr.some)
	}
	l, err := w.db.NewList(context.Background(), state.ListInfo{Trait: tr.trait, Source: "exports", ListedAt: w.now})
	if tr.trait.Authority == state.AuthorityChanges && tr.messages {
		require.ErrorIs(w.t, err, state.ErrIgnoredList)
		tr.lists, tr.authority = true, tr.trait.Authority
		return
	}
	require.NoError(w.t, err)
	tr.authority = tr.trait.Authority
	for i := range lines {
		require.NoError(w.t, l.Add(w.person(lines[i]), lines[i].value, lines[i].value == ""))
	}
	v, err := l.Apply(context.Background())
	require.NoError(w.t, err)
	require.NoError(w.t, l.Close())
	tr.lines, tr.listedAt, tr.lists = nil, w.now, true
	for _, l := range lines {
		if w.kept(&l) {
			tr.lines = append(tr.lines, l)
		}
	}
	if tr.trait.Authority != state.AuthorityLatest {
		clear(tr.changes)
	}
	clear(tr.late)
	w.learn(tr, tr.lines...)
	w.judged(v, tr)
	w.looked(fmt.Sprintf("list of %s (%s) %+v: %+v", tr.trait.Key, tr.trait.Authority, lines, v), tr.trait.Key)
}

// judged looks at the verdict: who was told true and is not on a list leaves, and all
// that an empty list ends is held.
func (w *traitWorld) judged(v state.Verdict, tr *listModel) {
	if tr.trait.Class == state.Audience && len(tr.lines) == 0 && v.Exits > 0 {
		require.True(w.t, v.Held)
	}
}

func (w *traitWorld) message(tr *listModel) {
	age := time.Duration(1+w.rng.IntN(50)) * time.Second
	if tr.trait.Authority == state.AuthorityLatest {
		age *= 4
	}
	at := w.now.Add(-age).Add(-time.Duration(w.rng.IntN(1e6)))
	values := []string{"true", "false"}
	if tr.trait.Class == state.Computed {
		values = []string{"1", "2", "3"}
	}
	if tr.trait.Key == "gold" {
		return
	}
	l, info := w.line(tr, values), tr.trait
	if tr.trait.Key == "web" {
		info.ComputationID = []string{"aud_1", "aud_1", "aud_1", "aud_2", ""}[w.rng.IntN(5)]
	}
	w.store(state.Item{Person: w.person(l), SeenAt: at, Change: &state.Change{Trait: info, Value: l.value, At: at}})
	said := l
	if w.kept(&l) {
		tr.messages, tr.authority = true, tr.trait.Authority
		if tr.trait.Authority != state.AuthorityList || !tr.lists {
			w.learn(nil, l)
			if who := cmp.Or(l.user, l.visitor, l.email); at.After(tr.changes[who].at) {
				tr.changes[who] = changed{at, l.value}
			}
		}
	}
	w.perhaps(fmt.Sprintf("message of %s %+v, %s ago", tr.trait.Key, said, age))
}

func (w *traitWorld) identify() {
	l := listed{visitor: fmt.Sprint("a", 1+w.rng.IntN(5))}
	l.user = whose(l.visitor)
	if !w.merges() {
		return
	}
	w.store(state.Item{Person: w.person(l), SeenAt: w.now})
	if w.kept(&l) {
		w.learn(nil, l)
	}
	w.perhaps(fmt.Sprintf("identify %+v", l))
}

// ids returns all ids of somebody.
func (w *traitWorld) ids(who string) []string {
	all := []string{who}
	for visitor, user := range w.owners {
		if user == who {
			all = append(all, visitor)
		}
	}
	return all
}

// gone removes a person from what the inputs said.
func (w *traitWorld) gone(who string) {
	for _, id := range w.ids(who) {
		for _, tr := range w.traits {
			w.unsaid(tr, id)
			for _, m := range []map[string]string{w.holds, w.sure, w.refused} {
				delete(m, id+"|"+tr.trait.Key)
			}
			delete(w.may, id+"|"+tr.trait.Key)
			delete(w.ever, id+"|"+tr.trait.Key)
			delete(w.told, id+"|"+tr.trait.Key)
		}
		delete(w.owners, id)
		delete(w.silent, id)
	}
}

func (w *traitWorld) unsaid(tr *listModel, id string) {
	tr.lines = slices.DeleteFunc(tr.lines, func(l listed) bool { return slices.Contains([]string{l.user, l.visitor, l.email}, id) })
	delete(tr.changes, id)
	delete(tr.late, id)
}

// somebody returns an id, and whose it is.
func (w *traitWorld) somebody() (id, who string) {
	id = []string{"u1", "u2", "u3", "u4", "a1", "a2", "a3", "a4", "a5", "a6", "a7"}[w.rng.IntN(11)]
	return id, cmp.Or(w.owners[id], id)
}

// forget forgets somebody, or lets them in again.
func (w *traitWorld) forget() {
	id, who := w.somebody()
	if w.barred[id] {
		_, err := w.db.Readmit(context.Background(), hidden(id))
		require.NoError(w.t, err)
		maps.DeleteFunc(w.barred, func(other string, _ bool) bool { return w.groups[other] == w.groups[id] })
		return
	}
	ids := w.ids(who)
	for _, c := range w.open {
		if addressed(c) == who {
			w.dead[c] = true
		}
	}
	_, err := w.db.Forget(context.Background(), hidden(id))
	if !errors.Is(err, state.ErrNotFound) {
		require.NoError(w.t, err)
	}
	w.gone(who)
	w.asked++
	for _, id := range ids {
		if w.key != "" {
			w.barred[id], w.groups[id] = true, w.asked
		}
	}
	require.NoError(w.t, w.db.Compact(context.Background()))
	for _, id := range ids {
		require.Empty(w.t, w.traces(hidden(id)))
	}
	w.looked("forget "+id, "")
}

// takeOut ends the reading: the guard judges, and the suppressed are taken out.
func (w *traitWorld) takeOut() {
	w.judge()
	w.looked("judge", "fresh")
	switch w.rng.IntN(6) {
	case 0:
		w.suppressed = nil
		for range 1 + w.rng.IntN(3) {
			id, _ := w.somebody()
			p := state.Person{AnonymousID: hidden(id)}
			if id[0] == 'u' {
				p = user(hidden(id))
			}
			w.suppressed = append(w.suppressed, p)
		}
	case 1:
		w.suppressed = nil
	}
	_, err := w.db.Suppress(context.Background(), w.suppressed, true)
	require.NoError(w.t, err)
	_, err = w.db.JudgeSuppressions(context.Background(), true)
	require.NoError(w.t, err)
	clear(w.silent)
	for _, id := range w.texts(`SELECT coalesce(p.user_id, p.anonymous_id) FROM suppressions s JOIN people p ON p.id = s.profile_id WHERE s.held = 1`) {
		w.silent[strings.TrimSuffix(id, secret)] = true
	}
	for _, p := range w.suppressed {
		id := strings.TrimSuffix(cmp.Or(p.UserID, p.AnonymousID), secret)
		if who := cmp.Or(w.owners[id], id); !w.silent[who] {
			w.isSuppressed(who)
		}
	}
	w.now = w.now.Add(10 * time.Minute)
	w.looked(fmt.Sprintf("suppress %v", w.suppressed), "suppressions")
}

// isSuppressed: one last false of what impact.com may hold as true, and then nothing.
func (w *traitWorld) isSuppressed(who string) {
	maps.DeleteFunc(w.stopped, func(id, _ string) bool { return strings.HasPrefix(id, who+"|") })
	kept := false
	for _, tr := range w.traits {
		kept = kept || tr.trait.Class == state.Audience && w.may[who+"|"+tr.trait.Key]
	}
	if !kept {
		w.gone(who)
		return
	}
	for _, tr := range w.traits {
		for _, id := range w.ids(who) {
			w.unsaid(tr, id)
		}
		if id := who + "|" + tr.trait.Key; tr.trait.Class == state.Computed || !w.may[id] {
			for _, m := range []map[string]string{w.holds, w.sure, w.refused} {
				delete(m, id)
			}
			delete(w.told, id)
		}
	}
}
