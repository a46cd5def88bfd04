package state_test

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

const hashKey = "0123456789abcdef0123456789abcdef"

// keyed reopens the bench's file with a hash key, "" for none.
func (b *bench) keyed(key string) error {
	b.t.Helper()
	if b.db != nil {
		require.NoError(b.t, b.db.Close())
	}
	db, err := state.Open(context.Background(), state.Options{Path: b.path, Create: true, Binding: &binding, HashKey: []byte(key), Now: func() time.Time { return b.now }})
	require.NoError(b.t, err)
	b.db = db
	_, err = db.BeginRun(context.Background(), state.RunInfo{Kind: "run", Fingerprint: "f", KeepEvents: 1000 * time.Hour, Guards: b.limits()})
	return err
}

func (b *bench) forget(p state.Person) int64 {
	b.t.Helper()
	n, err := b.db.Forget(context.Background(), cmp.Or(p.UserID, p.AnonymousID, p.EmailSHA1))
	require.NoError(b.t, err)
	return n
}

func (b *bench) event(p state.Person, id string, kind state.Kind) {
	b.t.Helper()
	b.store(state.Item{Person: p, SeenAt: b.now, ClickID: "click-" + id, Event: &state.Event{
		Key: id, MessageID: id, Kind: kind, Name: "page", EventType: "sale", OrderID: "order-" + id, At: b.now, Payload: []byte(`{"anonymousId":"` + p.AnonymousID + `"}`),
	}})
}

// traces looks for texts in the bytes of the state's files.
func (b *bench) traces(texts ...string) (found []string) {
	b.t.Helper()
	files, err := filepath.Glob(b.path + "*")
	require.NoError(b.t, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(b.t, err)
		for _, text := range texts {
			if bytes.Contains(data, []byte(text)) {
				found = append(found, text+" in "+filepath.Base(file))
			}
		}
	}
	return found
}

func TestForgottenLeavesNoTrace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.keyed(hashKey))
	const (
		id, old, device = "user-4711-secret", "visitor-4711-old", "visitor-4711-new"
		hash            = "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"
	)
	mine := []string{id, old, device, hash, "message-4711"}
	visitor := state.Person{AnonymousID: old}
	b.event(visitor, "message-4711-a", state.PageLoad)
	b.settle(state.Delivered, b.claim()...) // delivered while a stranger
	b.event(visitor, "message-4711-b", state.PageLoad)
	b.change(visitor, "vip", "true", b.now)
	b.change(state.Person{UserID: id, AnonymousID: old, EmailSHA1: hash}, "gold", "true", b.now)
	b.change(state.Person{UserID: id, AnonymousID: device}, "gold", "false", b.now.Add(time.Second))
	b.change(state.Person{EmailSHA1: hash}, "mail", "true", b.now)
	b.event(state.Person{UserID: id, AnonymousID: device}, "message-4711-c", state.Conversion)
	b.event(state.Person{UserID: id}, "message-4711-d", state.PageLoad)
	b.settle(state.Unknown, b.claim()...)
	b.now = b.now.Add(time.Hour)
	claims := b.claim()
	for i := range claims {
		out := state.Outcome{Claim: claims[i], Result: state.Refused, Class: "parameter", Error: "CustomerId " + id, Fingerprint: "f",
			Warnings: []state.Warning{{Field: "CustomerId", Level: "WARN", Message: "strange: " + id}}}
		_, err := b.db.Turn(context.Background(), []state.Outcome{out}, state.Want{})
		require.NoError(t, err)
	}
	// Somebody else on the same device, and somebody who stays.
	b.change(state.Person{UserID: "neighbour", AnonymousID: "shared-4711"}, "gold", "true", b.now)
	b.change(state.Person{UserID: id, AnonymousID: "shared-4711"}, "gold", "true", b.now.Add(time.Minute))
	b.change(user("bystander"), "gold", "true", b.now)
	require.NoError(t, b.db.Reject(context.Background(), []state.Rejected{{Source: "web", Object: "log", Line: 3, Reason: "odd: " + id}}))
	mine = append(mine, "shared-4711")
	require.NoError(t, b.db.Compact(context.Background())) // into the file itself, so that free pages hold it afterwards
	require.Len(t, b.traces(mine...), len(mine))

	require.Positive(t, b.forget(user(id)))
	b.sound()
	require.NotEmpty(t, b.traces(mine...), "in free pages, or the log")
	require.NoError(t, b.db.Compact(context.Background()))
	require.Empty(t, b.traces(mine...))
	require.NotEmpty(t, b.traces("bystander", "neighbour"))
	require.NoError(t, b.db.Close())
	b.db = nil
	require.Empty(t, b.traces(mine...))
}

func TestForgottenStayOut(t *testing.T) {
	t.Parallel()

	start := func(t *testing.T) *bench {
		t.Helper()
		b := setup(t)
		require.NoError(t, b.keyed(hashKey))
		b.change(state.Person{UserID: "u1", AnonymousID: "a1"}, "vip", "true", b.now)
		b.change(user("u2"), "vip", "true", b.now)
		b.send()
		b.forget(user("u1"))
		return b
	}
	unknown := func(b *bench, id string) {
		b.t.Helper()
		_, err := b.db.Explain(context.Background(), id)
		require.ErrorIs(b.t, err, state.ErrNotFound)
	}

	t.Run("of messages, lists and events, by any id they had, until they are let in again", func(t *testing.T) {
		t.Parallel()
		b := start(t)
		b.change(user("u1"), "vip", "true", b.now.Add(time.Second))
		b.event(state.Person{AnonymousID: "a1"}, "m1", state.PageLoad)
		require.EqualValues(t, 1, b.list("lists", state.Guard{}, "u1", "u2").Members)
		b.event(state.Person{UserID: "u2", AnonymousID: "a1"}, "m2", state.PageLoad)
		require.Equal(t, []string{"u2 lists=true"}, b.send())
		unknown(b, "u1")
		unknown(b, "a1")
		counts, err := b.db.RunCounts(context.Background(), b.run+1)
		require.NoError(t, err)
		require.EqualValues(t, 3, counts["kept_out"])

		require.NoError(t, b.keyed(hashKey))
		b.change(user("u1"), "vip", "true", b.now.Add(2*time.Second))
		require.Empty(t, b.send(), "in the next process, too")

		n, err := b.db.Readmit(context.Background(), "a1")
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		b.change(user("u1"), "vip", "true", b.now.Add(3*time.Second))
		require.Equal(t, []string{"u1 vip=true"}, b.send())
		_, err = b.db.Readmit(context.Background(), "u1")
		require.ErrorIs(t, err, state.ErrNotFound)
		b.sound()
	})

	t.Run("a forgotten device is left off somebody else's rows", func(t *testing.T) {
		t.Parallel()
		b := start(t)
		b.change(state.Person{UserID: "u3", AnonymousID: "a1"}, "vip", "true", b.now)
		e, err := b.db.Explain(context.Background(), "u3")
		require.NoError(t, err)
		require.Empty(t, e.AnonymousID)
		unknown(b, "a1")
	})

	t.Run("without the key, or with another one, nothing runs", func(t *testing.T) {
		t.Parallel()
		b := start(t)
		require.ErrorIs(t, b.keyed(""), state.ErrHashKey)
		require.ErrorIs(t, b.keyed(strings.Repeat("x", 32)), state.ErrHashKey)
		require.NoError(t, b.keyed(hashKey))
	})

	t.Run("a delete message does the same, for the next line on", func(t *testing.T) {
		t.Parallel()
		b := start(t)
		vip := func(at time.Duration) state.Item {
			return state.Item{Person: user("u2"), Change: &state.Change{Trait: audience("vip"), Value: "false", At: b.now.Add(at)}}
		}
		b.store(vip(time.Second), state.Item{Person: user("u2"), Forget: true}, vip(2*time.Second))
		unknown(b, "u2")
		require.Empty(t, b.send())
		b.sound()
	})

	t.Run("somebody who is not known is kept out, too", func(t *testing.T) {
		t.Parallel()
		b := start(t)
		require.Zero(t, b.forget(user("u9")))
		b.change(user("u9"), "vip", "true", b.now)
		unknown(b, "u9")
	})

	t.Run("an address takes along who is a user with it", func(t *testing.T) {
		t.Parallel()
		b := start(t)
		b.change(state.Person{UserID: "u7", EmailSHA1: address}, "vip", "true", b.now)
		require.Positive(t, b.forget(state.Person{EmailSHA1: address}))
		unknown(b, "u7")
		b.sound()
	})
}

// address is the SHA-1 of one, in these tests.
const address = "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"

// page stores a page call whose content is as the mapping reduces it.
func (b *bench) page(id string, p state.Person, payload string) {
	b.t.Helper()
	b.store(state.Item{Person: p, SeenAt: b.now, Event: &state.Event{Key: id, MessageID: id, Kind: state.PageLoad, Name: id, At: b.now, Payload: []byte(payload)}})
}

func TestAddressesOfPeopleKnownByEventsOnly(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) *bench {
		t.Helper()
		b := setup(t)
		require.NoError(t, b.keyed(hashKey))
		b.page("of a user", state.Person{UserID: "u1", EmailSHA1: address}, `{"userId":"u1","traits":{"email":"`+address+`"}}`)
		b.page("of the user, without it", user("u1"), `{"userId":"u1"}`)
		b.page("of a visitor", state.Person{AnonymousID: "a2", EmailSHA1: address}, `{"anonymousId":"a2","traits":{"email":"`+address+`"}}`)
		b.change(state.Person{UserID: "u3", EmailSHA1: "another"}, "vip", "true", b.now)
		b.page("of somebody with another by now", state.Person{UserID: "u3", EmailSHA1: address}, `{"userId":"u3","traits":{"email":"`+address+`"}}`)
		b.page("of who only mentions it", user("u9"), `{"userId":"u9","properties":{"friend":"`+address+`"}}`)
		return b
	}

	t.Run("all of them are forgotten by it, and stay out", func(t *testing.T) {
		t.Parallel()
		b := start(t)
		require.EqualValues(t, 6, b.forget(state.Person{EmailSHA1: address}), "four events, a value and a profile")
		b.sound()
		b.page("later, without it", user("u1"), `{}`)
		b.page("later, of the visitor", state.Person{AnonymousID: "a2"}, `{}`)
		b.page("later, with it", state.Person{UserID: "u4", EmailSHA1: address}, `{}`)
		b.change(user("u3"), "vip", "true", b.now.Add(time.Second))
		require.Equal(t, []string{"of who only mentions it"}, b.send())
		n, err := b.db.Readmit(context.Background(), address)
		require.NoError(t, err)
		require.EqualValues(t, 5, n, "two users, a visitor, both addresses")
	})

	t.Run("whatever became of their events", func(t *testing.T) {
		t.Parallel()
		for _, r := range []state.Result{state.RetryLater, state.Unknown, state.Refused} {
			b := start(t)
			b.settle(r, b.claim()...)
			b.forget(state.Person{EmailSHA1: address})
			require.Equal(t, 1, b.number(`SELECT count(*) FROM deliveries`), r)
			b.sound()
		}
	})

	t.Run("the user that a visitor with it became goes, too", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(state.Person{AnonymousID: "a1", EmailSHA1: address}, "vip", "true", b.now)
		b.change(state.Person{UserID: "u1", AnonymousID: "a1"}, "gold", "true", b.now)
		require.Positive(t, b.forget(state.Person{EmailSHA1: address}))
		require.Empty(t, b.send())
		b.sound()
	})

	t.Run("they are found by it, the ids of all", func(t *testing.T) {
		t.Parallel()
		b := start(t)
		e, err := b.db.Explain(context.Background(), strings.ToUpper(address))
		require.NoError(t, err)
		require.Equal(t, "u3", e.UserID, "a row of their own comes first")
		require.Len(t, e.Traits, 1)
		require.ElementsMatch(t, []string{"u1", "a2"}, e.SameAddress)
		b.change(state.Person{EmailSHA1: address}, "vip", "true", b.now)
		e, err = b.db.Explain(context.Background(), address)
		require.NoError(t, err)
		require.Equal(t, state.Person{EmailSHA1: address}, state.Person{UserID: e.UserID, AnonymousID: e.AnonymousID, EmailSHA1: e.EmailSHA1})
		require.ElementsMatch(t, []string{"u1", "a2", "u3"}, e.SameAddress)
		b.forget(state.Person{EmailSHA1: address})
		_, err = b.db.Explain(context.Background(), address)
		require.ErrorIs(t, err, state.ErrNotFound)
	})
}

// Another process forgets while this one is at work.
func TestForgetBesideARun(t *testing.T) {
	t.Parallel()
	other := func(t *testing.T, b *bench) *state.DB {
		t.Helper()
		db, err := state.Open(context.Background(), state.Options{Path: b.path, HashKey: []byte(hashKey), Now: func() time.Time { return b.now }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return db
	}

	t.Run("an answer that comes afterwards writes nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		require.NoError(t, b.keyed(hashKey))
		b.change(user("u1"), "vip", "true", b.now)
		b.event(user("u2"), "m2", state.Conversion)
		claims := b.claim()
		require.Len(t, claims, 2)
		for _, u := range []string{"u1", "u2"} {
			_, err := other(t, b).Forget(context.Background(), u)
			require.NoError(t, err)
		}
		b.settle(state.Refused, claims...)
		b.change(user("u1"), "vip", "true", b.now.Add(time.Second))
		b.sound()
		for _, u := range []string{"u1", "u2"} {
			_, err := b.db.Explain(context.Background(), u)
			require.ErrorIs(t, err, state.ErrNotFound)
		}
	})

	t.Run("a list that is being read loses the person, and the visitor of another", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		require.NoError(t, b.keyed(hashKey))
		l, err := b.db.NewList(context.Background(), state.ListInfo{Trait: audience("vip"), Source: "exports", ListedAt: b.now})
		require.NoError(t, err)
		defer l.Close()
		require.NoError(t, l.Add(user("u1"), "true", false))
		require.NoError(t, l.Add(state.Person{UserID: "u2", AnonymousID: "a2"}, "true", false))
		for _, id := range []string{"u1", "a2"} {
			_, err = other(t, b).Forget(context.Background(), id)
			require.NoError(t, err)
		}
		v, err := l.Apply(context.Background())
		require.NoError(t, err)
		require.EqualValues(t, 1, v.Members)
		require.Equal(t, []string{"u2 vip=true"}, b.send())
		b.sound()
		_, err = b.db.Explain(context.Background(), "a2")
		require.ErrorIs(t, err, state.ErrNotFound)
	})
}

func TestSuppress(t *testing.T) {
	t.Parallel()
	suppress := func(b *bench, lastFalse bool) int64 {
		b.t.Helper()
		n, err := b.db.Suppress(context.Background(), []state.Person{user("u1"), user("u2"), user("nobody")}, lastFalse)
		require.NoError(b.t, err)
		judged, err := b.db.JudgeSuppressions(context.Background(), lastFalse)
		require.NoError(b.t, err)
		b.sound()
		return n + judged.Waiting
	}
	start := func(t *testing.T) *bench {
		t.Helper()
		b := setup(t)
		b.list("vip", state.Guard{}, "u1", "u3")
		b.change(user("u2"), "web", "true", b.now.Add(-time.Hour))
		b.change(user("u2"), "web", "false", b.now) // never told
		b.store(state.Item{Person: user("u1"), SeenAt: b.now, Change: &state.Change{Trait: state.TraitInfo{Key: "score", Class: state.Computed}, Value: "7", At: b.now}})
		b.send()
		b.event(user("u1"), "m1", state.Conversion)
		b.event(user("u2"), "m2", state.PageLoad)
		return b
	}

	t.Run("one last false of what may be held as true, then nothing stays", func(t *testing.T) {
		t.Parallel()
		b := start(t)
		require.EqualValues(t, 1, suppress(b, true))
		require.EqualValues(t, 1, suppress(b, true), "the same again, before it was sent")
		claims := b.claim()
		b.settle(state.Unknown, claims...)
		require.Equal(t, []string{"u1 vip=false"}, told(claims))
		require.EqualValues(t, 1, suppress(b, true), "it may not have arrived")
		b.now = b.now.Add(time.Hour)
		require.Equal(t, []string{"u1 vip=false"}, b.send())
		require.Zero(t, suppress(b, true))
		for _, u := range []string{"u1", "u2"} {
			_, err := b.db.Explain(context.Background(), u)
			require.ErrorIs(t, err, state.ErrNotFound)
		}
		b.list("vip", state.Guard{}, "u1", "u3")
		require.Zero(t, suppress(b, true))
		require.Empty(t, b.send(), "still on a list, still suppressed")
		b.list("vip", state.Guard{}, "u1", "u3")
		require.Equal(t, []string{"u1 vip=true"}, b.send(), "off the suppression list, and back")
	})

	t.Run("or nothing", func(t *testing.T) {
		t.Parallel()
		b := start(t)
		require.Zero(t, suppress(b, false))
		require.Empty(t, b.send())
		_, err := b.db.Explain(context.Background(), "u1")
		require.ErrorIs(t, err, state.ErrNotFound)
	})
}

func TestForgottenPeopleAreCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(state.Item{Person: state.Person{UserID: "u1", AnonymousID: "a1"}, SeenAt: b.now})
	b.view("u2")
	forget := func(p state.Person) state.Item { return state.Item{Person: p, Forget: true} }
	b.store(forget(user("u1")), forget(user("u2")), forget(user("u1")), forget(state.Person{AnonymousID: "a1"}))
	b.store(forget(user("u3")))
	counts, err := b.db.RunCounts(context.Background(), b.run)
	require.NoError(t, err)
	require.EqualValues(t, 3, counts["people_forgotten"], "u1 was asked for under two ids, and nothing was known of u3")
}
