package state_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// TestNewcomers plays random lists, logs and outcomes with a state that keeps newcomers
// apart and with one that never has any: nobody must see a difference.
func TestNewcomers(t *testing.T) {
	t.Parallel()
	for seed := range 10 {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			apart, none := setup(t), setup(t)
			h := &history{rng: rand.New(rand.NewPCG(uint64(seed), 3)), now: apart.now.Add(-100 * time.Hour), users: 4, visitors: 5}
			for range 16 {
				play(t, h, apart, none)
				none.exec(`INSERT INTO profiles (id, user_id, anonymous_id, email_sha1) SELECT * FROM newcomers; DELETE FROM newcomers`)
				same(t, views(t, none), views(t, apart))
				same(t, explained(t, none), explained(t, apart))
				apart.sound()
			}
			same(t, world(t, none), world(t, apart))
		})
	}
}

// TestNewcomersSettle reads lists of which a twelfth is new each time, and each of them
// again: 2,000 newcomers of 14,000 are too many.
func TestNewcomersSettle(t *testing.T) {
	t.Parallel()
	const n = 12_000
	b := setup(t)
	for i, newcomers := range []int{0, 1000, 2000, 1000} {
		b.list("vip", state.Guard{}, crowd(1000*i, 1000*i+n)...)
		require.Equal(t, newcomers, b.number(`SELECT count(*) FROM newcomers`), i)
		require.Equal(t, 1000*i+n, b.number(`SELECT count(*) FROM people`), i)
		require.Equal(t, state.Verdict{Members: n, Unchanged: n}, b.list("vip", state.Guard{}, crowd(1000*i, 1000*i+n)...), i)
		b.sound()
	}
}

// play does the same at random with two states.
func play(t *testing.T, h *history, states ...*bench) {
	t.Helper()
	got := [2][]string{}
	what, key, result, id := h.rng.IntN(10), h.one("l", 2), []state.Result{state.Delivered, state.Delivered, state.Refused, state.RetryLater, state.Unknown}[h.rng.IntN(5)], h.one("u", 4)
	var people []state.Person
	var items []state.Item
	for range h.rng.IntN(9) {
		p, it := h.person(), h.item()
		switch h.rng.IntN(5) {
		case 0:
			p = state.Person{AnonymousID: h.one("a", 8)}
		case 1:
			p = state.Person{EmailSHA1: strings.Repeat(h.one("", 3), 40)}
		case 2:
			it.Person = state.Person{AnonymousID: h.one("a", 8)}
		}
		people, items = append(people, p), append(items, it)
	}
	for i, b := range states {
		switch {
		case what < 5:
			got[i] = []string{fmt.Sprint(b.listOf(key, state.Guard{}, people...))}
		case what < 7:
			b.store(items...)
		case what < 9:
			claims := b.claim()
			b.settle(result, claims...)
			got[i] = append(told(claims), sent(claims)...)
		default:
			_, err := b.db.Forget(context.Background(), id)
			got[i] = []string{fmt.Sprint(err)}
			b.reopen()
		}
		p, err := b.db.Plan(context.Background(), state.Part{})
		require.NoError(t, err)
		k, err := b.db.MembersKnown(context.Background(), key, 100)
		require.NoError(t, err)
		diff, err := b.db.Diff(context.Background(), state.Part{}, 100)
		require.NoError(t, err)
		known, err := b.db.KnownBy(context.Background(), []string{strings.Repeat("1", 40)})
		require.NoError(t, err)
		slices.SortFunc(known, func(a, b state.Person) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) }) // it has no order
		sampled, of, nameless, err := b.db.SamplePeople(context.Background(), 3, 7)
		require.NoError(t, err)
		reports, err := json.Marshal([]any{p, k, diff, known, sampled, of, nameless})
		require.NoError(t, err)
		got[i] = append(got[i], string(reports))
	}
	same(t, got[1], got[0])
}

// views returns all rows of the views that are promised.
func views(t *testing.T, b *bench) []string {
	t.Helper()
	promised, err := os.ReadFile("testdata/views.txt")
	require.NoError(t, err)
	columns := map[string][]string{}
	for _, column := range strings.Fields(string(promised)) {
		view, name, _ := strings.Cut(column, ".")
		columns[view] = append(columns[view], fmt.Sprintf("%q", name))
	}
	var queries []string
	for view, names := range columns {
		queries = append(queries, `SELECT '`+view+`' || json_array(`+strings.Join(names, ", ")+`) FROM `+view)
	}
	return b.texts(strings.Join(queries, " UNION ALL ") + ` ORDER BY 1`)
}
