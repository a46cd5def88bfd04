package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/money"
)

// orderLine is an order as reconcile shows it. Amounts are decimals.
type orderLine struct {
	OrderID       string `json:"order_id"`
	EventType     string `json:"event_type"`
	Verdict       string `json:"verdict"`
	Reason        string `json:"reason,omitempty"`
	AmountSent    string `json:"amount_sent,omitempty"`
	CurrencySent  string `json:"currency_sent,omitempty"`
	AmountWanted  string `json:"amount_wanted,omitempty"`
	AmountThere   string `json:"amount_there,omitempty"`
	CurrencyThere string `json:"currency_there,omitempty"`
	State         string `json:"state,omitempty"`
	LockingAt     string `json:"locking_at,omitempty"`
	ActionID      string `json:"action_id,omitempty"`
	Actions       int64  `json:"actions"`
	Live          int64  `json:"live_actions"`
	Partner       string `json:"partner_id,omitempty"`
	Payout        string `json:"payout,omitempty"`
	ClientCost    string `json:"client_cost,omitempty"`
	Disposition   string `json:"disposition,omitempty"`
	EventAt       string `json:"event_at,omitempty"`
	SentAt        string `json:"sent_at,omitempty"`
	Do            string `json:"what_to_do,omitempty"`
}

func lineOf(o *state.OrderVerdict) orderLine {
	there := func(m state.Money) string { return amountText(m, o.CurrencyThere) }
	return orderLine{
		OrderID: o.OrderID, EventType: o.EventType, Verdict: o.Verdict, Reason: o.Reason,
		AmountSent: amountText(o.Sent, o.CurrencySent), CurrencySent: o.CurrencySent, AmountWanted: amountText(o.Wanted, o.CurrencySent),
		AmountThere: there(o.There), CurrencyThere: o.CurrencyThere, State: o.State, LockingAt: timeText(o.LockingAt), ActionID: o.ActionID,
		Actions: o.Actions, Live: o.Live, Partner: o.Partner, Payout: there(o.Payout), ClientCost: there(o.ClientCost), Disposition: o.Disposition,
		EventAt: timeText(o.EventAt), SentAt: timeText(o.SentAt), Do: whatToDo(o, time.Now()),
	}
}

func amountText(m state.Money, currency string) string {
	if !m.Valid {
		return ""
	}
	return money.Amount(m.Int64).Format(currency)
}

func timeText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z")
}

// whatToDo says what a person can do about an order, "" if nothing.
func whatToDo(o *state.OrderVerdict, now time.Time) string {
	locked := o.State == "APPROVED" || !o.LockingAt.IsZero() && !o.LockingAt.After(now)
	switch o.Verdict {
	case "double", "differs", "refund_owed":
		if locked {
			return "it is locked: only a transfer between you and the partner corrects it"
		}
	case "refused":
		if o.SentAt.IsZero() {
			return "mend what the reason names, then: impactsync refused retry, or resend " + o.OrderID
		}
		return "mend what the reason names, then: impactsync resend " + o.OrderID + "; impact.com has no action of it, so it counts once"
	case "no_action":
		return "nothing, if no partner drove it; impactsync resend " + o.OrderID + " would send it again: impact.com drops it while it remembers the order id, and could credit it anew afterwards"
	}
	switch o.Verdict {
	case "double":
		return "reverse all but one of its actions at impact.com, by action id"
	case "differs":
		return "impactsync explain " + o.OrderID
	case "refund_owed":
		return "reduce or reverse the action at impact.com before it locks"
	}
	return ""
}

var orderColumns = []string{
	"order_id", "event_type", "verdict", "reason", "amount_sent", "currency_sent", "amount_wanted", "amount_there", "currency_there", "state", "locking_at", "action_id", "actions",
	"live_actions", "partner_id", "payout", "client_cost", "disposition", "event_at", "sent_at", "what_to_do",
}

func (o *orderLine) cells() []string {
	return []string{
		o.OrderID, o.EventType, o.Verdict, o.Reason, o.AmountSent, o.CurrencySent, o.AmountWanted, o.AmountThere, o.CurrencyThere, o.State, o.LockingAt, o.ActionID, strconv.FormatInt(o.Actions, 10),
		strconv.FormatInt(o.Live, 10), o.Partner, o.Payout, o.ClientCost, o.Disposition, o.EventAt, o.SentAt, o.Do,
	}
}

// writeOrders writes orders as CSV, the worst verdicts first, as they are read; all of
// them if no verdict is named.
func writeOrders(ctx context.Context, w io.Writer, db *state.DB, since time.Time, verdicts []string) error {
	buffered := bufio.NewWriterSize(w, 64<<10)
	out := csv.NewWriter(buffered)
	if err := out.Write(orderColumns); err != nil {
		return err
	}
	for _, verdict := range state.Verdicts {
		if verdicts != nil && !slices.Contains(verdicts, verdict) {
			continue
		}
		for o, err := range db.EachVerdict(ctx, since, verdict) {
			if err != nil {
				return err
			}
			line := lineOf(&o)
			if err := out.Write(harmlessCells(line.cells())); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return errors.Join(out.Error(), buffered.Flush())
}

// harmlessCells puts an apostrophe before texts that a spreadsheet would take for a
// formula: order ids come from outside.
func harmlessCells(cells []string) []string {
	for i, c := range cells {
		if c != "" && strings.ContainsAny(c[:1], "=+-@\t\r") && !isAmount(c) {
			cells[i] = "'" + c
		}
	}
	return cells
}

func isAmount(text string) bool {
	_, err := money.Parse(text)
	return err == nil
}
