package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// Orders are the conversions of the last 30 days.
type Orders struct {
	Cells  []cell
	Money  []takings // of the currencies that there is money in
	Orders int64
	Faults []Fault
}

// cell is what became of a day's orders in one currency.
type cell struct {
	day               time.Time
	outcome, currency string
	orders            int64
	sum               float64
}

// takings is a currency's sum, in all and by outcome.
type takings struct {
	currency string
	all      float64
	orders   int64
	by       map[string]float64
}

// Fault is a verdict that somebody should look into.
type Fault struct {
	Verdict, Type, Reasons string
	Count                  int64
}

// outcome is what became of orders: its words, and its class in a picture.
type outcome struct{ name, text, class string }

var outcomes = []outcome{
	{impactsync.VerdictCounted, "counted", "f-ok"},
	{impactsync.VerdictNoPartner, "no partner", "f-other"},
	{impactsync.VerdictNoCredit, "no credit", "f-other"},
	{impactsync.VerdictWaiting, "verdict waits", "f-due"},
	{"not looked up", "sent, not looked up", "f-due"},
	{"not sent yet", "not sent yet", "f-held"},
	{impactsync.VerdictDuplicate, "duplicate", "f-refused"},
	{impactsync.VerdictNotFound, "not found", "f-refused"},
	{impactsync.VerdictFault, "fault", "f-refused"},
	{"refused", "refused", "f-refused"},
	{"dropped", "given up", "f-refused"},
	{"too_old", "too old", "f-refused"},
	{"seen before", "seen before, not sent again", "f-other"},
}

func (p *Page) readOrders(s *state.Snapshot) (err error) {
	o := &p.Orders
	o.Cells, err = state.Select(s, ordersSQL.SQL, func(c *cell) []any {
		return []any{day{&c.day}, &c.outcome, null(&c.currency), &c.orders, null(&c.sum)}
	})
	if err != nil {
		return err
	}
	o.addUp()
	o.Faults, err = state.Select(s, faultsSQL.SQL, func(f *Fault) []any { return []any{&f.Verdict, null(&f.Type), null(&f.Reasons), &f.Count} })
	return err
}

// day scans a date.
type day struct{ to *time.Time }

func (d day) Scan(from any) error {
	var text string
	if err := null(&text).Scan(from); err != nil || text == "" {
		return err
	}
	at, err := time.Parse(time.DateOnly, text)
	*d.to = at
	return err
}

func (o *Orders) addUp() {
	for _, c := range o.Cells {
		i := slices.IndexFunc(o.Money, func(m takings) bool { return m.currency == c.currency })
		if i < 0 {
			i = len(o.Money)
			o.Money = append(o.Money, takings{currency: c.currency, by: map[string]float64{}})
		}
		m := &o.Money[i]
		m.orders += c.orders
		m.all += c.sum
		m.by[c.outcome] += c.sum
	}
	for _, m := range o.Money {
		o.Orders += m.orders
	}
	o.Money = slices.DeleteFunc(o.Money, func(m takings) bool { return m.all == 0 })
	slices.SortFunc(o.Money, func(a, b takings) int { return cmp.Compare(b.all, a.all) })
}

// used returns the outcomes that there are, with how many orders each has.
func (o *Orders) used() (all []outcome, counts map[string]int64) {
	counts = map[string]int64{}
	for _, c := range o.Cells {
		counts[c.outcome] += c.orders
	}
	for _, out := range outcomes {
		if counts[out.name] > 0 {
			all = append(all, out)
		}
	}
	return all, counts
}

const days = 30

// stacks returns the bars of the last 30 days, one path for each class.
func (o *Orders) stacks(now time.Time) []shape {
	first := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-days)
	var sums [days]map[string]int64
	var most int64
	for _, c := range o.Cells {
		if i := int(c.day.Sub(first) / (24 * time.Hour)); i >= 0 && i < days {
			if sums[i] == nil {
				sums[i] = map[string]int64{}
			}
			sums[i][classOf(c.outcome)] += c.orders
			sums[i]["all"] += c.orders
			most = max(most, sums[i]["all"])
		}
	}
	return stack(sums[:], most, "f-ok", "f-other", "f-due", "f-held", "f-refused")
}

func classOf(name string) string {
	for _, o := range outcomes {
		if o.name == name {
			return o.class
		}
	}
	return "f-other"
}

// stack returns bars of these classes, the first at the bottom.
func stack(sums []map[string]int64, most int64, classes ...string) (shapes []shape) {
	paths := make([]strings.Builder, len(classes))
	for i, sum := range sums {
		top := 100.0
		for k, class := range classes {
			if n := sum[class]; n > 0 {
				h := min(max(float64(n*1000/most)/10, 1), top)
				top -= h
				box(&paths[k], float64(i*slotUnits)+1.5, top, slotUnits-3, h)
			}
		}
	}
	for k, class := range classes {
		if paths[k].Len() > 0 {
			shapes = append(shapes, shape{class: class, path: paths[k].String()})
		}
	}
	return shapes
}

// marks say what each day's bar stands for.
func (o *Orders) marks(now time.Time) (all []shape) {
	first := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-days)
	for i := range days {
		at, text := first.AddDate(0, 0, i), ""
		for _, c := range o.Cells {
			if c.day.Equal(at) {
				text += fmt.Sprintf("; %s %s", number(c.orders), c.outcome)
				if c.sum != 0 {
					text += fmt.Sprintf(" (%s %s)", amountText(c.sum, c.currency), c.currency)
				}
			}
		}
		if text != "" {
			all = append(all, shape{x: plot(float64(i * slotUnits)), title: at.Format("2 Jan") + text})
		}
	}
	return all
}
