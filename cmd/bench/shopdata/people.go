package shopdata

import (
	"fmt"
	"strings"
)

// Person is a customer of the shop.
type Person struct {
	UserID      string // 24 bytes
	AnonymousID string // the browser's or the device's
	Email       string
	First, Last string
	City        city
	App         bool // shops in the app, not on the web
	IOS         bool
}

type city struct{ name, postcode, country, locale, ip string }

var (
	firstNames = strings.Fields("Ada Ben Chloé Dmitri Elif Finn Grace Hana Igor Jonas Kim Lena Mateo Nora Oscar Priya Quinn Rosa Sam Tariq Uma Vera Will Ximena Yara Zoë")
	lastNames  = strings.Fields("Adler Brown Costa Dubois Eriksen Fischer Garcia Hansen Ito Jansen Kowalski Larsen Moreau Nguyen Okafor Petrov Quist Rossi Silva Tanaka Ueda Vogel Weber Xu Young Ziegler")
	cities     = []city{
		{"San Francisco", "94103", "US", "en-US", "72.194.216."},
		{"Austin", "78701", "US", "en-US", "104.15.86."},
		{"London", "EC1A 1BB", "GB", "en-GB", "81.2.69."},
		{"Berlin", "10115", "DE", "de-DE", "91.64.12."},
		{"Lyon", "69001", "FR", "fr-FR", "90.112.44."},
		{"Osaka", "530-0001", "JP", "ja-JP", "126.51.7."},
	}
)

// UserID returns the id of person i: 24 bytes, in no order, no two alike.
func UserID(seed uint64, i int) string {
	h := mix(mix(seed) + uint64(i))
	return fmt.Sprintf("cus_%016x%04x", h, mix(h)&0xffff)
}

func (s Shop) person(i int) Person {
	d := newDice(s.Seed, "person", i)
	p := Person{
		UserID: UserID(s.Seed, i), AnonymousID: d.uuid(),
		First: pick(d, firstNames), Last: pick(d, lastNames), City: pick(d, cities),
		App: d.percent(35), IOS: d.percent(50),
	}
	plain := strings.NewReplacer("é", "e", "ë", "e")
	p.Email = strings.ToLower(plain.Replace(fmt.Sprintf("%s.%s%d@mail.example", p.First, p.Last, i)))
	return p
}

// status is what the shop's own programs call a customer.
func (s Shop) status(i int) string {
	if newDice(s.Seed, "status", i).percent(30) {
		return "New"
	}
	return "Existing"
}
