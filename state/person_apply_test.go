package state_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

// history is a random log of a few people who share devices.
type history struct {
	rng             *rand.Rand
	now             time.Time
	users, visitors int
	n               int
}

func (h *history) one(prefix string, of int) string {
	return fmt.Sprintf("%s%d", prefix, 1+h.rng.IntN(of))
}

func (h *history) person() (p state.Person) {
	switch h.rng.IntN(5) {
	case 0:
		p.AnonymousID = h.one("a", h.visitors)
	case 1:
		p.UserID = h.one("u", h.users)
	default:
		p.UserID, p.AnonymousID = h.one("u", h.users), h.one("a", h.visitors)
	}
	if h.rng.IntN(4) == 0 {
		p.EmailSHA1 = strings.Repeat(h.one("", 3), 40)
	}
	return p
}

// item is the next message. Clicks come in the order of time, as the newest counts
// whatever was read first.
func (h *history) item() state.Item {
	h.n++
	at := h.now.Add(time.Duration(h.n) * time.Minute)
	it := state.Item{Person: h.person(), SeenAt: at, Line: int64(h.n)}
	if h.rng.IntN(6) == 0 { // it comes late: among the messages around it, on its day, or days later
		most := []int{20, 24 * 60, 3000}[h.rng.IntN(3)]
		it.SeenAt = at.Add(-time.Duration(h.rng.IntN(most)) * time.Minute)
	}
	switch h.rng.IntN(12) {
	case 0:
		it.Change = &state.Change{Trait: audience("web"), Value: fmt.Sprint(h.rng.IntN(2) == 0), At: it.SeenAt}
		return it
	case 1:
		if h.rng.IntN(5) == 0 {
			return state.Item{Person: it.Person, Forget: true}
		}
	}
	if h.rng.IntN(4) == 0 && it.SeenAt.Equal(at) {
		it.ClickID, it.ClickSure = h.one("c", 6), h.rng.IntN(3) > 0
	}
	kind := state.PageLoad
	if h.rng.IntN(4) == 0 {
		kind = state.Conversion
	}
	it.Event = event(kind, fmt.Sprintf("m%d", h.rng.IntN(h.n)+h.n/2), it.SeenAt)
	if kind == state.Conversion {
		it.Event.EventType, it.Event.OrderID = "order", fmt.Sprint(h.n) // which one of an order counts is said elsewhere
	}
	it.Event.Payload = fmt.Appendf(nil, `{"type":"page","userId":%q,"anonymousId":%q}`, it.Person.UserID, it.Person.AnonymousID)
	return it
}

// TestAppliedLate stores random logs, and applies what they say of people at once, or
// late: people, their events, values and what is sent must be the same.
func TestAppliedLate(t *testing.T) {
	t.Parallel()
	for seed := range 40 {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			atOnce, late := setup(t), setup(t)
			h := &history{rng: rand.New(rand.NewPCG(uint64(seed), 2)), now: atOnce.now.Add(-100 * time.Hour), users: 4, visitors: 5}
			if seed%2 == 1 { // more of what is said is of people who were forgotten just before
				h.users, h.visitors = 2, 2
			}
			for range 1 + h.rng.IntN(3) {
				var items []state.Item
				for range h.rng.IntN(80) {
					items = append(items, h.item())
				}
				for _, it := range items {
					atOnce.store(it)
					require.NoError(t, atOnce.db.Count(context.Background(), "applied", 0))
				}
				for len(items) > 0 {
					n := 1 + h.rng.IntN(len(items))
					late.store(items[:n]...)
					items = items[n:]
				}
				if h.rng.IntN(2) == 0 {
					late.reopen()
					atOnce.reopen()
				}
				same(t, explained(t, atOnce), explained(t, late))
			}
			late.sound()
			for range 3 {
				want := everything
				want.AttributionWait = 1000 * time.Hour
				want.PageLoads, want.Conversions = 5, 5
				a, err := atOnce.db.Turn(context.Background(), nil, want)
				require.NoError(t, err)
				b, err := late.db.Turn(context.Background(), nil, want)
				require.NoError(t, err)
				same(t, sent(a), sent(b))
				atOnce.settle(state.Delivered, a...)
				late.settle(state.Delivered, b...)
			}
			same(t, world(t, atOnce), world(t, late))
			for _, id := range []string{"u1", "a2"} {
				na, ea := atOnce.db.Forget(context.Background(), id)
				nb, eb := late.db.Forget(context.Background(), id)
				require.Equal(t, []any{na, ea}, []any{nb, eb})
			}
			same(t, world(t, atOnce), world(t, late))
			late.sound()
		})
	}
}

// same compares texts one by one, so that a failure is short.
func same(t *testing.T, want, have []string) {
	t.Helper()
	for i := range min(len(want), len(have)) {
		require.Equal(t, want[i], have[i])
	}
	require.Len(t, have, len(want))
}

// explained is what is known of everybody. Since when a value is wanted is not among
// it: where two ids of a person said the same, it depends on which was heard first. By
// what a later message is judged is in [world].
func explained(t *testing.T, b *bench) (all []string) {
	t.Helper()
	for _, id := range []string{"u1", "u2", "u3", "u4", "a1", "a2", "a3", "a4", "a5"} {
		e, err := b.db.Explain(context.Background(), id)
		text := fmt.Sprint(id, e.UserID, e.AnonymousID, e.EmailSHA1, e.AbsorbedInto, e.ClickID, e.Anonymous, err)
		for _, v := range e.Traits {
			text += fmt.Sprint(" ", v.Key, *v.Wanted, v.Status)
		}
		for _, v := range e.Events {
			text += fmt.Sprint(" ", v.Line, v.Event, v.OrderID, v.Status)
		}
		all = append(all, text)
	}
	return all
}

func sent(claims []*state.Claim) (all []string) {
	for _, c := range claims {
		all = append(all, fmt.Sprint(c.Kind, c.Profile, c.Person, c.Event, c.At, c.ClickID, c.NewClick, c.Sure, c.Values == nil))
	}
	return all
}

// world is what the state holds of people, but for the numbers of events.
func world(t *testing.T, b *bench) (all []string) {
	t.Helper()
	raw, err := sql.Open("sqlite3", b.path)
	require.NoError(t, err)
	defer raw.Close()
	for _, query := range []string{
		`SELECT json_array(id, user_id, anonymous_id, email_sha1, click_id, click_at, click_sure, seen_at, absorbed_into) AS row FROM people ORDER BY id`,
		`SELECT json_array(kind, status, profile_id, message_id, event, event_type, order_id, event_at, outcome) AS row FROM deliveries ORDER BY message_id, event_at, event`,
		`SELECT json_array(trait_key, user_id, anonymous_id, wanted, delivered, status) AS row FROM profile_traits ORDER BY 1`,
		`SELECT json_array(trait_id, profile_id, max(wanted_at, coalesce(message ->> '$.ordered_at', 0))) AS row FROM trait_rows ORDER BY trait_id, profile_id`,
		`SELECT json_array(scope, name, value) AS row FROM counters WHERE value <> 0 ORDER BY scope, name`,
	} {
		var text string
		require.NoError(t, raw.QueryRowContext(context.Background(), `SELECT coalesce(group_concat(row, char(10)), '') FROM (`+query+`)`).Scan(&text))
		all = append(all, strings.Split(text, "\n")...)
	}
	return all
}

func TestCheckFindsEventsWithoutTheirPerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.view("u1")
	b.claim()
	b.sound()
	b.exec(`UPDATE events_by_person SET profile_id = 7`)
	problems, err := b.db.Check(context.Background())
	require.NoError(t, err)
	require.Equal(t, []string{"events that no person has: event 1", "people's events that are not there: event 1"}, problems)
}
