// Package notify tells people, and the systems that watch for them, how runs end: by
// webhooks, and by pings as healthchecks.io has them. It sends numbers, names of traits
// and sources, and never a person's id or address.
package notify

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
)

// Version is that of the JSON body. Fields are only added to a version.
const Version = 1

// The conditions that begin and end.
const (
	Failed  = "failed"  // the last run failed
	Held    = "held"    // changes are held back
	Refused = "refused" // too much of a run was refused
	Stale   = "stale"   // a source has no new input
	Money   = "money"   // refused conversions have an amount
)

// The other events.
const (
	Recovered = "recovered" // a condition is over
	Test      = "test"
)

// Notice says that a condition began or is over. It is the body of format json.
type Notice struct {
	Version     int       `json:"version"`
	ID          string    `json:"id"`        // the same if the same notice comes again
	Event       string    `json:"event"`     // a condition that began, recovered, or test
	Condition   string    `json:"condition"` // which one it is about
	Destination string    `json:"destination"`
	Host        string    `json:"host"` // the machine or pod of the run
	Summary     string    `json:"summary"`
	Hint        string    `json:"hint,omitempty"` // what to do
	Runbook     string    `json:"runbook"`
	Since       time.Time `json:"since"` // when the condition began
	At          time.Time `json:"at"`
	Run         *Run      `json:"run,omitempty"` // absent if it could not begin
	ExitCode    int       `json:"exit_code"`
	Held        []Count   `json:"held,omitempty"`
	Sources     []string  `json:"sources,omitempty"`    // that are stale
	Money       []Amount  `json:"money,omitempty"`      // of refused conversions
	Unreadable  int64     `json:"unreadable,omitempty"` // refused conversions whose amount cannot be read
}

// Run is the run that a notice came after.
type Run struct {
	Number    int64   `json:"number"`
	Seconds   float64 `json:"seconds"`
	Found     int64   `json:"found"`
	Delivered int64   `json:"delivered"`
	Refused   int64   `json:"refused"`
	Rejected  int64   `json:"rejected"`
	Held      int64   `json:"held"`
	Due       int64   `json:"due"`
}

// Count is what is held of one trait in one direction.
type Count struct {
	Trait     string `json:"trait,omitempty"` // absent for conversions, page loads and suppressions
	Direction string `json:"direction"`
	Count     int64  `json:"count"`
}

// Amount is money in one currency.
type Amount struct {
	Currency    string `json:"currency"` // "" is the account's own
	Amount      string `json:"amount"`   // a decimal number
	Conversions int64  `json:"conversions"`
}

func (a Amount) String() string {
	return strings.TrimSpace(a.Amount + " " + a.Currency)
}

// New returns a notice that a condition began, is over (Recovered), or is only a test.
func New(event, condition, destination string, since, at time.Time) Notice {
	at, since = at.UTC().Truncate(time.Second), since.UTC().Truncate(time.Second)
	return Notice{
		Version: Version, Event: event, Condition: condition, Destination: destination, Since: since, At: at,
		ID: strings.Join([]string{destination, condition, event, since.Format(time.RFC3339)}, "/"),
	}
}

// title is the first line that a person reads.
func (n *Notice) title() string { return fmt.Sprintf("impactsync %s: %s", n.Destination, n.Event) }

// fact is a name and a value that a card shows.
type fact struct{ name, value string }

// mostFacts is how many traits or currencies a card shows.
const mostFacts = 8

func (n *Notice) facts() (all []fact) {
	add := func(name, value string) {
		if value != "" && len(all) < mostFacts {
			all = append(all, fact{name, value})
		}
	}
	if n.Event == Recovered {
		add("Condition", n.Condition)
	}
	add("Since", n.Since.Format(time.RFC3339))
	if r := n.Run; r != nil {
		add("Run", fmt.Sprintf("%d, exit code %d: %d delivered, %d refused, %d held, %d still due", r.Number, n.ExitCode, r.Delivered, r.Refused, r.Held, r.Due))
	}
	add("Sources", strings.Join(n.Sources, ", "))
	for _, m := range n.Money {
		add("Refused money", fmt.Sprintf("%s in %s", m, english.Plural(int(m.Conversions), "conversion", "")))
	}
	if n.Unreadable > 0 {
		add("Refused money", "cannot be read of "+english.Plural(int(n.Unreadable), "conversion", ""))
	}
	for _, h := range n.Held {
		add("Held", strings.TrimSpace(strconv.FormatInt(h.Count, 10)+" "+h.Direction+" "+h.Trait))
	}
	return all
}
