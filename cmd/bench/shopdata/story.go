package shopdata

import (
	"encoding/json"
	"fmt"
	"time"
)

// log tells the story of a step: visits, one after the other, and between them
// what Engage says and what goes wrong.
func (s Shop) log(l *logs) {
	st := &story{shop: s, logs: l}
	start, days := s.Base.AddDate(0, 0, 1-Days), Days
	if l.step == 2 {
		start, days = s.Base.AddDate(0, 0, 1), 1
		s.Messages /= 20
	}
	visits := max(s.Messages/messagesPerVisit, days)
	gap := time.Duration(days) * 24 * time.Hour / time.Duration(visits)
	for i := range visits {
		st.visit(i, start.Add(time.Duration(i)*gap))
	}
	st.engage(start.Add(10 * time.Hour))
	if l.step == 1 {
		st.oddities(start.Add(34 * time.Hour))
	}
	st.flushLate(start.AddDate(0, 0, days).Add(-time.Minute))
}

// messagesPerVisit is what a visit logs on the average.
const messagesPerVisit = 6

type story struct {
	shop Shop
	logs *logs
	late []late
}

// late is a message that a phone without a connection sent much later.
type late struct {
	source string
	m      object
}

// visit logs one visit of somebody.
func (st *story) visit(i int, at time.Time) {
	d := newDice(st.shop.Seed, fmt.Sprintf("visit %d", st.logs.step), i)
	index := d.below(st.shop.People)
	s := &session{dice: d, person: st.shop.person(index), shop: st.shop, index: index, at: at}
	if d.percent(20) {
		s.click = fmt.Sprintf("%08x%s", d.next()>>32, "N-3765c5f9")
	}
	if s.person.App {
		st.appVisit(s)
		return
	}
	st.webVisit(s)
}

func (st *story) webVisit(s *session) {
	p := pick(s.dice, products)
	st.emit("web", s, s.page("/", "Home"))
	st.emit("web", s, s.page("/p/"+p.sku, p.name))
	st.emit("web", s, s.track("Product Viewed", p.properties(1)))
	if s.dice.percent(60) {
		st.emit("web", s, s.identify())
	}
	if s.dice.percent(50) {
		st.emit("web", s, s.track("Product Added", p.properties(1)))
		st.emit("web", s, s.page("/cart", "Cart"))
	}
	if s.known && s.dice.percent(45) {
		st.emit("web", s, s.track("Checkout Started", object{"currency": "USD", "value": money(p.cents)}))
		st.emit("web", s, s.track("Order Completed", s.order()))
	}
}

func (st *story) appVisit(s *session) {
	s.known = s.dice.percent(80)
	if s.dice.percent(10) {
		st.emit("mobile", s, s.track("Application Installed", object{"version": "4.2.0", "build": "420"}))
	}
	opened := object{"from_background": false, "version": "4.2.0", "build": "420"}
	if s.click != "" {
		opened["url"] = "shop://product/" + pick(s.dice, products).sku + "?im_ref=" + s.click
	}
	st.emit("mobile", s, s.track("Application Opened", opened))
	st.emit("mobile", s, s.screen("Home"))
	st.emit("mobile", s, s.screen("Product"))
	if s.dice.percent(40) {
		st.emit("mobile", s, s.identify())
	}
	if s.known && s.dice.percent(25) {
		st.emit("mobile", s, s.track("Order Completed", s.order()))
	}
}

// emit logs a message: sometimes twice, sometimes late, sometimes with
// somebody's choice about consent or integrations.
func (st *story) emit(source string, s *session, m object) {
	switch n := s.dice.below(200); {
	case n == 0:
		m["integrations"] = object{"All": false}
	case n < 4:
		m["context"].(object)["consent"] = object{"categoryPreferences": object{"Advertising": n == 1, "Analytics": true}}
	case n < 6:
		st.logs.add(source, s.received(), m) // and again below: a repeated messageId
	case n < 8 && len(st.late) < 1000:
		st.late = append(st.late, late{source, m})
		return
	}
	st.logs.add(source, s.received(), m)
}

// flushLate logs what was held back, in the folder of the day it arrived.
func (st *story) flushLate(at time.Time) {
	for i, one := range st.late {
		at = at.Add(time.Millisecond)
		one.m["receivedAt"], one.m["sentAt"] = at.Format(millis), at.Add(-time.Second).Format(millis)
		if i%4 == 0 {
			delete(one.m, "sentAt")
		}
		st.logs.add(one.source, at, one.m)
	}
}

// oddities are the messages that every real log has: the kinds that are not for
// impact.com, ids and versions of other shapes, and lines that are broken.
func (st *story) oddities(at time.Time) {
	p := st.shop.person(0)
	s := &session{dice: newDice(st.shop.Seed, "odd", 0), person: p, shop: st.shop, at: at, known: true}
	s.person.App = false
	order := s.track("Order Completed", seedOrder())
	order["messageId"] = "ajs-next-seed-order"
	st.logs.add("web", s.received(), order)

	old := s.page("/sale", "Sale")
	old["version"], old["channel"], old["messageId"] = "1.1", nil, "ajs-seed-old-library"
	st.logs.add("web", s.received(), old)

	group := s.envelope("group")
	group["groupId"], group["traits"] = "g-1", object{"name": "Initech", "employees": 329}
	st.logs.add("web", s.received(), group)
	alias := s.envelope("alias")
	alias["previousId"] = "39239-239"
	st.logs.add("web", s.received(), alias)
	st.logs.add("web", s.received(), object{"type": "delete", "userId": st.shop.person(st.shop.People - 1).UserID, "timestamp": s.at.Format(millis)})

	strange := s.track("Order Completed", object{"orderId": "S-strings", "revenue": "39.95", "currency": "eur", "coupon": "",
		"products": []any{object{"product_id": "p1", "price": "39.95", "quantity": "1", "name": "Mug"}, "not an object"}})
	st.logs.add("web", s.received(), strange)
	st.broken(s)
}

func (st *story) broken(s *session) {
	whole, err := json.Marshal(s.page("/", "Home"))
	if err != nil {
		panic(err) // an object of texts and numbers
	}
	for _, line := range []string{
		string(whole[:len(whole)/2]),
		`<html><body>502 Bad Gateway</body></html>`,
		`{"type":"page","messageId":"no-ids","properties":{"url":"https://shop.example/"}}`,
		"{\"type\":\"page\",\"messageId\":\"bad-utf8\",\"anonymousId\":\"a\xff\xfe\"}",
		`"just a text"`,
	} {
		st.logs.raw("web", s.received(), []byte(line))
	}
}
