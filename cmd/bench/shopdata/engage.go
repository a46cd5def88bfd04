package shopdata

import (
	"fmt"
	"time"
)

// computation is an audience or a trait that Engage computes.
type computation struct{ class, id, key string }

var (
	ordered = computation{"audience", "aud_2qR7shopordered0000000000", "order_completed_last_30days"}
	browsed = computation{"audience", "aud_2qR7shopbrowsed0000000000", "browsed_sale_last_7days"}
	revenue = computation{"trait", "tra_2qR7shoprevenue0000000000", "total_revenue_180_days"}
	welcome = computation{"journey_step", "welcome__mail_sent_8943l", "welcome__mail_sent_8943l"}
)

// engage logs what Segment computed: in step 1 who is in, in step 2 some who
// joined, some who left and some whose value moved.
func (st *story) engage(at time.Time) {
	members := st.shop.People / 8
	for i := range members {
		at = at.Add(1371 * time.Millisecond)
		person := st.shop.person(i * 3 % st.shop.People)
		switch {
		case st.logs.step == 1:
			st.member(person, at, true)
			st.computed(person, at, 25+i*7%400)
			st.change(person, at, browsed, i%2 == 0)
		case i%10 == 0:
			st.member(person, at, false)
		case i%7 == 0:
			st.member(st.shop.person(st.shop.People/2+i), at, true)
		case i%6 == 0:
			st.computed(person, at, 60+i*7%400)
		}
	}
	if st.logs.step == 1 {
		st.disorder(at)
	}
}

// disorder logs somebody's leaving before the older joining, and a step of a
// journey, which is no membership.
func (st *story) disorder(at time.Time) {
	p := st.shop.person(st.shop.People - 2)
	st.change(p, at.Add(2*time.Minute), ordered, false)
	st.change(p, at.Add(time.Minute), ordered, true)
	m := st.personas(p, at.Add(3*time.Minute), welcome)
	m["type"], m["event"], m["properties"] = "track", "Step Reached", object{}
	st.logs.add("web", at.Add(3*time.Minute), m)
}

// member logs a change as Engage sends it with both switches on: as an identify
// and as a track call.
func (st *story) member(p Person, at time.Time, in bool) {
	st.change(p, at, ordered, in)
	m := st.personas(p, at.Add(time.Millisecond), ordered)
	m["type"], m["event"] = "track", "Audience Exited"
	if in {
		m["event"] = "Audience Entered"
	}
	m["properties"] = object{"audience_key": ordered.key, ordered.key: in}
	m["context"].(object)["traits"] = object{"email": p.Email}
	st.logs.add("web", at, m)
}

func (st *story) change(p Person, at time.Time, c computation, value any) {
	m := st.personas(p, at, c)
	m["type"], m["traits"] = "identify", object{c.key: value, "email": p.Email}
	st.logs.add("web", at, m)
}

func (st *story) computed(p Person, at time.Time, dollars int) {
	st.change(p, at.Add(2*time.Millisecond), revenue, money(dollars*100+50))
}

// personas returns a message of Engage: no sentAt, nanoseconds, no anonymous id.
func (st *story) personas(p Person, at time.Time, c computation) object {
	d := newDice(st.shop.Seed, c.key+p.UserID, int(at.UnixNano()))
	at = at.Add(time.Duration(d.below(1_000_000)) * time.Nanosecond)
	return object{
		"messageId": fmt.Sprintf("personas_2%016x%010x", d.next(), d.next()>>24), "userId": p.UserID, "channel": "server", "version": 2,
		"context": object{
			"integrations": object{"personas": false}, "library": object{"name": "unknown", "version": "unknown"},
			"personas": object{"computation_class": c.class, "computation_id": c.id, "computation_key": c.key, "namespace": "spa_shop", "space_id": "spa_shop"},
		},
		"integrations":      object{"All": false, "Impact Partnership Cloud": true, "Warehouses": object{"all": false}},
		"originalTimestamp": at.Format(nanos), "timestamp": at.Format(millis), "sentAt": nil, "receivedAt": at.Add(time.Second).Format(millis),
	}
}
