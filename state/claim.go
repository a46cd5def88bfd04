package state

import (
	"context"
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

// shares of each turn that the lower classes of the tracking host's queue get
// even when there is more than enough of the first: page loads with a click
// id, other page loads, exits, joins.
var shares = [4]float64{0, 0.1, 0.1, 0.1}

// Turn settles the outcomes of earlier claims and claims what is to be sent
// next, in one transaction, so that a sender pays for one commit and not two.
// A claim stays until it is settled; what a dead process claimed is recovered
// by [DB.BeginRun].
func (d *DB) Turn(ctx context.Context, outcomes []Outcome, want Want) (claims []Claim, err error) {
	if len(outcomes) == 0 && want.PageLoads <= 0 && want.Conversions <= 0 {
		return nil, nil
	}
	// Outcomes must be kept even when the run is being stopped.
	err = d.update(context.WithoutCancel(ctx), func(t *tx) error {
		if err := t.loadTraits(); err != nil {
			return err
		}
		for i := range outcomes {
			if err := t.settle(&outcomes[i], want); err != nil {
				return err
			}
		}
		c := &claiming{tx: t, want: want, free: outcomes}
		if err := c.all(); err != nil {
			return err
		}
		claims = c.claims
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range outcomes {
		delete(d.open, o.Claim.Profile)
	}
	for _, c := range claims {
		d.open[c.Profile] = true
		if want.People > 0 {
			d.people[c.Profile] = true
		}
	}
	return claims, nil
}

// claiming chooses and marks the next deliveries of one turn.
type claiming struct {
	*tx
	want   Want
	free   []Outcome // settled just now: their people are not busy any more
	busy   map[int64]bool
	people int
	claims []Claim
}

func (c *claiming) all() error {
	c.busy = make(map[int64]bool, len(c.d.open))
	for p := range c.d.open {
		c.busy[p] = true
	}
	for i := range c.free {
		delete(c.busy, c.free[i].Claim.Profile)
	}
	c.people = len(c.d.people)
	if err := c.pageLoads(); err != nil {
		return err
	}
	if c.want.Trait != "" {
		return nil
	}
	most := len(c.claims) + c.want.Conversions
	for _, click := range [...]bool{true, false} {
		if err := c.events(Conversion, click, most-len(c.claims)); err != nil {
			return err
		}
	}
	return nil
}

// pageLoads serves the four classes of the tracking host: first their minimum
// shares, then what is left in order.
func (c *claiming) pageLoads() error {
	if c.want.PageLoads <= 0 {
		return nil
	}
	for class, share := range shares {
		c.d.credit[class] = min(c.d.credit[class]+share*float64(c.want.PageLoads), float64(c.want.PageLoads))
		n := min(int(c.d.credit[class]), c.want.PageLoads-len(c.claims))
		before := len(c.claims)
		if err := c.class(class, n); err != nil {
			return err
		}
		c.d.credit[class] -= float64(len(c.claims) - before)
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
	if c.want.People > 0 && !c.d.people[profile] {
		if c.people >= c.want.People {
			return false
		}
		c.people++
	}
	c.busy[profile] = true
	return true
}

const selectDue = `SELECT d.id, d.status, d.kind, d.profile_id, d.event, d.event_at, coalesce(d.payload, ''), d.attempts, d.doubt, d.has_click,
	coalesce(p.click_id, ''), coalesce(p.click_at, 0), coalesce(p.click_sure, 0), CASE d.status WHEN 1 THEN d.event_at ELSE d.next_attempt_at END, ` + waits + `
	FROM deliveries d LEFT JOIN profiles p ON p.id = d.profile_id `

// A conversion waits until no earlier page load of its person is open, because
// impact.com attributes it by them.
const waits = `d.kind = 'conversion' AND d.created_at >= ?4 AND EXISTS (SELECT 1 FROM deliveries o
	WHERE o.profile_id = d.profile_id AND o.status IN (1, 2, 3, 5) AND o.kind = 'page_load' AND o.event_at <= d.event_at)`

// The first of these goes along deliveries_next, the second along
// deliveries_due, each from a position on: an OR of both would sort the whole
// queue. SQLite uses a partial index only where its condition stands in the query
// word for word, hence the "status > 0".
var dueEvents = [...]string{
	selectDue + `WHERE d.status IN (3, 5) AND d.next_attempt_at <= ?3 AND d.kind = ?1 AND d.has_click = ?2 AND (d.next_attempt_at, d.id) > (?5, ?6) ORDER BY d.next_attempt_at, d.id`,
	selectDue + `WHERE d.kind = ?1 AND d.status = 1 AND d.status > 0 AND d.has_click = ?2 AND ?3 > 0 AND (d.event_at, d.id) > (?5, ?6) ORDER BY d.event_at, d.id`,
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

type deliveryRow struct {
	id       int64
	status   int
	kind     Kind
	profile  int64
	event    string
	at       int64
	payload  string
	attempts int
	doubt    bool
	hasClick bool
	clickID  string
	clickAt  int64
	sure     bool
	place    int64 // in its queue
	waits    bool  // for the person's page loads
}

func (r *deliveryRow) dest() []any {
	return []any{&r.id, &r.status, &r.kind, &r.profile, &r.event, &r.at, &r.payload, &r.attempts, &r.doubt, &r.hasClick, &r.clickID, &r.clickAt, &r.sure, &r.place, &r.waits}
}

func (c *claiming) events(kind Kind, click bool, n int) error {
	for query := range dueEvents {
		if n <= 0 {
			return nil
		}
		due, err := c.dueIn(queue{query, kind, click}, n)
		if err != nil {
			return err
		}
		n -= len(due)
		for _, r := range due {
			if err := c.event(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// mostWaiting bounds how many conversions that wait a turn looks at, for each
// takes a look at what is open of its person, and a day's worth may wait for as
// many page loads.
const mostWaiting = 500

// dueIn gives so many rows of a queue that may go: from the oldest on, or from
// where the last turn gave up among those that wait.
func (c *claiming) dueIn(q queue, most int) (due []deliveryRow, err error) {
	from, ok := c.d.passed[q]
	alone := len(c.claims) == 0 && len(c.busy) == 0 // nothing goes on that could end their waiting: look at all
	if !ok || alone {
		from = oldest
	}
	delete(c.d.passed, q)
	scanned, waiting := 0, 0
	err = c.each(dueEvents[q.query], []any{q.kind, q.click, c.now, c.now - int64(c.want.AttributionWait), from.at, from.id}, func(rows *sql.Rows) error {
		var r deliveryRow
		if err := rows.Scan(r.dest()...); err != nil {
			return err
		}
		if r.waits {
			if waiting++; waiting == mostWaiting && !alone {
				c.d.passed[q] = position{r.place, r.id}
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
	err := c.each(query, args, func(rows *sql.Rows) error {
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
		Kind: r.kind, Attempt: c.d.seq, Profile: r.profile, Attempts: r.attempts, Doubt: r.doubt,
		Delivery: r.id, Event: r.event, At: time.Unix(0, r.at), Payload: []byte(r.payload), prior: r,
	}
	if r.clickAt <= r.at {
		claim.ClickID, claim.NewClick, claim.Sure = r.clickID, r.clickID != "" && r.clickAt == r.at, r.sure // impact.com wants the event after the click
	}
	c.claims = append(c.claims, claim)
	c.count(scopeOf(r.kind), statusNames[r.status], -1)
	c.count(scopeOf(r.kind), statusNames[statusInFlight], 1)
	_, err := c.exec(`UPDATE deliveries SET status = 2, doubt = 1, attempt = ?, attempts = attempts + 1 WHERE id = ?`, c.d.seq, r.id)
	return err
}
