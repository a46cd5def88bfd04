package state_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
)

func TestCheckRecountsCounters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ scope, name, damage, found string }{
		{"1", "wanted", "DELETE", "counters of traits: vip wanted: counted 0, is 2"},
		{"1", "delivered", "DELETE", "counters of traits: vip delivered: counted 0, is 1"},
		{"1", "told", "DELETE", "counters of traits: vip told: counted 0, is 1"},
		{"1", "settled", "DELETE", "counters of traits: vip settled: counted 0, is 1"},
		{"1", "pending", "DELETE", "counters of traits: vip pending: counted 0, is 1"},
		{"0", "pending", "DELETE", "counters of events: page loads pending: counted 0, is 1"},
		{"-1", "pending", "DELETE", "counters of events: conversions pending: counted 0, is 1"},
		{"1", "told", "ALONE", "counters of traits: vip told: counted 7, is 1"},
		{"1", "held", "ALONE", "counters of traits: vip held: counted 7, is 0"},
		{"9", "wanted", "ALONE", "counters of traits: trait 9 wanted: counted 7, is 0"},
		{"0", "held", "ALONE", "counters of events: page loads held: counted 7, is 0"},
		{"-1", "refused", "ALONE", "counters of events: conversions refused: counted 7, is 0"},
	} {
		t.Run(c.found, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.change(user("u1"), "vip", "true", b.now)
			b.view("u9")
			b.send()
			b.change(user("u2"), "vip", "true", b.now)
			b.view("u1")
			b.store(state.Item{Person: user("u1"), Event: event(state.Conversion, "order", b.now)})
			b.sound()
			if c.damage == "DELETE" {
				b.exec(fmt.Sprintf(`DELETE FROM counters WHERE scope = %s AND name = '%s'`, c.scope, c.name))
			} else {
				b.exec(fmt.Sprintf(`INSERT OR REPLACE INTO counters (scope, name, value) VALUES (%s, '%s', 7)`, c.scope, c.name))
			}
			problems, err := b.db.Check(context.Background())
			require.NoError(t, err)
			require.Equal(t, []string{c.found}, problems)
		})
	}
}
