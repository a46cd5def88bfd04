package rehearsal

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
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
	id    string
	at    time.Time
	fate  fate
	lines []line
	lock  time.Time // its action cannot be changed from then on

	refund refund
}

type line struct {
	sku      string
	quantity int
	cents    int // of one unit
}

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
		o := &order{id: fmt.Sprintf("SHOP-%06d", i), fate: s.fate()}
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
	switch s.byID[id].fate {
	case unnoticed:
		return sandbox.Attribution{}
	case outOfTerms:
		return sandbox.Attribution{Reasons: "CONTRACT_NOT_FOUND"}
	case twice:
		partner.Twice = true
	case reattributed:
		partner.ReattributeAfter = time.Second
	case otherAmount:
		partner.Amount = "1000.07"
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
		"order_id": o.id, "currency": "EUR", "total": price(total(o.lines)), "products": products(o.lines),
	})
}

// total is what lines cost, in cents.
func total(lines []line) (sum int) {
	for _, l := range lines {
		sum += l.quantity * l.cents
	}
	return sum
}

func products(lines []line) (all []map[string]any) {
	for _, l := range lines {
		all = append(all, map[string]any{"sku": l.sku, "quantity": l.quantity, "price": price(l.cents), "category": "goods"})
	}
	return all
}

// price is an amount of cents as a JSON number.
func price(cents int) json.Number {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return json.Number(sign + strconv.Itoa(cents/100) + fmt.Sprintf(".%02d", cents%100))
}
