package state

import "time"

// Want says what a sender has room for.
type Want struct {
	PageLoads   int // claims for the tracking host: page loads and trait updates
	Conversions int // claims for the API host

	Trait           string          // only trait updates of this key; "" means everything
	People          int             // at most so many different people in this run; 0 means all
	Coalesce        bool            // all due traits of a person in one delivery
	AttributionWait time.Duration   // how long a conversion waits for earlier page loads of its person
	Kinds           map[Kind]Policy // what to do with unknown deliveries of events

	// Of a host that failed one after the other: only what waits for no retry,
	// the newest first, to see whether it fails all.
	ProbePageLoads, ProbeConversions bool
}

func (w *Want) probes(k Kind) bool {
	if k.Host() == HostAPI {
		return w.ProbeConversions
	}
	return w.ProbePageLoads
}

// Policy says what becomes of a delivery whose answer never came.
type Policy string

// Policies for unknown deliveries. Trait updates are always sent again:
// telling somebody's state twice is harmless, not knowing it is not.
const (
	Resend Policy = "resend"
	Drop   Policy = "drop"
	Hold   Policy = "hold"
)

// status is what the policy makes of an event.
func (p Policy) status() status {
	switch p {
	case Drop:
		return statusSettled
	case Hold:
		return statusHeld
	default:
		return statusUnknown
	}
}

// Claim is one delivery that its holder may send now, once. The attempt is
// recorded before the caller gets it.
type Claim struct {
	Kind     Kind
	Attempt  int64
	Profile  int64
	Person   Person
	ClickID  string // the person's last one before the event
	NewClick bool   // that one is of the event itself
	Sure     bool   // that click id came by a name that only impact.com uses
	Attempts int    // earlier attempts
	Doubt    bool   // impact.com may have it already
	Probe    bool   // see [Want]

	// Of a trait update.
	Values []ClaimedValue

	// Of an event.
	Delivery int64
	Event    string
	At       time.Time
	Payload  []byte

	prior eventRow
}

// ClaimedValue is one trait value as it is sent.
type ClaimedValue struct {
	Key   string
	Value string
	At    time.Time // when it became wanted
	Exit  bool

	prior traitRow
}

// claiming chooses and marks the next deliveries of one turn.
type claiming struct {
	*tx
	*memory
	want   Want
	claims []Claim
}

// class is a part of what is due, in the order in which a turn serves them.
type class struct {
	kind  Kind
	first bool // events of people with a click id; exits
}

// tracking are the classes of the tracking host, with the share of each turn that
// they get even when there is more than enough of those before.
var tracking = [...]struct {
	class
	share float64
}{
	{class{PageLoad, true}, 0}, {class{PageLoad, false}, 0.1}, {class{TraitUpdate, true}, 0.1}, {class{TraitUpdate, false}, 0.1},
}

func (c *claiming) all() error {
	if err := c.ofTracking(float64(c.want.PageLoads)); err != nil {
		return err
	}
	most := len(c.claims) + c.want.Conversions
	for _, click := range [...]bool{true, false} {
		if err := c.of(class{Conversion, click}, most-len(c.claims)); err != nil {
			return err
		}
	}
	return nil
}

// ofTracking claims for the tracking host: first the shares, then what is left in
// order.
func (c *claiming) ofTracking(room float64) error {
	if room <= 0 {
		return nil
	}
	for i, t := range tracking {
		c.credit[i] = min(c.credit[i]+t.share*room, room)
		before := len(c.claims)
		if err := c.of(t.class, min(int(c.credit[i]), c.want.PageLoads-before)); err != nil {
			return err
		}
		c.credit[i] -= float64(len(c.claims) - before)
	}
	for _, t := range tracking {
		if err := c.of(t.class, c.want.PageLoads-len(c.claims)); err != nil {
			return err
		}
	}
	return nil
}

// order is how a queue of a class is read: what waits for a retry, by its time, or
// what was not tried before.
type order int

const (
	retries order = iota
	untried
	newest // untried, the newest first
)

// of claims up to n of a class. It shares them between what was not tried before,
// which comes first, and retries, so that what fails again and again holds nobody
// up; and what one of them leaves the other takes.
func (c *claiming) of(of class, n int) error {
	switch {
	case n <= 0 || c.want.Trait != "" && of.kind != TraitUpdate:
		return nil
	case c.want.probes(of.kind):
		_, err := c.from(queue{of, newest}, n)
		return err
	}
	c.oddTurn = !c.oddTurn
	half := (n + int(one(c.oddTurn))) / 2
	first, err := c.from(queue{of, untried}, half)
	if err != nil {
		return err
	}
	again, err := c.from(queue{of, retries}, n-first)
	if err != nil || first < half {
		return err
	}
	_, err = c.from(queue{of, untried}, n-first-again)
	return err
}

// queue is what is due of a class, in one order.
type queue struct {
	class
	order order
}

func (c *claiming) from(q queue, most int) (n int, err error) {
	switch {
	case most <= 0:
		return 0, nil
	case q.kind == TraitUpdate:
		return c.traitUpdates(q, most)
	}
	return c.events(q, most)
}

// mostScanned bounds how far a turn looks past people who are busy.
const mostScanned = 20_000

// take reports whether a person may be claimed for now, and marks them busy.
func (c *claiming) take(profile int64) bool {
	if c.busy[profile] {
		return false
	}
	if c.want.People > 0 && !c.people[profile] {
		if len(c.people) >= c.want.People {
			return false
		}
		c.people[profile] = true
	}
	c.busy[profile] = true
	return true
}
