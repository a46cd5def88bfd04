package state

import (
	"math"
	"time"

	"github.com/impactsync/impactsync/sync/refund"
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
	ByFile          bool            // conversions go by files, but for those that no file can hold and that the API has begun

	// For a host that fails one delivery after the other: claim only what was not
	// tried before, the newest first, to see whether all of them fail.
	ProbePageLoads, ProbeConversions bool
}

func (w *Want) probes(k Kind) bool {
	if k.Host() == HostAPI {
		return w.ProbeConversions
	}
	return w.ProbePageLoads
}

// claiming chooses and marks the next deliveries of one turn.
type claiming struct {
	*tx
	*memory
	want   Want
	claims []*Claim
}

// memory is what a sender knows from one turn to the next.
type memory struct {
	busy    map[int64]bool     // people with an attempt under way
	people  map[int64]bool     // claimed so far, where their number is limited
	passed  map[queue]position // up to where conversions were found to wait
	credit  [len(tracking)]float64
	oddTurn bool // the odd one of a turn is for what was not tried before
}

// class is a part of what is due.
type class struct {
	kind  Kind
	first bool // events of people with a click id; exits
}

// tracking lists the classes of the tracking host in the order in which a turn
// serves them, with the share of the turn that each gets even if those before it
// could fill all of it.
var tracking = [...]struct {
	class
	share float64
}{
	{class{PageLoad, true}, 0}, {class{PageLoad, false}, 0.1}, {class{TraitUpdate, true}, 0.1}, {class{TraitUpdate, false}, 0.1},
}

// order is how a queue of a class is read: what waits for a retry, by its time, or
// what was not tried before.
type order int

const (
	retries order = iota
	untried
	newest // untried, the newest first
)

// queue is what is due of a class, in one order.
type queue struct {
	class
	order order
}

// position is a row's place in its queue.
type position struct{ at, id int64 }

var oldest = position{at: math.MinInt64}

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

var selectDue = `SELECT d.id, d.status, d.kind, ` + ownerID + `, d.event, d.event_at, coalesce(d.payload, ''), d.attempts, d.doubt,
	coalesce(p.click_id, ''), coalesce(p.click_at, 0), coalesce(p.click_sure, 0), CASE d.status WHEN 1 THEN d.event_at ELSE coalesce(d.next_attempt_at, 0) END, d.profile_id, coalesce(named.user_id, named.anonymous_id, n.user_id, n.anonymous_id, ''), ` + waits + `,
	coalesce((SELECT carried FROM order_changes o WHERE o.order_id = d.order_id), '')
	FROM deliveries d ` + joinOwner + ` LEFT JOIN newcomers n ON n.id = d.profile_id `

// A conversion waits until no earlier page load of its person is open, because
// impact.com attributes it by them.
var waits = `d.kind = 'conversion' AND d.created_at >= ?4 AND EXISTS (SELECT 1 FROM deliveries o
	WHERE o.id IN (` + eventsOf(ownerID) + `) AND o.status IN (1, 2, 3, 5) AND o.kind = 'page_load' AND o.event_at <= d.event_at)`

// The first of these uses the index deliveries_next, the others deliveries_due, each
// from a position on: an OR of both would sort the whole queue. SQLite uses a partial index only if the query contains its condition word
// for word, hence the "status > 0". For a parameter that a column equals it would plan
// the query anew for each value, which takes 50 us, hence the (SELECT ?1).
var dueEvents = [...]string{
	selectDue + `WHERE d.status IN (3, 5) AND d.next_attempt_at <= ?3 AND d.kind = (SELECT ?1) AND d.has_click = (SELECT ?2) AND (d.next_attempt_at, d.id) > (?5, ?6) ORDER BY d.next_attempt_at, d.id`,
	selectDue + `WHERE d.kind = (SELECT ?1) AND d.status = 1 AND d.status > 0 AND d.has_click = (SELECT ?2) AND ?3 > 0 AND (d.event_at, d.id) > (?5, ?6) ORDER BY d.event_at, d.id`,
	selectDue + `WHERE d.kind = (SELECT ?1) AND d.status = 1 AND d.status > 0 AND d.has_click = (SELECT ?2) AND ?3 > 0 AND (d.event_at, d.id) > (?5, ?6) ORDER BY d.event_at DESC, d.id DESC`,
}

// unfit are the conversions that no file can hold.
var unfit = [...]string{
	untried: selectDue + `WHERE d.file = 0 AND d.status = 1 AND d.kind = (SELECT ?1) AND d.has_click = (SELECT ?2) AND ?3 > 0 AND (d.event_at, d.id) > (?5, ?6) ORDER BY d.event_at, d.id`,
	newest:  selectDue + `WHERE d.file = 0 AND d.status = 1 AND d.kind = (SELECT ?1) AND d.has_click = (SELECT ?2) AND ?3 > 0 AND (d.event_at, d.id) > (?5, ?6) ORDER BY d.event_at DESC, d.id DESC`,
}

// query selects what is due of a queue.
func (w *Want) query(q queue) string {
	if w.ByFile && q.kind == Conversion && q.order != retries {
		return unfit[q.order]
	}
	return dueEvents[q.order]
}

// dueEvent is an event that is due.
type dueEvent struct {
	Claim
	at       int64
	last     click  // of its person
	place    int64  // in its queue
	filed    int64  // the number that it stands under
	namesake string // whose number that is, "" if nobody's
	waits    bool   // for the person's page loads
	carried  string // what refunds left of the order
}

func (e *dueEvent) dest() []any {
	return []any{&e.Delivery, &e.was, &e.Kind, &e.Profile, &e.Event, &e.at, &e.Payload, &e.Attempts, &e.Doubt, &e.last.id, &e.last.at, &e.last.sure, &e.place, &e.filed, &e.namesake, &e.waits, &e.carried}
}

func (c *claiming) events(q queue, most int) (int, error) {
	due, err := c.eventsDue(q, most)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	c.claims = append(c.claims, due...)
	return len(due), c.claimEvents(due)
}

// mostWaiting bounds how many waiting conversions a turn looks at: each takes a
// look at what is open of its person, and a whole day's conversions may wait.
const mostWaiting = 500

// eventsDue returns up to most rows of a queue that may go. It starts with the
// oldest, or where the last turn gave up among those that wait.
func (c *claiming) eventsDue(q queue, most int) (due []*Claim, err error) {
	from, ok := c.passed[q]
	alone := len(c.claims) == 0 && len(c.busy) == 0 // nothing is under way that could end their waiting: look at all
	if !ok || alone {
		from = oldest
	}
	delete(c.passed, q)
	scanned, waiting := 0, 0
	for r, err := range each(c, c.want.query(q), []any{q.kind, q.first, c.now, c.now - int64(c.want.AttributionWait), from.at, from.id}, (*dueEvent).dest) {
		if err != nil {
			return nil, err
		}
		if r.waits {
			if waiting++; waiting == mostWaiting && !alone {
				c.passed[q] = position{r.place, r.Delivery}
				break
			}
			continue
		}
		if err := c.correctOwner(&r); err != nil {
			return nil, err
		}
		if c.take(r.Profile) {
			due = append(due, c.event(&r))
		}
		if scanned++; len(due) == most || scanned == mostScanned {
			break
		}
	}
	return due, nil
}

// event returns the claim of an event.
func (c *claiming) event(e *dueEvent) *Claim {
	claim := e.claimed()
	c.d.seq++
	claim.Attempt, claim.Probe = c.d.seq, c.want.probes(e.Kind)
	return &claim
}

// claimed returns an event as its sender needs it.
func (e *dueEvent) claimed() Claim {
	claim := e.Claim
	claim.At = time.Unix(0, e.at)
	for _, it := range refund.ItemsIn(e.carried) {
		if claim.Left == nil {
			claim.Left = map[string]int64{}
		}
		claim.Left[it.Sku] = it.Quantity
	}
	if e.last.at <= e.at { // impact.com wants the event after the click
		claim.ClickID, claim.NewClick, claim.Sure = e.last.id, e.last.id != "" && e.last.at == e.at, e.last.sure.Bool
	}
	return claim
}
