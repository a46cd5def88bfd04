package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
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

// unsettled are the statuses of orders that were taken back and are not settled.
var unsettled = []string{"reported", "held", "unknown", "in flight", "pending", "waiting"}

// refundLine is the same counts as a line of a run's report: of what is not settled.
func refundLine(counts []state.RefundCount) string {
	var orders int64
	var parts, sums []string
	for _, status := range unsettled {
		n, classes := refundsOf(counts, status)
		if orders += n; n > 0 {
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %s %s", humanize.Comma(n), status, classes)))
		}
	}
	worth := map[string]money.Amount{}
	for _, c := range counts {
		if slices.Contains(unsettled, c.Status) && c.Amount != 0 {
			worth[c.Currency] += c.Amount
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(worth)) {
		sums = append(sums, sumOf(worth[currency], currency))
	}
	if orders == 0 {
		return ""
	}
	line := "orders taken back and not settled: " + strings.Join(parts, ", ")
	if len(sums) > 0 {
		line += "; in all " + strings.Join(sums, ", ")
	}
	return line
}

// refundsOf counts the orders with a status, and says how many of them have which class.
func refundsOf(counts []state.RefundCount, status string) (n int64, classes string) {
	by := map[string]int64{}
	for _, c := range counts {
		if c.Status == status {
			n += c.Orders
			by[c.Class] += c.Orders
		}
	}
	var parts []string
	for _, class := range slices.Sorted(maps.Keys(by)) {
		if class != "" {
			parts = append(parts, class+" "+humanize.Comma(by[class]))
		}
	}
	if len(parts) == 0 {
		return n, ""
	}
	return n, "(" + strings.Join(parts, ", ") + ")"
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
