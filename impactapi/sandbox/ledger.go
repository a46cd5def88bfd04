package sandbox

import (
	"container/heap"
	"sync"
	"time"

	"github.com/impactsync/impactsync/impactapi"
)

// ledger is what impact.com keeps: submissions, and the actions that came of them.
// What takes time waits as a task, and is done when a request comes at its hour or
// later.
type ledger struct {
	mu    sync.Mutex
	tasks tasks
	added int // tasks so far

	seen        map[orderKey]bool
	submissions map[string]*submission
	sequence    []string // of submissions, in the order of arrival

	actions []*action // in the order of creation
	byID    map[string]*action
	byOrder map[eventOrder][]*action
	updates []*update

	picked map[version]bool
	files  []*file
}

func newLedger() *ledger {
	return &ledger{
		seen: make(map[orderKey]bool), submissions: make(map[string]*submission),
		byID: make(map[string]*action), byOrder: make(map[eventOrder][]*action),
		picked: make(map[version]bool),
	}
}

// orderKey identifies an order to impact.com.
//
// https://integrations.impact.com/impact-brand/docs/order-level-data
type orderKey struct{ event, order, campaign string }

// eventOrder is the key by which actions may be named instead of their ids.
type eventOrder struct{ tracker, order string }

// task is something that happens at a moment; tasks of one moment happen in the
// order in which they were added.
type task struct {
	due    time.Time
	number int
	do     func(now time.Time)
}

type tasks []task

func (t tasks) Len() int { return len(t) }
func (t tasks) Less(i, j int) bool {
	return t[i].due.Before(t[j].due) || t[i].due.Equal(t[j].due) && t[i].number < t[j].number
}
func (t tasks) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *tasks) Push(x any)   { *t = append(*t, x.(task)) }
func (t *tasks) Pop() any {
	last := (*t)[len(*t)-1]
	(*t)[len(*t)-1] = task{}
	*t = (*t)[:len(*t)-1]
	return last
}

// after has something happen a while after a moment.
func (l *ledger) after(at time.Time, d time.Duration, do func(now time.Time)) {
	l.added++
	heap.Push(&l.tasks, task{at.Add(max(d, 0)), l.added, do})
}

// open locks the ledger, brought up to date, and returns what unlocks it.
func (l *ledger) open(now time.Time) (unlock func()) {
	l.mu.Lock()
	for len(l.tasks) > 0 && !l.tasks[0].due.After(now) {
		t := heap.Pop(&l.tasks).(task)
		t.do(t.due)
	}
	return l.mu.Unlock
}

// submission is one request that was queued, and what became of it.
type submission struct {
	id       string
	kind     string // Conversion, Modification, Reversal
	at       time.Time
	form     impactapi.Params
	campaign string
	tracker  string
	event    string // EventTypeCode
	order    string
	partner  string

	done      time.Time // zero: still queued
	errorType string
	reason    string
}

// submit queues a request; process returns the ErrorType and the ErrorReason.
func (l *ledger) submit(sub *submission, now time.Time, settle time.Duration, process func(*submission, time.Time) (string, string)) {
	defer l.open(now)()
	l.submissions[sub.id] = sub
	l.sequence = append(l.sequence, sub.id)
	l.after(now, settle, func(now time.Time) {
		sub.errorType, sub.reason = process(sub, now)
		sub.done = now
	})
}

// book adds an action to the books.
func (l *ledger) book(a *action, disposition string) {
	l.actions = append(l.actions, a)
	l.byID[a.id] = a
	key := eventOrder{a.tracker, a.order}
	l.byOrder[key] = append(l.byOrder[key], a)
	l.note(a, a.created, update{disposition: disposition, amount: a.amount, payout: a.payout})
}

// note adds a record to an action's log.
func (l *ledger) note(a *action, now time.Time, u update) {
	u.action, u.at, u.state, u.number = a, now, a.state, len(l.updates)
	l.updates = append(l.updates, &u)
}
