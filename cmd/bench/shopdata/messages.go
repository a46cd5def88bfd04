package shopdata

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"
)

// Times as Segment's libraries write them, and as Engage does.
const (
	millis = "2006-01-02T15:04:05.000Z07:00"
	nanos  = "2006-01-02T15:04:05.000000000Z07:00"
)

type product struct {
	id, sku, name, category string
	cents                   int
}

var products = []product{
	{"507f1f77bcf86cd799439011", "45790-32", "Monopoly: 3rd Edition", "Games", 1900},
	{"505bd76785ebb509fc183733", "46493-32", "Uno Card Game", "Games", 300},
	{"5f1a0c3e8b1d2c0011aa0001", "MUG-01", "Enamel Mug", "Kitchen", 1495},
	{"5f1a0c3e8b1d2c0011aa0002", "TEE-07", "Organic Tee", "Clothing", 2450},
	{"5f1a0c3e8b1d2c0011aa0003", "LMP-12", "Desk Lamp “Nova”", "Home", 5990},
	{"5f1a0c3e8b1d2c0011aa0004", "BAG-03", "Canvas Bag", "Accessories", 3200},
}

// money is an amount as JSON, with its cents.
func money(cents int) json.Number { return json.Number(fmt.Sprintf("%d.%02d", cents/100, cents%100)) }

func (p product) properties(quantity int) object {
	return object{"product_id": p.id, "sku": p.sku, "name": p.name, "category": p.category, "price": money(p.cents), "quantity": quantity}
}

// session is one visit of a person: its messages follow each other.
type session struct {
	dice   *dice
	person Person
	shop   Shop
	index  int // of the person
	at     time.Time
	click  string // impact.com's click id, if the visit came by a partner
	known  bool   // logged in: the messages carry the user id
	count  int
}

// envelope returns the fields that every message has.
func (s *session) envelope(kind string) object {
	s.count++
	s.at = s.at.Add(time.Duration(3+s.dice.below(40))*time.Second + time.Duration(s.dice.below(1000))*time.Millisecond)
	m := object{
		"type": kind, "messageId": s.messageID(), "anonymousId": s.person.AnonymousID, "userId": nil,
		"context": s.context(), "integrations": object{}, "version": 2,
		"originalTimestamp": s.at.Format(millis), "timestamp": s.at.Add(60 * time.Millisecond).Format(millis),
		"sentAt": s.at.Add(120 * time.Millisecond).Format(millis), "receivedAt": s.received().Format(millis),
	}
	if s.known {
		m["userId"] = s.person.UserID
	}
	if !s.person.App {
		m["channel"] = "browser"
	}
	return m
}

func (s *session) received() time.Time { return s.at.Add(180 * time.Millisecond) }

func (s *session) messageID() string {
	if !s.person.App {
		return fmt.Sprintf("ajs-next-%d-%s", s.at.UnixMilli(), s.dice.uuid())
	}
	return strings.ToUpper(s.dice.uuid())
}

func (s *session) context() object {
	c := object{"ip": fmt.Sprintf("%s%d", s.person.City.ip, 1+s.index%250), "locale": s.person.City.locale}
	if s.person.App {
		maps.Copy(c, s.device())
		return c
	}
	c["userAgent"] = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
	c["library"] = object{"name": "analytics.js", "version": "next-1.81.0"}
	return c
}

func (s *session) device() object {
	id := newDice(s.shop.Seed, "device", s.index)
	if s.person.IOS {
		return object{
			"app":     object{"name": "Shop", "version": "4.2.0", "build": "420", "namespace": "example.shop.ios"},
			"device":  object{"id": strings.ToUpper(id.uuid()), "advertisingId": strings.ToUpper(id.uuid()), "adTrackingEnabled": true, "manufacturer": "Apple", "model": "iPhone17,1", "type": "ios"},
			"os":      object{"name": "iOS", "version": "26.1"},
			"library": object{"name": "analytics-swift", "version": "1.9.1"},
		}
	}
	return object{
		"app":     object{"name": "Shop", "version": "4.2.0", "build": "420", "namespace": "example.shop.android"},
		"device":  object{"id": fmt.Sprintf("%016x", id.next()), "advertisingId": id.uuid(), "adTrackingEnabled": true, "manufacturer": "Google", "model": "Pixel 9", "type": "android"},
		"os":      object{"name": "Android", "version": "16"},
		"library": object{"name": "analytics-kotlin", "version": "1.19.1"},
		"network": object{"carrier": "", "wifi": true, "cellular": false},
	}
}

// page is a page view; the first of a visit that came by a partner carries the
// click id in its address.
func (s *session) page(path, title string) object {
	m := s.envelope("page")
	search := ""
	if s.click != "" && s.count == 1 {
		search = "?im_ref=" + s.click
	}
	p := object{"path": path, "url": "https://shop.example" + path + search, "search": search, "title": title, "referrer": ""}
	if search != "" {
		p["referrer"] = "https://partner.example/best-gifts"
	}
	m["name"], m["properties"] = title, p
	m["context"].(object)["page"] = p
	return m
}

func (s *session) screen(name string) object {
	m := s.envelope("screen")
	m["name"], m["properties"] = name, object{"name": name}
	return m
}

func (s *session) track(event string, properties object) object {
	m := s.envelope("track")
	m["event"], m["properties"] = event, properties
	return m
}

// identify is the log-in: from here on the person is known.
func (s *session) identify() object {
	s.known = true
	m := s.envelope("identify")
	m["traits"] = object{
		"email": s.person.Email, "firstName": s.person.First, "lastName": s.person.Last, "status": s.shop.status(s.index),
		"address": object{"city": s.person.City.name, "postalCode": s.person.City.postcode, "country": s.person.City.country},
	}
	return m
}

// order is what was bought, one to three products.
func (s *session) order() object {
	d := s.dice
	var items []any
	subtotal := 0
	first := d.below(len(products))
	for i := range 1 + d.below(3) {
		p, quantity := products[(first+i)%len(products)], 1+d.below(3)
		items = append(items, p.properties(quantity))
		subtotal += p.cents * quantity
	}
	tax, shipping := subtotal*8/100, 490
	return object{
		"checkout_id": fmt.Sprintf("%016x", d.next()), "order_id": fmt.Sprintf("S-%d-%04x", s.at.Unix(), d.next()&0xffff),
		"affiliation": "Shop", "currency": "USD", "products": items, "customer_status": s.shop.status(s.index),
		"subtotal": money(subtotal), "revenue": money(subtotal), "tax": money(tax), "shipping": money(shipping),
		"total": money(subtotal + tax + shipping),
	}
}

// seedOrder is the order of Segment's page for this destination
// (https://segment.com/docs/connections/destinations/catalog/impact-partnership-cloud/).
func seedOrder() object {
	return object{
		"checkout_id": "fksdjfsdjfisjf9sdfjsd9f", "order_id": "50314b8e9bcf000000000000", "affiliation": "Google Store",
		"total": json.Number("27.50"), "subtotal": json.Number("22.50"), "revenue": json.Number("25.00"),
		"shipping": 3, "tax": 2, "discount": 2.5, "coupon": "hasbros", "currency": "USD",
		"products": []any{
			object{"product_id": "507f1f77bcf86cd799439011", "sku": "45790-32", "name": "Monopoly: 3rd Edition", "price": 19, "quantity": 1, "category": "Games"},
			object{"product_id": "505bd76785ebb509fc183733", "sku": "46493-32", "name": "Uno Card Game", "price": 3, "quantity": 2, "category": "Games"},
		},
	}
}
