package state

// status is that of a trait value or a delivery. Every due row has exactly one.
type status int

const (
	statusSettled status = iota
	statusPending
	statusInFlight
	statusRetryLater
	statusRefused
	statusUnknown
	statusHeld
)

var statusNames = [...]string{"settled", "pending", "in_flight", "retry_later", "refused", "unknown", "held"}

// statusRows are the statuses with their counters' names.
const statusRows = `SELECT 0 AS status, 'settled' AS name UNION ALL VALUES (1, 'pending'), (2, 'in_flight'), (3, 'retry_later'), (4, 'refused'), (5, 'unknown'), (6, 'held')`

type counter struct {
	scope int64
	name  string
}

// Scopes of counters that belong to no trait.
const (
	scopePageLoads   = 0
	scopeConversions = -1

	scopeSuppressions = -2 // of verdicts and approvals alone
	scopeReversals    = -3 // of approvals alone
)

func scopeOf(k Kind) int64 {
	if k == Conversion {
		return scopeConversions
	}
	return scopePageLoads
}

func (t *tx) count(scope int64, name string, by int64) {
	if by == 0 || scope <= 0 && name == statusNames[statusSettled] {
		return // delivered events are pruned in bulk; nobody asks how many there are
	}
	t.moved[counter{scope, name}] += by
}

func (t *tx) countRun(name string, by int64) {
	if by != 0 {
		t.ran[name] += by
	}
}

func (t *tx) flushCounters() error {
	for c, by := range t.moved {
		if by == 0 {
			continue
		}
		if _, err := t.Exec(`INSERT INTO counters (scope, name, value) VALUES (?, ?, ?)
			ON CONFLICT (scope, name) DO UPDATE SET value = value + excluded.value`, c.scope, c.name, by); err != nil {
			return err
		}
	}
	if t.d.run == 0 {
		return nil
	}
	if err := t.flushMoves(); err != nil {
		return err
	}
	for name, by := range t.ran {
		if _, err := t.Exec(`INSERT INTO run_counters (run, name, value) VALUES (?, ?, ?)
			ON CONFLICT (run, name) DO UPDATE SET value = value + excluded.value`, t.d.run, name, by); err != nil {
			return err
		}
	}
	return nil
}

// countStatus moves n rows of a scope from one status's counter to another's.
func (t *tx) countStatus(scope int64, from, to status, n int64) {
	t.count(scope, statusNames[from], -n)
	t.count(scope, statusNames[to], n)
}

// tally is how many rows of a scope have a status.
type tally struct {
	scope  int64
	status status
	n      int64
}

func (t *tx) tally(query string, args []any) ([]tally, error) {
	return collect(t, query, args, func(some *tally) []any { return []any{&some.scope, &some.status, &some.n} })
}

// countMoves moves the counters of rows that get another status, and returns how
// many these are.
func (t *tx) countMoves(all []tally, to status) (n int64) {
	for _, some := range all {
		t.countStatus(some.scope, some.status, to, some.n)
		n += some.n
	}
	return n
}
