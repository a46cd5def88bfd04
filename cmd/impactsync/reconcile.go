package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/words"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/money"
	"github.com/spf13/cobra"
)

func (a *app) reconcileCommand() *cobra.Command {
	var q reconciling
	c := &cobra.Command{
		Use:   "reconcile [--since D] [--verdict V] [--order ID] [--csv FILE]",
		Short: "Compare the orders with what impact.com made of them",
		Long: `Read impact.com's actions, which are the orders that it credited to a partner, and give
each order its verdict: counted as it was sent, counted twice, with another amount, not
at all, and so on. It sends nothing and changes nothing at impact.com. The verdicts stay
in the state (view order_reconciliation). docs/reconcile.md says what each one means.

An interrupted reading is continued by the next one. No order is sent again by itself:
refused retry and resend do that.` +
			exits("nothing needs a person", "1   impact.com could not be read to the end; run again, it continues", "3   an order needs a person: double, refund_owed, differs or refused",
				"4   stopped in good order (deadline, rate limit, SIGTERM)", exitLockLine, exitCredentialsLine+", or do not let it read actions", exitStateLine, exitUsageLine, "130 interrupted by SIGINT"),
		Example: `  impactsync reconcile
  impactsync reconcile --since 14d --csv orders.csv
  impactsync reconcile --verdict differs,no_action
  impactsync reconcile --order SHOP-1001`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := withSignals(c.Context())
			defer stop()
			cfg, err := a.load()
			if err != nil {
				return err
			}
			report, err := a.reconcile(ctx, cfg, q)
			a.tell(ctx, nil, &ending{report: report, err: err, exit: impactsync.ExitCode(err), reading: true})
			return err
		},
	}
	c.Flags().StringVar(&q.since, "since", "", "read what was updated since then, such as 14d or 2026-11-01; default reconcile.window")
	c.Flags().StringVar(&q.order, "order", "", "look at this order `id` alone, since it was sent")
	c.Flags().StringSliceVar(&q.verdicts, "verdict", nil, "list the orders with this verdict (repeatable), in --csv too; default those that need a person, and all in --csv")
	c.Flags().StringVar(&q.csv, "csv", "", "write all orders of that time to this `file`; - is the output")
	c.Flags().DurationVar(&q.deadline, "deadline", 0, "stop in good order after this long, such as 30m")
	return c
}

// reconciling holds the flags of reconcile.
type reconciling struct {
	since, order, csv string
	verdicts          []string
	deadline          time.Duration
}

// start returns since when actions are read.
func (q *reconciling) start(c *config.Config, now time.Time) (time.Time, error) {
	if q.order != "" && (q.since != "" || q.csv != "" || q.verdicts != nil) || q.deadline < 0 {
		return now, usage("", "--order cannot be combined with --since, --verdict or --csv, and --deadline must not be negative")
	}
	for _, v := range q.verdicts {
		if !slices.Contains(state.Verdicts, v) {
			return now, usage("", "--verdict %q: there are %s", v, strings.Join(state.Verdicts, ", "))
		}
	}
	if q.since == "" {
		return now.Add(-c.Reconcile.Window), nil
	}
	if at, err := time.Parse(time.DateOnly, q.since); err == nil && at.Before(now) {
		return at, nil
	}
	d, err := config.ParseDuration(q.since)
	if err != nil || d <= 0 || d > 3*365*24*time.Hour {
		return now, usage("impact.com shows the actions of three years at most", "--since %q: want a time such as 14d, 36h or 2026-11-01", q.since)
	}
	return now.Add(-d), nil
}

// reconcile makes one reading and prints what it found.
func (a *app) reconcile(ctx context.Context, c *config.Config, q reconciling) (report impactsync.Report, err error) {
	since, err := q.start(c, time.Now())
	if err != nil {
		return report, err
	}
	var deadline time.Time
	if q.deadline > 0 {
		deadline = time.Now().Add(a.turn.slice(q.deadline))
	}
	options := state.Options{Create: true, Binding: binding(c), HashKey: []byte(c.Privacy.HashKey), Point: point}
	err = a.withEngine(ctx, c, "",
		func(fn func(*state.DB) error) error {
			return a.holding(c, func() error { return a.opened(ctx, c, options, fn) })
		},
		func(e *impactsync.Engine) (err error) {
			if q.order != "" {
				if since, err = soldAt(ctx, e.State, q.order); err != nil {
					return err
				}
			}
			if report, err = e.Reconcile(ctx, since, deadline); err != nil || report.Reconciled == nil {
				return err
			}
			if q.order != "" {
				return a.showOrder(ctx, e.State, q.order)
			}
			return a.showOrders(ctx, e.State, report, q)
		})
	if report.Run != 0 && err == nil && q.order != "" {
		return report, nil // the exit code is about all orders
	}
	return report, outcome(report, err)
}

// soldAt returns since when impact.com may have an action of an order.
func soldAt(ctx context.Context, db *state.DB, order string) (time.Time, error) {
	all, err := db.SentOrders(ctx, order)
	if err != nil {
		return time.Time{}, err
	}
	if len(all) == 0 {
		return time.Time{}, &failure{impactsync.ExitFailed, fmt.Errorf("%w: no order %q", state.ErrNotFound, order), "ids are byte-exact; without --order, actions of orders that are not ours are found, too"}
	}
	first := slices.MinFunc(all, func(x, y state.SentOrder) int { return x.EventAt.Compare(y.EventAt) })
	return first.EventAt.Add(-time.Hour), nil
}

// mostShown is how many orders are listed; --csv has all.
const mostShown = 20

// orderResult is the result of reconcile, for JSON.
type orderResult struct {
	impactsync.Report
	Known    int64        `json:"orders_known"` // sum over verdicts, whatever their time
	Totals   []verdictSum `json:"verdicts"`
	Partners []verdictSum `json:"by_partner"`
	Days     []verdictSum `json:"by_day"`
	Person   []orderLine  `json:"need_a_person"`
	Listed   []orderLine  `json:"listed,omitempty"` // with --verdict
	CSV      string       `json:"csv,omitempty"`
	verdicts []string
}

// verdictSum is a row of totals, with amounts as decimals.
type verdictSum struct {
	state.VerdictTotal
	Sent       string `json:"amount_sent"`
	There      string `json:"amount_there"`
	Payout     string `json:"payout"`
	ClientCost string `json:"client_cost"`
	LockedPay  string `json:"payout_locked"`
	SoonPay    string `json:"payout_locks_soon"`
}

func sums(all []state.VerdictTotal, err error) ([]verdictSum, error) {
	out := make([]verdictSum, len(all))
	for i, t := range all {
		text := func(n int64) string { return money.Amount(n).Format(t.CurrencyThere) }
		out[i] = verdictSum{t, money.Amount(t.Sent).Format(t.CurrencySent), text(t.There), text(t.Payout), text(t.ClientCost), text(t.LockedPayout), text(t.SoonPayout)}
	}
	slices.SortStableFunc(out, func(x, y verdictSum) int {
		return cmp.Or(cmp.Compare(x.Day, y.Day), cmp.Compare(slices.Index(state.Verdicts, x.Verdict), slices.Index(state.Verdicts, y.Verdict)))
	})
	return out, err
}

func (a *app) showOrders(ctx context.Context, db *state.DB, report impactsync.Report, q reconciling) error {
	ctx = context.WithoutCancel(ctx)
	found := report.Reconciled
	r := orderResult{Report: report, CSV: q.csv, verdicts: q.verdicts}
	counts, err := db.VerdictCounts(ctx)
	if err != nil {
		return err
	}
	for _, n := range counts {
		r.Known += n
	}
	var errTotals, errPartners, errDays error
	r.Totals, errTotals = sums(db.Totals(ctx, found.Since, false, false))
	r.Partners, errPartners = sums(db.Totals(ctx, found.Since, true, false))
	r.Days, errDays = sums(db.Totals(ctx, found.Since, false, true))
	if err := errors.Join(errTotals, errPartners, errDays); err != nil {
		return err
	}
	var errPerson, errListed error
	r.Person, errPerson = worst(ctx, db, found.Since, impactsync.NeedsPerson)
	r.Listed, errListed = worst(ctx, db, found.Since, q.verdicts)
	if err := errors.Join(errPerson, errListed); err != nil {
		return err
	}
	write := func(w io.Writer) error { return writeOrders(ctx, w, db, found.Since, q.verdicts) }
	switch q.csv {
	case "":
	case "-":
		return unwritten(write(a.stdout))
	default:
		if err := replaceFileWith(q.csv, write); err != nil {
			return &failure{impactsync.ExitFailed, fmt.Errorf("write the orders: %w", ofFile(q.csv, err)), "the verdicts are in the state: sqlite3, view order_reconciliation"}
		}
	}
	return a.result(r, nil, func(w io.Writer) { writeReconciled(w, &r) })
}

// worst returns orders of some verdicts, in the order of those, and the most urgent of
// each first.
func worst(ctx context.Context, db *state.DB, since time.Time, verdicts []string) ([]orderLine, error) {
	all := []orderLine{}
	for _, verdict := range verdicts {
		orders, err := db.WorstOrders(ctx, since, verdict, mostShown-len(all))
		if err != nil {
			return nil, err
		}
		for i := range orders {
			all = append(all, lineOf(&orders[i]))
		}
	}
	return all, nil
}

func writeReconciled(w io.Writer, r *orderResult) {
	found := r.Reconciled
	fmt.Fprintf(w, "run %d: %s read in %s, orders since %s (%s)\n", r.Run, count(found.Actions, "action"), count(found.Requests, "request"), found.Since.UTC().Format(time.DateOnly), took(r.Seconds))
	if found.Missed > 0 {
		fmt.Fprintf(w, "  %s moved while they were read and were not seen; the next reading finds them\n", count(found.Missed, "action"))
	}
	if found.Nameless > 0 {
		fmt.Fprintf(w, "  %s without an order id, which no order can be told from\n", count(found.Nameless, "action"))
	}
	writeTotals(w, r)
	writeWorst(w, r)
	if found.Orders["no_action"] > 0 {
		fmt.Fprintln(w, "\nAn order without an action was credited to no partner, which is how most orders end. Nothing is sent again by itself; impactsync resend ORDER would, and says when that could count it twice.")
	}
	if r.CSV == "" {
		fmt.Fprintln(w, "\nAll orders: --csv FILE. One of them: impactsync explain ORDER.")
	}
}

// writeWorst lists the orders that need a person, or those that were asked for.
func writeWorst(w io.Writer, r *orderResult) {
	title, orders, of := "Orders that need a person, worst first", r.Person, r.Reconciled.Person
	if r.verdicts != nil {
		title, orders, of = "Orders with the verdict "+strings.Join(r.verdicts, ", "), r.Listed, 0
		for _, t := range r.Totals {
			if slices.Contains(r.verdicts, t.Verdict) {
				of += t.Orders
			}
		}
	}
	list(w, fmt.Sprintf("\n%s (%d of %s):", title, len(orders), humanize.Comma(of)), []any{"ORDER", "VERDICT", "SENT", "THERE", "ACTION", "LOCKS", "WHAT TO DO"}, orders,
		func(o orderLine) []any {
			return []any{o.OrderID, o.Verdict, withCurrency(o.AmountSent, o.CurrencySent), withCurrency(o.AmountThere, o.CurrencyThere), orDash(o.ActionID), moment(orDash(o.LockingAt)), o.Do}
		})
}

func writeTotals(w io.Writer, r *orderResult) {
	var all int64
	list(w, "\nOrders by verdict:", []any{"VERDICT", "ORDERS", "SENT", "THERE", "COMMISSION", "LOCKED", minor("LOCKS IN 7 DAYS"), "MEANING"}, r.Totals, func(t verdictSum) []any {
		all += t.Orders
		return []any{
			t.Verdict, humanize.Comma(t.Orders), withCurrency(t.Sent, t.CurrencySent), withCurrency(t.There, t.CurrencyThere), withCurrency(t.Payout, t.CurrencyThere),
			withCurrency(t.LockedPay, t.CurrencyThere), withCurrency(t.SoonPay, t.CurrencyThere), words.OrderVerdicts[t.Verdict],
		}
	})
	fmt.Fprintf(w, "%s of that time, %s known in all\n", count(all, "order"), humanize.Comma(r.Known))
}

// withCurrency returns an amount with its currency, or a dash without one.
func withCurrency(amount, currency string) string {
	if currency == "" || amount == "" {
		return "-"
	}
	return amount + " " + currency
}
