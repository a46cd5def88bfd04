package page

import (
	"cmp"
	"database/sql"
	"strings"
	"time"

	"github.com/impactsync/impactsync/state"
)

// Found is what a search found.
type Found struct {
	Person, Order string // what was asked for
	Problem       string // why nobody was found
	Explained     *state.Explanation
	Orders        []Order
}

// Order is an order, whatever became of it.
type Order struct {
	ID, Event, Type, Status, Currency, Error string
	Amount                                   sql.Null[float64]
	At, Delivered                            time.Time
	Attempts                                 int64
	Verdict, ErrorType, Reasons, Queued      string
	User, Anonymous                          string
}

func (f *Found) findOrder(s *state.Snapshot) (err error) {
	f.Orders, err = state.Select(s, orderSQL.SQL, func(o *Order) []any {
		return []any{
			&o.ID, null(&o.Event), null(&o.Type), null(&o.Status), &o.Amount, null(&o.Currency), moment{&o.At}, moment{&o.Delivered}, &o.Attempts, null(&o.Error),
			null(&o.Verdict), null(&o.ErrorType), null(&o.Reasons), null(&o.Queued), null(&o.User), null(&o.Anonymous),
		}
	}, sql.Named("order", f.Order))
	return err
}

// fact is a line about a person or an order.
type fact struct{ name, text string }

// who returns what is known of a person's ids. Without --with-ids it is only that they
// are there.
func (p *Page) who(e *state.Explanation) (all []fact) {
	for _, f := range []fact{
		{"User id", e.UserID},
		{"Anonymous id", e.AnonymousID},
		{"E-mail address, as SHA-1", e.EmailSHA1},
		{"Last click id", e.ClickID},
		{"Absorbed into", e.AbsorbedInto},
		{"Absorbed ids", strings.Join(e.Anonymous, ", ")},
		{"Others with the address", strings.Join(e.SameAddress, ", ")},
	} {
		if f.text != "" {
			all = append(all, fact{f.name, p.id(f.text)})
		}
	}
	return all
}

// id returns an id, if the page may show ids.
func (p *Page) id(text string) string {
	if p.WithIDs || text == p.Found.Person {
		return text
	}
	return "known (--with-ids shows it)"
}

// facts returns what is known of an order.
func (p *Page) facts(o *Order) (all []fact) {
	for _, f := range []fact{
		{"Event", strings.TrimSpace(o.Event + " " + o.Type)},
		{"Sold", short(o.At)},
		{"Amount", o.money()},
		{"Status", o.Status},
		{"Sent", o.sent()},
		{"Failed attempts", zeroEmpty(o.Attempts)},
		{"Last error", o.Error},
		{"Verdict", strings.TrimSpace(o.Verdict + " " + o.ErrorType + " " + o.Reasons)},
		{"What it means", (&outcome{name: o.Verdict}).meaning()},
		{"At impact.com", o.Queued},
	} {
		if f.text != "" {
			all = append(all, f)
		}
	}
	if user := cmp.Or(o.User, o.Anonymous); user != "" {
		all = append(all, fact{"Person", p.id(user)})
	}
	return all
}

func (o *Order) sent() string {
	if o.Delivered.IsZero() {
		return ""
	}
	return exact(o.Delivered)
}

func (o *Order) money() string {
	if !o.Amount.Valid {
		return ""
	}
	return amountText(o.Amount.V, o.Currency) + " " + o.Currency
}

func zeroEmpty(n int64) string {
	if n == 0 {
		return ""
	}
	return number(n)
}

// said returns a value of a trait, as people say it.
func said(value *string) string {
	if value == nil {
		return "nothing"
	}
	return *value
}

// at returns a time of the state for people.
func at(text string) string {
	if text == "" {
		return ""
	}
	return exact(instant(text))
}
