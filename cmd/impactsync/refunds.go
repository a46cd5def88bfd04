package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/impactsync/impactsync/cmd/internal/words"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/money"
)

// writeRefunds writes what became of orders that were taken back, and some of them.
func writeRefunds(w io.Writer, counts []state.RefundCount, samples []state.RefundSample) {
	const title = "\nOrders that were taken back:"
	list(w, title, []any{"STATUS", "ORDERS", "WHOLE", "AMOUNT", ""}, counts, func(c state.RefundCount) []any {
		return []any{refundStatus(c.Status, c.Class), c.Orders, c.Whole, sumOf(c.Amount, c.Currency), refundWords(c.Status, c.Class)}
	})
	list(w, "\nSome of them:", []any{"ORDER", "IT IS TO BE", "AMOUNT", "STATUS", ""}, samples, func(s state.RefundSample) []any {
		return []any{s.OrderID, s.Wanted, sumOf(s.Amount, s.Currency), refundStatus(s.Status, s.Class), cmp.Or(s.Reason, refundWords(s.Status, s.Class))}
	})
}

// refundLines are the same counts as lines of a run's report: of what is not settled.
func refundLines(counts []state.RefundCount) (lines []string) {
	for _, c := range counts {
		switch c.Status {
		case "none", "done", "carried", "superseded", "no_action":
			continue
		}
		why := refundWords(c.Status, c.Class)
		if sum := sumOf(c.Amount, c.Currency); sum != "" {
			why = sum + "; " + why
		}
		lines = append(lines, fmt.Sprintf("orders taken back, %s: %d (%s)", c.Status, c.Orders, why))
	}
	return lines
}

// refundStatus is a status with its class, as docs/refunds.md lists them.
func refundStatus(status, class string) string { return strings.TrimSpace(status + " " + class) }

func refundWords(status, class string) string { return words.Refunds[refundStatus(status, class)] }

// sumOf returns an amount with its currency, and "" for nothing of no currency.
func sumOf(amount money.Amount, currency string) string {
	if amount == 0 && currency == "" {
		return ""
	}
	return strings.TrimSpace(amount.Format(currency) + " " + currency)
}
