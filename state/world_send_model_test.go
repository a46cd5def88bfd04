package state_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// wants returns what is wanted of everybody, by "who|key".
func (w *traitWorld) wants() map[string]string {
	all := map[string]string{}
	for _, tr := range w.traits {
		for who, value := range tr.wanted() {
			all[who+"|"+tr.trait.Key] = value
		}
	}
	return all
}

const (
	whoAndKey = `coalesce(p.user_id, p.anonymous_id, p.email_sha1) || '|' || t.key`
	fromRows  = ` FROM trait_rows r JOIN people p ON p.id = r.profile_id JOIN traits t ON t.id = r.trait_id `
)

// rows reads two columns of the values.
func (w *traitWorld) rows(column, where string) map[string]string {
	all := map[string]string{}
	for _, line := range w.texts(`SELECT ` + whoAndKey + ` || '=' || ` + column + fromRows + where) {
		id, value, _ := strings.Cut(strings.ReplaceAll(line, secret, ""), "=")
		all[id] = value
	}
	return all
}

// looked compares what the state wants with what the model does, after a step. What the
// guard held is still held, unless the step released it: a list of the trait, or an
// approval.
func (w *traitWorld) looked(step, released string) {
	w.t.Helper()
	w.steps = append(w.steps, step)
	require.NoError(w.t, w.db.Count(context.Background(), "looked", 0)) // applies the logs
	w.sound()
	want, got := w.wants(), w.rows(`CASE r.wanted WHEN 1 THEN iif(t.class = 'audience', 'true', '1') ELSE r.wanted END`, `WHERE r.wanted IS NOT NULL AND NOT (t.class = 'audience' AND r.wanted = 0)`)
	for id, value := range want {
		if value == either {
			delete(want, id)
			delete(got, id)
		}
		if r, refused := w.refused[id]; refused && r != value {
			delete(w.refused, id)
		}
	}
	for id := range w.refused {
		if want[id] == "" && w.refused[id] != "false" {
			delete(w.refused, id)
		}
	}
	require.Equal(w.t, want, got, "%s\nowners %v", step, w.owners)
	free := w.rows(`r.status`, `WHERE r.status IN (1, 3, 5)`)
	for id, before := range w.stopped {
		who, key, _ := strings.Cut(id, "|")
		id = cmp.Or(w.owners[who], who) + "|" + key
		class, value, _ := strings.Cut(before, " ")
		if _, is := free[id]; is && (got[id] == value || got[id] == "" && value == "false") {
			if set := key + " " + class; w.granted[set] > 0 && released == "fresh" {
				w.granted[set]--
				continue
			}
			require.Contains(w.t, []string{key, "everything", class}, released, "%s: %s was held (%s)", step, id, before)
		}
	}
	if released == "fresh" {
		clear(w.granted) // approvals are used up
	}
	w.stopped = w.rows(`coalesce(r.class, 'fresh') || ' ' || CASE coalesce(r.wanted, 0) WHEN 1 THEN iif(t.class = 'audience', 'true', '1') WHEN 0 THEN 'false' ELSE r.wanted END`, `WHERE r.status = 6`)
}

// perhaps looks, or lets the next look apply more of the log together.
func (w *traitWorld) perhaps(step string) {
	if w.rng.IntN(2) == 0 {
		w.looked(step, "")
	} else {
		w.steps = append(w.steps, step)
	}
}

func (w *traitWorld) take() {
	most := everything
	most.PageLoads, most.Coalesce = 1+w.rng.IntN(4), w.rng.IntN(3) > 0
	claims, err := w.db.Turn(context.Background(), nil, most)
	require.NoError(w.t, err)
	want := w.wants()
	for _, c := range claims {
		who := addressed(c)
		require.Empty(w.t, w.owners[who], "%s is %s", who, w.owners[who])
		require.False(w.t, w.silent[who], who)
		require.False(w.t, w.barred[who], who)
		for _, v := range c.Values {
			id := who + "|" + v.Key
			if want[id] != either {
				require.Equal(w.t, cmp.Or(want[id], "false"), v.Value, id)
			}
			if v.Value == "false" {
				require.True(w.t, w.ever[id], "%s was never told true", id)
			}
			require.NotEqual(w.t, v.Value, w.sure[id], "%s was answered", id)
			require.NotEqual(w.t, v.Value, w.refused[id], "%s was refused", id)
			require.Empty(w.t, w.stopped[id], "%s is held", id)
		}
	}
	w.open = append(w.open, claims...)
}

// arrives is what impact.com does with a value, and what is known of it afterwards.
func (w *traitWorld) arrives(id, value string, r state.Result) {
	if r == state.Delivered || r == state.Unknown && w.rng.IntN(2) == 0 {
		w.holds[id] = value
	}
	switch r {
	case state.Delivered:
		w.sure[id], w.may[id], w.told[id] = value, value == "true", true
	case state.Unknown:
		delete(w.sure, id)
		w.may[id], w.told[id] = w.may[id] || value == "true", true
	}
	w.ever[id] = w.ever[id] || w.may[id]
	if r == state.Refused {
		w.refused[id] = value
	}
}

func (w *traitWorld) answer() {
	if len(w.open) == 0 {
		return
	}
	i := w.rng.IntN(len(w.open))
	c := w.open[i]
	w.open = slices.Delete(w.open, i, i+1)
	o := state.Outcome{Claim: c, Result: state.Result(1 + w.rng.IntN(5)), Error: "test", Fingerprint: w.fingerprint, Next: w.now.Add(time.Minute)}
	if o.Result == state.TooOld {
		o.Result = state.Delivered
	}
	if o.Result == state.Refused && w.rng.IntN(2) == 0 {
		o.RefusedKeys = []string{c.Values[w.rng.IntN(len(c.Values))].Key}
	}
	for _, v := range c.Values {
		r := o.Result
		if len(o.RefusedKeys) > 0 && v.Key != o.RefusedKeys[0] {
			r = state.Unsent
		}
		if !w.dead[c] {
			w.arrives(addressed(c)+"|"+v.Key, v.Value, r)
		}
	}
	_, err := w.db.Turn(context.Background(), []state.Outcome{o}, state.Want{})
	require.NoError(w.t, err)
	w.looked(fmt.Sprintf("%s for %s %v%v: %s", o.Result, addressed(c), c.Values[0].Key, c.Values[0].Value, o.RefusedKeys), "")
}

func (w *traitWorld) kill() {
	for _, c := range w.open {
		for _, v := range c.Values {
			if !w.dead[c] {
				w.arrives(addressed(c)+"|"+v.Key, v.Value, state.Unknown)
			}
		}
	}
	w.open = nil
}

// command is what somebody does between two runs.
func (w *traitWorld) command() {
	ctx := context.Background()
	tr := w.any()
	key, may := tr.trait.Key, func(err error) {
		if !errors.Is(err, state.ErrNotFound) {
			require.NoError(w.t, err)
		}
	}
	n := w.rng.IntN(10)
	switch n {
	case 0:
		_, err := w.db.RetryRefused(ctx, state.Filter{Trait: key})
		require.NoError(w.t, err)
		maps.DeleteFunc(w.refused, func(id, _ string) bool { return strings.HasSuffix(id, "|"+key) })
	case 1:
		for id := range w.rows(`r.status`, `WHERE r.status = 4 AND t.key = '`+key+`'`) {
			w.arrives(id, cmp.Or(w.wants()[id], "false"), state.Delivered)
			w.steps = append(w.steps, "drop refused "+id)
		}
		_, err := w.db.DropRefused(ctx, state.Filter{Trait: key})
		require.NoError(w.t, err)
	case 2:
		due := w.rows(`coalesce(r.wanted, '')`, `WHERE r.status > 0 AND t.key = '`+key+`'`)
		_, err := w.db.Adopt(ctx, key)
		may(err)
		for id := range due {
			delete(w.stopped, id)
			w.steps = append(w.steps, "adopt "+id)
			w.arrives(id, cmp.Or(w.wants()[id], "false"), state.Delivered)
		}
	case 3:
		_, err := w.db.Resync(ctx, key)
		may(err)
		maps.DeleteFunc(w.sure, func(id, _ string) bool { return strings.HasSuffix(id, "|"+key) })
	case 4:
		w.forget()
	default:
		w.letThrough()
	}
	w.looked(fmt.Sprintf("command %d of %s", n, key), "")
}

// letThrough approves some of what is held: at most that is let go, and no more than
// was held.
func (w *traitWorld) letThrough() {
	sets := w.held()
	if len(sets) == 0 {
		return
	}
	s := sets[w.rng.IntN(len(sets))]
	a := state.Approval{Key: s.Key, Direction: s.Direction, Most: []int64{1, 2, 1000}[w.rng.IntN(3)]}
	_, a.Computation, _ = strings.Cut(s.Command, "--computation ")
	got, err := w.db.Approve(context.Background(), a)
	require.NoError(w.t, err)
	require.Equal(w.t, s.Held, got.Held)
	if s.Direction == state.NewComputation {
		w.looked("approve", "")
		return
	}
	require.LessOrEqual(w.t, got.Granted+got.Before, s.Held)
	require.LessOrEqual(w.t, got.Granted, a.Most)
	w.granted[s.Key+" "+string(s.Direction)] += got.Granted
}

// drain lets everything through, and lets impact.com answer.
func (w *traitWorld) drain() {
	w.kill()
	w.now = w.now.Add(100 * time.Hour)
	w.fingerprint += "g"
	clear(w.refused)
	w.begin()
	w.suppressed = nil
	_, err := w.db.JudgeSuppressions(context.Background(), true)
	require.NoError(w.t, err)
	clear(w.silent)
	for w.judge(); len(w.held()) > 0; w.judge() {
		for _, s := range w.held() {
			a := state.Approval{Key: s.Key, Direction: s.Direction, Most: s.Held}
			_, a.Computation, _ = strings.Cut(s.Command, "--computation ")
			_, err := w.db.Approve(context.Background(), a)
			require.NoError(w.t, err)
		}
	}
	w.looked("drain", "everything")
	for range 20 {
		w.take()
		for _, c := range w.open {
			for _, v := range c.Values {
				w.arrives(addressed(c)+"|"+v.Key, v.Value, state.Delivered)
			}
		}
		w.settle(state.Delivered, w.open...)
		w.open = nil
	}
	traits, _, _, err := w.db.Due(context.Background())
	require.NoError(w.t, err)
	require.Equal(w.t, state.Counts{}, traits)
	want := w.wants()
	for id, value := range want {
		if value != either {
			require.Equal(w.t, value, w.holds[id], id)
		}
	}
	for id, value := range w.holds {
		if who, key, _ := strings.Cut(id, "|"); w.owners[who] == "" && key != "tier" && want[id] == "" {
			require.NotEqual(w.t, "true", value, id)
		}
	}
}
