package refund_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/refund"
)

// shop is an order of 25.00 EUR, for which the customer paid 30.00: 19 x 1 and 3 x 2.
var shop = refund.Order{
	Known: true, Amount: 25 * money.Unit, Gross: 30 * money.Unit, Currency: "EUR",
	Items: []refund.Item{{Sku: "A", Category: "c", Quantity: 1, Amount: 19 * money.Unit}, {Sku: "B", Quantity: 2, Amount: 6 * money.Unit}},
}

// number numbers messages by their place.
func number(all []refund.Message) []refund.Message {
	for i := range all {
		all[i].Key, all[i].At = fmt.Sprint("m", i), int64(i)
		if all[i].ID == "" {
			all[i].ID = all[i].Key
		}
	}
	return all
}

func items(skus ...any) (all []refund.Item) {
	for i := 0; i < len(skus); i += 2 {
		all = append(all, refund.Item{Sku: skus[i].(string), Quantity: int64(skus[i+1].(int))})
	}
	return all
}

func TestRemains(t *testing.T) {
	t.Parallel()
	const u = money.Unit
	for name, c := range map[string]struct {
		messages []refund.Message
		want     string
		left     money.Amount
		class    string
	}{
		"nothing":                         {nil, "", 25 * u, ""},
		"the whole":                       {[]refund.Message{{Kind: refund.Whole}}, "reversed", 0, ""},
		"an item":                         {[]refund.Message{{Kind: refund.Returned, Items: items("A", 1)}}, `[{"sku":"A","category":"c","quantity":0}]`, 6 * u, ""},
		"one of two units":                {[]refund.Message{{Kind: refund.Returned, Items: items("B", 1)}}, `[{"sku":"B","quantity":1}]`, 22 * u, ""},
		"two refunds of one unit each":    {[]refund.Message{{Kind: refund.Returned, Items: items("B", 1)}, {Kind: refund.Returned, Items: items("B", 1)}}, `[{"sku":"B","quantity":0}]`, 19 * u, ""},
		"one refund, told twice":          {[]refund.Message{{ID: "r", Kind: refund.Returned, Items: items("B", 1)}, {ID: "r", Kind: refund.Returned, Items: items("B", 1)}}, `[{"sku":"B","quantity":1}]`, 22 * u, ""},
		"one refund, corrected":           {[]refund.Message{{ID: "r", Kind: refund.Whole}, {ID: "r", Kind: refund.Returned, Items: items("B", 1)}}, `[{"sku":"B","quantity":1}]`, 22 * u, ""},
		"more than was sold":              {[]refund.Message{{Kind: refund.Returned, Items: items("B", 9)}}, `[{"sku":"B","quantity":0}]`, 19 * u, ""},
		"all items":                       {[]refund.Message{{Kind: refund.Returned, Items: items("A", 1)}, {Kind: refund.Returned, Items: items("B", 2)}}, "reversed", 0, ""},
		"a product that was not sent":     {[]refund.Message{{Kind: refund.Returned, Items: items("A", 1, "X", 1)}}, "", 25 * u, "sku"},
		"beside one that was":             {[]refund.Message{{Kind: refund.Returned, Items: items("X", 1)}, {Kind: refund.Returned, Items: items("B", 1)}}, `[{"sku":"B","quantity":1}]`, 22 * u, "sku"},
		"an amount":                       {[]refund.Message{{Kind: refund.Part, Amount: 25 * u, Currency: "EUR"}}, "", 25 * u, "part"}, // gross
		"an amount without tax":           {[]refund.Message{{Kind: refund.Part, Amount: 24 * u, Net: true, Currency: "EUR"}}, "", 25 * u, "part"},
		"all of the amount":               {[]refund.Message{{Kind: refund.Part, Amount: 30 * u, Currency: "EUR"}}, "reversed", 0, ""},
		"all of it without tax":           {[]refund.Message{{Kind: refund.Part, Amount: 25 * u, Net: true, Currency: "EUR"}}, "reversed", 0, ""},
		"all of it in two":                {[]refund.Message{{Kind: refund.Part, Amount: 10 * u}, {Kind: refund.Part, Amount: 20 * u}}, "reversed", 0, ""},
		"sums so far":                     {[]refund.Message{{Kind: refund.Part, Amount: 10 * u, Cumulative: true}, {Kind: refund.Part, Amount: 20 * u, Cumulative: true}}, "", 25 * u, "part"},
		"in another currency":             {[]refund.Message{{Kind: refund.Part, Amount: 30 * u, Currency: "USD"}}, "", 25 * u, "currency"},
		"items in another currency":       {[]refund.Message{{Kind: refund.Returned, Items: items("B", 1), Currency: "USD"}}, "", 25 * u, "currency"},
		"the whole in another currency":   {[]refund.Message{{Kind: refund.Whole, Currency: "USD"}}, "reversed", 0, ""},
		"nothing is left":                 {[]refund.Message{{Kind: refund.Left}}, "reversed", 0, ""},
		"all is left":                     {[]refund.Message{{Kind: refund.Left, Amount: 30 * u}}, "", 25 * u, ""},
		"some is left":                    {[]refund.Message{{Kind: refund.Left, Amount: 20 * u}}, "", 25 * u, "part"},
		"an item is left":                 {[]refund.Message{{Kind: refund.Left, Items: items("B", 1)}}, `[{"sku":"A","category":"c","quantity":0},{"sku":"B","quantity":1}]`, 3 * u, ""},
		"the latest says what is left":    {[]refund.Message{{Kind: refund.Left, Items: items("B", 1)}, {Kind: refund.Left, Items: items("A", 1, "B", 2)}}, "", 25 * u, ""},
		"an update that does not count":   {[]refund.Message{{Kind: refund.Left, Tentative: true, Items: items("A", 1, "B", 1)}}, "", 25 * u, "meaning"},
		"an update that changes nothing":  {[]refund.Message{{Kind: refund.Left, Tentative: true, Items: items("A", 1, "B", 2)}}, "", 25 * u, ""},
		"an update that a refund has too": {[]refund.Message{{Kind: refund.Left, Tentative: true, Items: items("A", 1, "B", 1)}, {Kind: refund.Returned, Items: items("B", 1)}}, `[{"sku":"B","quantity":1}]`, 22 * u, ""},
		"unclear":                         {[]refund.Message{{Kind: refund.Unclear, Reason: "why"}}, "", 25 * u, "unclear"},
		"unclear, and then all":           {[]refund.Message{{Kind: refund.Unclear, Reason: "why"}, {Kind: refund.Whole}}, "reversed", 0, ""},
	} {
		r := refund.Of(shop, number(c.messages))
		require.Equal(t, c.want, r.Text(), name)
		require.Equal(t, c.left, r.Amount, name)
		require.Equal(t, c.class, r.Class, name)
		require.Equal(t, r.Class != "", r.Reason != "", name)
		require.Equal(t, shop.Amount, r.Amount+r.Back, name)
	}
}

// A message that says what is left knows of earlier returns. Of one that comes soon after
// it, nobody can tell.
func TestReturnsAroundWhatIsLeft(t *testing.T) {
	t.Parallel()
	const u, hour = money.Unit, int64(time.Hour)
	o := refund.Order{Known: true, Amount: 12 * u, Gross: 12 * u, Currency: "EUR", Items: []refund.Item{{Sku: "A", Quantity: 4, Amount: 12 * u}}}
	for name, c := range map[string]struct {
		left      int
		returned  int
		at, again int64 // after that; of the same number of units once more, unless it is 0
		want      money.Amount
		class     string
	}{
		"before":                         {3, 1, -hour, 0, 9 * u, ""},
		"before, and more of them":       {3, 2, -hour, 0, 6 * u, ""},
		"the day after":                  {3, 1, 24 * hour, 0, 6 * u, ""},
		"two days":                       {3, 1, 24 * hour, 48 * hour, 3 * u, ""},
		"before and after":               {3, 1, -hour, 24 * hour, 6 * u, ""},
		"more than were left":            {1, 2, 24 * hour, 0, 0, ""},
		"at the same time":               {3, 1, 0, 0, 9 * u, "unclear"},
		"soon after":                     {3, 1, hour - 1, 0, 9 * u, "unclear"},
		"soon after, and the next day":   {3, 1, 1, 24 * hour, 6 * u, "unclear"},
		"soon after one that left them":  {4, 1, 1, 0, 9 * u, ""},
		"soon after, and before, it was": {3, 1, -hour, 1, 6 * u, ""},
	} {
		all := []refund.Message{
			{Key: "left", ID: "left", At: 100 * hour, Kind: refund.Left, Items: items("A", c.left)},
			{Key: "r1", ID: "r1", At: 100*hour + c.at, Kind: refund.Returned, Items: items("A", c.returned)},
		}
		if c.again != 0 {
			all = append(all, refund.Message{Key: "r2", ID: "r2", At: 100*hour + c.again, Kind: refund.Returned, Items: items("A", c.returned)})
		}
		r := refund.Of(o, all)
		require.Equal(t, c.want, r.Amount, name)
		require.Equal(t, c.class, r.Class, name)
	}
}

// TestAmountsOfAnyCurrency: a refund that names no currency has all its places.
func TestAmountsOfAnyCurrency(t *testing.T) {
	t.Parallel()
	for currency, c := range map[string]struct{ order, back string }{"KWD": {"1.234", "1.2336"}, "JPY": {"300", "299.6"}, "EUR": {"19.99", "19.9899"}} {
		amount, err := money.Parse(c.order)
		require.NoError(t, err)
		back, err := money.Parse(c.back)
		require.NoError(t, err)
		o := refund.Order{Known: true, Amount: amount, Gross: amount, Currency: currency}
		r := refund.Of(o, []refund.Message{{Key: "m", ID: "m", Kind: refund.Part, Amount: back}})
		require.Equal(t, "reversed", r.Text(), currency)
		r = refund.Of(o, []refund.Message{{Key: "m", ID: "m", Kind: refund.Part, Amount: back - money.Smallest(currency)}})
		require.Equal(t, "part", r.Class, currency)
	}
}

func TestRemainsOfUnknownOrders(t *testing.T) {
	t.Parallel()
	r := refund.Of(refund.Order{}, number([]refund.Message{{Kind: refund.Whole}}))
	require.Equal(t, "reversed", r.Text())
	r = refund.Of(refund.Order{}, number([]refund.Message{{Kind: refund.Returned, Items: items("A", 1)}}))
	require.Equal(t, "order", r.Class)
	require.Empty(t, r.Text())
}

func TestLinesThatCannotBeToldApart(t *testing.T) {
	t.Parallel()
	o := refund.Order{Known: true, Amount: 9 * money.Unit, Items: []refund.Item{{Sku: "A", Quantity: 1}, {Sku: "A", Quantity: 2}, {Sku: "B", Quantity: 1}}}
	r := refund.Of(o, number([]refund.Message{{Kind: refund.Returned, Items: items("A", 1)}}))
	require.Equal(t, "sku", r.Class)
	require.Empty(t, r.Text())
	r = refund.Of(o, number([]refund.Message{{Kind: refund.Returned, Items: items("A", 3, "B", 1)}}))
	require.Equal(t, "reversed", r.Text(), "the order as a whole can")
	r = refund.Of(o, number([]refund.Message{{Kind: refund.Returned, Items: items("B", 1)}}))
	require.JSONEq(t, `[{"sku":"B","quantity":0}]`, r.Text())
}

// TestAnyOrderAndNumberOfMessages compares with a model: counters that each distinct
// refund lowers once, whatever comes when and how often.
func TestAnyOrderAndNumberOfMessages(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		sold := map[string]int64{}
		var o refund.Order
		o.Known = true
		for _, sku := range []string{"A", "B", "C"}[:1+rng.IntN(3)] {
			n := 1 + rng.Int64N(4)
			sold[sku] = n
			o.Items = append(o.Items, refund.Item{Sku: sku, Quantity: n, Amount: money.Amount(n) * 7 * money.Unit})
			o.Amount += money.Amount(n) * 7 * money.Unit
		}
		var all []refund.Message
		left := map[string]int64{}
		for sku, n := range sold {
			left[sku] = n
		}
		for i := range rng.IntN(5) {
			it := o.Items[rng.IntN(len(o.Items))]
			n := 1 + rng.Int64N(2)
			left[it.Sku] = max(left[it.Sku]-n, 0)
			all = append(all, refund.Message{Key: fmt.Sprint("m", i), ID: fmt.Sprint("m", i), At: rng.Int64N(3), Kind: refund.Returned, Items: []refund.Item{{Sku: it.Sku, Quantity: n}}})
		}
		gone, want := true, money.Amount(0)
		for _, n := range left {
			gone = gone && n == 0
			want += money.Amount(n) * 7 * money.Unit
		}
		for range 4 { // any order, some of them again
			shuffled := append([]refund.Message{}, all...)
			for range rng.IntN(3) {
				if len(all) > 0 {
					shuffled = append(shuffled, all[rng.IntN(len(all))])
				}
			}
			rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			r := refund.Of(o, shuffled)
			require.Equal(t, gone, r.State == refund.Gone, "seed %d", seed)
			require.Equal(t, want, r.Amount, "seed %d", seed)
			for _, it := range r.Items {
				require.Equal(t, left[it.Sku], it.Quantity, "seed %d", seed)
			}
			again := refund.ItemsIn(r.Text())
			require.Len(t, again, len(r.Items))
		}
	}
}
