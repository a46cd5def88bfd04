package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/impactsync/impactsync/cmd/internal/words"
	"github.com/impactsync/impactsync/state"
)

// writeRefunds writes what became of orders that were taken back, and some of them.
func writeRefunds(w io.Writer, counts []state.RefundCount, samples []state.RefundSample) {
	const title = "\nOrders that were taken back:"
	list(w, title, []any{"STATUS", "ORDERS", "WHOLE", "AMOUNT", ""}, counts, func(c state.RefundCount) []any {
		status := strings.TrimSpace(c.Status + " " + c.Class)
		return []any{status, c.Orders, c.Whole, strings.TrimSpace(c.Amount.Format(c.Currency) + " " + c.Currency), words.Refunds[status]}
	})
	list(w, "\nSome of them:", []any{"ORDER", "IT IS TO BE", "AMOUNT", "STATUS", ""}, samples, func(s state.RefundSample) []any {
		return []any{s.OrderID, s.Wanted, strings.TrimSpace(s.Amount.Format(s.Currency) + " " + s.Currency), strings.TrimSpace(s.Status + " " + s.Class), s.Reason}
	})
}

// refundLines are the same counts as lines of a run's report: of what is not settled.
func refundLines(counts []state.RefundCount) (lines []string) {
	for _, c := range counts {
		switch c.Status {
		case "none", "done", "carried", "superseded", "no_action":
			continue
		}
		status := strings.TrimSpace(c.Status + " " + c.Class)
		lines = append(lines, fmt.Sprintf("orders taken back, %s: %d (%s; %s)", status, c.Orders, strings.TrimSpace(c.Amount.Format(c.Currency)+" "+c.Currency), words.Refunds[status]))
	}
	return lines
}
