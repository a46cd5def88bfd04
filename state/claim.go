package state

import (
	"database/sql"
	"math"
	"time"
)

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

	prior deliveryRow
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
	busy   map[int64]bool // people with an attempt under way
	claims []Claim
}

func (c *claiming) all() error {
	if err := c.pageLoads(); err != nil || c.want.Trait != "" {
		return err
	}
	most := len(c.claims) + c.want.Conversions
	for _, click := range [...]bool{true, false} {
		if err := c.events(Conversion, click, most-len(c.claims)); err != nil {
			return err
		}
	}
	return nil
}

// shares of each turn that the lower classes of the tracking host's queue get
// even when there is more than enough of the first: page loads with a click
// id, other page loads, exits, joins.
var shares = [4]float64{0, 0.1, 0.1, 0.1}

// pageLoads serves the four classes of the tracking host: first their minimum
// shares, then what is left in order.
func (c *claiming) pageLoads() error {
	if c.want.PageLoads <= 0 {
		return nil
	}
	for class, share := range shares {
		c.credit[class] = min(c.credit[class]+share*float64(c.want.PageLoads), float64(c.want.PageLoads))
		n := min(int(c.credit[class]), c.want.PageLoads-len(c.claims))
		before := len(c.claims)
		if err := c.class(class, n); err != nil {
			return err
		}
		c.credit[class] -= float64(len(c.claims) - before)
	}
	for class := range shares {
		if err := c.class(class, c.want.PageLoads-len(c.claims)); err != nil {
			return err
		}
	}
	return nil
}

func (c *claiming) class(class, n int) error {
	switch {
	case n <= 0:
		return nil
	case class < 2 && c.want.Trait != "":
		return nil
	case class < 2:
		return c.events(PageLoad, class == 0, n)
	default:
		return c.traitUpdates(class == 2, n)
	}
}

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

const (
	retries = iota // of dueEvents
	untried
	newest
)

// steps shares a turn's room between what was not tried before, which comes
// first, and retries, so that what fails again and again holds nobody up; and what
// one of them leaves the other takes.
func (c *claiming) steps(kind Kind, n int, take func(query, most int) (int, error)) error {
	if c.want.probes(kind) {
		_, err := take(newest, n)
		return err
	}
	c.oddTurn = !c.oddTurn
	half := (n + int(one(c.oddTurn))) / 2
	first, err := take(untried, half)
	if err != nil {
		return err
	}
	again, err := take(retries, n-first)
	if err != nil || first < half {
		return err
	}
	_, err = take(untried, n-first-again)
	return err
}

// queue is the rows of one of dueEvents.
type queue struct {
	query int
	kind  Kind
	click bool
}

// position is a row's place in its queue.
type position struct{ at, id int64 }

var oldest = position{at: math.MinInt64}

func (c *claiming) events(kind Kind, click bool, n int) error {
	return c.steps(kind, n, func(query, most int) (int, error) {
		if most <= 0 {
			return 0, nil
		}
		due, err := c.dueIn(queue{query, kind, click}, most)
		if err != nil {
			return 0, err
		}
		for _, r := range due {
			if err := c.event(r); err != nil {
				return 0, err
			}
		}
		return len(due), nil
	})
}

// mostWaiting bounds how many conversions that wait a turn looks at, for each
// takes a look at what is open of its person, and a day's worth may wait for as
// many page loads.
const mostWaiting = 500

// dueIn returns so many rows of a queue that may go: from the oldest on, or from
// where the last turn gave up among those that wait.
func (c *claiming) dueIn(q queue, most int) (due []deliveryRow, err error) {
	from, ok := c.passed[q]
	alone := len(c.claims) == 0 && len(c.busy) == 0 // nothing goes on that could end their waiting: look at all
	if !ok || alone {
		from = oldest
	}
	delete(c.passed, q)
	scanned, waiting := 0, 0
	err = c.Each(dueEvents[q.query], []any{q.kind, q.click, c.now, c.now - int64(c.want.AttributionWait), from.at, from.id}, func(rows *sql.Rows) error {
		var r deliveryRow
		if err := rows.Scan(r.dest()...); err != nil {
			return err
		}
		if r.waits {
			if waiting++; waiting == mostWaiting && !alone {
				c.passed[q] = position{r.place, r.id}
				return errEnough
			}
			return nil
		}
		if c.take(r.profile) {
			due = append(due, r)
		}
		if scanned++; len(due) == most || scanned == mostScanned {
			return errEnough
		}
		return nil
	})
	return due, ignoreEnough(err)
}

// mostScanned bounds how far a turn looks past people who are busy.
const mostScanned = 20_000

// some reads rows until fn says that it has enough.
func (c *claiming) some(query string, args []any, fn func(*sql.Rows) (more bool, err error)) error {
	scanned := 0
	err := c.Each(query, args, func(rows *sql.Rows) error {
		more, err := fn(rows)
		if scanned++; err == nil && (!more || scanned >= mostScanned) {
			return errEnough
		}
		return err
	})
	return ignoreEnough(err)
}

func (c *claiming) event(r deliveryRow) error {
	c.d.seq++
	claim := Claim{
		Kind: r.kind, Attempt: c.d.seq, Profile: r.profile, Attempts: r.attempts, Doubt: r.doubt, Probe: c.want.probes(r.kind),
		Delivery: r.id, Event: r.event, At: time.Unix(0, r.at), Payload: []byte(r.payload), prior: r,
	}
	if r.clickAt <= r.at {
		claim.ClickID, claim.NewClick, claim.Sure = r.clickID, r.clickID != "" && r.clickAt == r.at, r.sure // impact.com wants the event after the click
	}
	c.claims = append(c.claims, claim)
	return c.claimEvent(&r, c.d.seq)
}
