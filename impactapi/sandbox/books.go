package sandbox

import (
	"fmt"
	"time"

	"github.com/impactsync/impactsync/sync/money"
)

// Action is an action of the sandbox, for tests.
type Action struct {
	ID          string // Book makes one up if it is blank
	CampaignID  string
	EventTypeID string // ActionTrackerId
	OrderID     string
	Partner     string // MediaPartnerId
	State       string // PENDING, APPROVED, REVERSED

	Amount, IntendedAmount, Payout string // plain decimals
	Currency                       string
	EventDate, CreatedAt           time.Time
	LockingDate                    time.Time // zero: none yet
	Changes                        int       // modifications and reversals so far
}

// Actions returns all actions as they are now, oldest first.
func (s *Sandbox) Actions() []Action {
	now := s.now()
	defer s.ledger.open(now)()
	all := make([]Action, len(s.ledger.actions))
	for i, a := range s.ledger.actions {
		all[i] = Action{
			ID: a.id, CampaignID: a.campaign, EventTypeID: a.tracker, OrderID: a.order, Partner: a.partner, State: a.stateAt(now),
			Amount: a.amount.String(), IntendedAmount: a.intendedAmount.String(), Payout: a.payout.String(), Currency: a.currency,
			EventDate: a.happened, CreatedAt: a.created, LockingDate: a.lock, Changes: a.changes,
		}
	}
	return all
}

// Book adds an action that came from no conversion of this sandbox, such as one that
// somebody else reported. It is pending, with one item; its Currency is kept. Without
// a time of creation it is new, and without a locking date it gets the usual one.
// Actions must be added in the order of their creation.
func (s *Sandbox) Book(b Action) error {
	amount, err := money.Parse(b.Amount)
	if err != nil {
		return fmt.Errorf("book an action: %w", err)
	}
	now := s.now()
	defer s.ledger.open(now)()
	if b.CreatedAt.IsZero() {
		b.CreatedAt = now
	}
	if b.EventDate.IsZero() {
		b.EventDate = b.CreatedAt
	}
	if b.LockingDate.IsZero() {
		b.LockingDate = s.lockingDate(b.EventDate)
	}
	created := b.CreatedAt.UTC().Truncate(time.Second)
	a := &action{
		id: b.ID, campaign: b.CampaignID, tracker: b.EventTypeID, order: b.OrderID, partner: b.Partner, currency: b.Currency, state: pending,
		items: []item{{quantity: 1, intendedQuantity: 1, amount: amount, intendedAmount: amount}}, happened: b.EventDate.UTC().Truncate(time.Second),
		created: created, updated: created, lock: b.LockingDate,
	}
	a.clicked = a.happened
	if a.id == "" {
		s.identify(a)
	}
	s.price(a)
	a.intendedAmount, a.intendedPayout = a.amount, a.payout
	s.ledger.book(a, noDisposition)
	return nil
}
