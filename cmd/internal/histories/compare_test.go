package histories

import (
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"
)

// address returns the person a call is about: the user, else the visitor.
func address(c call) string {
	if user := c.form.Get("CustomerId"); user != "" {
		return user
	}
	return c.form.Get("CustomProfileId")
}

// compare compares what impact.com was sent with the model.
func (h *history) compare() {
	calls := h.impact.log()
	h.compareTraits(calls)
	h.compareVisits(calls)
	h.compareOrders(calls)
}

func (h *history) compareTraits(calls []call) {
	holds := map[[2]string]string{}
	heard := map[[2]string]bool{} // a true went out
	for n, c := range calls {
		for _, key := range allKeys {
			value := c.form.Get(key)
			if value == "" {
				continue
			}
			at := [2]string{address(c), key}
			if c.taken {
				holds[at] = value
			}
			person := [2]string{h.person(at[0]), key}
			heard[person] = heard[person] || value == "true"
			if len(h.killed) == 0 { // a dead run's claim may never have been sent
				require.True(h.t, heard[person], "call %d says %s=false of %s, whom nobody called true", n, key, at[0])
			}
		}
	}
	for _, person := range h.people() {
		for _, key := range allKeys {
			at := [2]string{person, key}
			switch wants := h.wants(person, key); {
			case wants:
				require.Equal(h.t, "true", holds[at], "%s of %s:%s", key, person, h.about(person, key))
			case !h.stale[at]:
				require.NotEqual(h.t, "true", holds[at], "%s of %s:%s", key, person, h.about(person, key))
			}
		}
	}
}

// about lists everything that was said and sent about a person's trait.
func (h *history) about(person, key string) string {
	var b strings.Builder
	if l, ok := h.lists[key]; ok {
		fmt.Fprintf(&b, "\nlist of %s: %v", l.at, l.ids)
	}
	for _, s := range h.statements[key] {
		if h.person(s.id) == person {
			fmt.Fprintf(&b, "\nsaid of %s at %s: %t", s.id, s.at, s.value)
		}
	}
	for _, c := range h.impact.log() {
		if value := c.form.Get(key); value != "" && h.person(address(c)) == person {
			fmt.Fprintf(&b, "\nrun %d sent of %s: %s (taken: %t, clean: %t)", c.run, address(c), value, c.taken, c.clean)
		}
	}
	return b.String()
}

// once checks that something arrived, and that it was not repeated after a
// clean answer that the program had time to record.
func (h *history) once(calls []call, what string) call {
	h.t.Helper()
	require.NotEmpty(h.t, calls, "%s never arrived", what)
	var taken *call
	noted := 0 // the first run that recorded a clean answer
	for i, c := range calls {
		require.False(h.t, noted > h.undone && c.run >= noted, "%s was repeated in run %d after a clean answer in run %d", what, c.run, noted)
		if c.taken {
			taken = &calls[i]
		}
		if c.clean && !h.killed[c.run] && noted == 0 {
			noted = c.run
		}
	}
	require.NotNil(h.t, taken, "%s never arrived", what)
	return *taken
}

func (h *history) compareVisits(calls []call) {
	for page, person := range h.pages {
		var about []call
		for _, c := range calls {
			if c.form.Get("PageUrl") == page {
				about = append(about, c)
			}
		}
		c := h.once(about, "the visit "+page)
		require.Equal(h.t, h.person(person), h.person(address(c)), "%s", page)
	}
}

func (h *history) compareOrders(calls []call) {
	byOrder := map[string][]call{}
	for _, c := range calls {
		if strings.Contains(c.path, "/Conversions") {
			byOrder[c.form.Get("OrderId")] = append(byOrder[c.form.Get("OrderId")], c)
		}
	}
	require.Len(h.t, byOrder, len(h.orders), "orders that nobody made, or that did not arrive")
	for _, o := range h.orders {
		for _, c := range byOrder[o.id] {
			require.Equal(h.t, o.amount, c.form.Get("Amount"), "order %s", o.id)
			require.Equal(h.t, h.person(o.person), h.person(address(c)), "order %s", o.id)
			click := c.form.Get("ClickId")
			if o.click != "" {
				require.Equal(h.t, o.click, click, "order %s has a click id of its own", o.id)
			} else if click != "" {
				require.Equal(h.t, h.person(o.person), h.person(h.clicks[click]), "order %s: somebody else's click", o.id)
			}
		}
		h.once(byOrder[o.id], "order "+o.id)
	}
}
