package rehearsal

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/impactapi/sandbox"
)

// fate is what becomes of an order at impact.com.
type fate string

const (
	unnoticed    fate = "unnoticed"    // no partner drove it
	outOfTerms   fate = "out of terms" // likewise, and the submission says so
	counted      fate = "counted"
	twice        fate = "twice"
	reattributed fate = "reattributed"
	otherAmount  fate = "other amount"
	undone       fate = "undone" // reversed by somebody else
)

// fates are the shares of the orders, in percent.
var fates = []struct {
	percent float64
	fate    fate
}{{55, unnoticed}, {5, outOfTerms}, {1, twice}, {1, reattributed}, {2, otherAmount}, {1, undone}, {35, counted}}

// order is one order of the shop.
type order struct {
	id       string
	at       time.Time
	fate     fate
	currency string
	lines    []line
	lock     time.Time // its action cannot be changed from then on

	refund refund
}

type line struct {
	sku      string
	quantity int
	price    int // of one unit, in the smallest units of the currency
}

// places are how many decimal places the amounts of a currency have.
var places = map[string]int{"EUR": 2, "JPY": 0, "KWD": 3}

// currencies are those of the orders: every second one is in euros.
var currencies = []string{"EUR", "EUR", "JPY", "KWD"}

// others are amounts that impact.com books instead of an order's.
var others = map[string]int{"EUR": 100_007, "JPY": 100_007, "KWD": 1_000_007}

// verdict is what the program must find out about the order while nothing was refunded.
func (o *order) verdict() string {
	switch o.fate {
	case unnoticed, outOfTerms:
		return "no_action"
	case twice:
		return "double"
	case otherAmount:
		return "differs"
	case undone:
		return "reversed_elsewhere"
	case reattributed:
		return "reattributed"
	}
	return "matched"
}

// scenario is the orders of a shop, and the truth about them.
type scenario struct {
	rng    *rand.Rand
	orders []*order
	byID   map[string]*order
}

// days is over how many days the orders are.
const days = 60

// locking is how long after an order its action locks, at the next midnight, and margin
// how long before that the program leaves it alone.
const (
	day     = 24 * time.Hour
	locking = 45 * day
	margin  = day
)

// place sets the time of the order, so that nothing of it is decided while the test
// runs. What is changed by impact.com, or somebody else, is not that old.
func (o *order) place(now time.Time, rng *rand.Rand) {
	span := days
	if o.fate == reattributed || o.fate == undone {
		span = 30
	}
	age := time.Duration(rng.Int64N(int64(span)*int64(day))) + time.Hour
	for {
		o.at = now.Add(-age).Truncate(time.Second)
		o.lock = o.at.Add(locking + day - 1).Truncate(day)
		left := o.lock.Sub(now)
		if left.Abs() > 3*time.Hour && (left-margin).Abs() > 3*time.Hour {
			return
		}
		age += day
	}
}

// newScenario makes n orders, of which a share is refunded.
func newScenario(seed uint64, n int, share float64, now time.Time) *scenario {
	s := &scenario{rng: rand.New(rand.NewPCG(seed, 14)), byID: make(map[string]*order, n)}
	for i := range n {
		o := &order{id: fmt.Sprintf("SHOP-%06d", i), fate: s.fate(), currency: currencies[s.rng.IntN(len(currencies))]}
		o.place(now, s.rng)
		for j := range 1 + s.rng.IntN(3) {
			o.lines = append(o.lines, line{fmt.Sprintf("SKU-%d", j), 1 + s.rng.IntN(3), 100 + s.rng.IntN(20_000)})
		}
		o.takeBack(s.rng, share)
		s.orders = append(s.orders, o)
		s.byID[o.id] = o
	}
	return s
}

func (s *scenario) fate() fate {
	drawn := 100 * s.rng.Float64()
	for _, one := range fates {
		if drawn -= one.percent; drawn < 0 {
			return one.fate
		}
	}
	return counted
}

// attribute tells the sandbox what becomes of an order.
func (s *scenario) attribute(form impactapi.Params) sandbox.Attribution {
	id, _ := form.Get("OrderId")
	partner := sandbox.Attribution{Partner: "10001"}
	o := s.byID[id]
	switch o.fate {
	case unnoticed:
		return sandbox.Attribution{}
	case outOfTerms:
		return sandbox.Attribution{Reasons: "CONTRACT_NOT_FOUND"}
	case twice:
		partner.Twice = true
	case reattributed:
		partner.ReattributeAfter = time.Second
	case otherAmount:
		partner.Amount = string(price(others[o.currency], o.currency))
	}
	return partner
}

// message returns a line of Segment's log.
func message(id, event string, at time.Time, properties map[string]any) []byte {
	text, err := json.Marshal(map[string]any{
		"type": "track", "event": event, "messageId": id, "userId": "customer-" + id, "timestamp": at.UTC().Format(time.RFC3339),
		"originalTimestamp": at.UTC().Format(time.RFC3339), "properties": properties,
	})
	if err != nil {
		panic(err) // texts and numbers always encode
	}
	return append(text, '\n')
}

// sale is the message of the order itself.
func (o *order) sale() []byte {
	return message("sale-"+o.id, "Order Completed", o.at, map[string]any{
		"order_id": o.id, "currency": o.currency, "total": o.price(total(o.lines)), "products": o.products(o.lines),
	})
}

// total is what lines cost.
func total(lines []line) (sum int) {
	for _, l := range lines {
		sum += l.quantity * l.price
	}
	return sum
}

func (o *order) products(lines []line) (all []map[string]any) {
	for _, l := range lines {
		all = append(all, map[string]any{"sku": l.sku, "quantity": l.quantity, "price": o.price(l.price), "category": "goods"})
	}
	return all
}

// price is an amount in the order's currency.
func (o *order) price(amount int) json.Number { return price(amount, o.currency) }

// price is an amount of a currency's smallest units as a JSON number.
func price(amount int, currency string) json.Number {
	sign, digits := "", places[currency]
	if amount < 0 {
		sign, amount = "-", -amount
	}
	text := fmt.Sprintf("%0*d", digits+1, amount)
	if digits == 0 {
		return json.Number(sign + text)
	}
	return json.Number(sign + text[:len(text)-digits] + "." + text[len(text)-digits:])
}
