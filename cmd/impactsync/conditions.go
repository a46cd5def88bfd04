package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/cmd/internal/notify"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// condition is what a webhook is told of when it begins and when it is over.
type condition struct {
	name    string
	holds   bool
	summary string // if it holds
	over    string // if it does not
	hint    string // what to do about it
}

// conditions returns those of which a run's end says whether they hold.
func (e *ending) conditions() (all []condition) {
	all = append(all, e.failed()...)
	if e.known {
		all = append(all, e.held(), e.money())
	}
	if e.report.Run != 0 && !e.narrowed {
		all = append(all, e.refused()...)
		all = append(all, e.stale()...)
	}
	return all
}

// failed says nothing of a run that found another one under way, or that was
// interrupted by hand.
func (e *ending) failed() []condition {
	code := impactsync.ExitCode(e.err)
	if code == impactsync.ExitLocked || code == impactsync.ExitInterrupted {
		return nil
	}
	return []condition{{
		name: notify.Failed, holds: failing(code), summary: fmt.Sprintf("a run failed with exit code %d: %s", code, meaning(code)),
		over: "a run did its work again", hint: hintFor(e.err),
	}}
}

// failing reports whether an exit code is a failure, as opposed to a run that did its
// work and found something to look at.
func failing(code int) bool {
	switch code {
	case impactsync.ExitOK, impactsync.ExitRefused, impactsync.ExitUnfinished, impactsync.ExitHeld:
		return false
	}
	return true
}

func meaning(code int) string {
	for _, s := range impactsync.ExitStatuses {
		if s.Code == code {
			return s.Meaning
		}
	}
	return "unknown"
}

func (e *ending) held() condition {
	var n int64
	for _, h := range e.counts.Held {
		n += h.Count
	}
	return condition{
		name: notify.Held, holds: n > 0, summary: count(n, "change") + " held back", over: "nothing is held back any more",
		hint: "impactsync status shows which, why, and what releases them",
	}
}

func (e *ending) money() condition {
	var sums []string
	for _, m := range amounts(e.counts.Money) {
		sums = append(sums, m.String())
	}
	var says []string
	if len(sums) > 0 {
		says = append(says, "refused conversions are worth "+strings.Join(sums, " and "))
	}
	if n := e.counts.Unreadable; n > 0 {
		says = append(says, "no amount can be read of "+count(n, "refused conversion"))
	}
	return condition{
		name: notify.Money, holds: len(says) > 0, summary: strings.Join(says, "; "),
		over: "no refused conversion has an amount any more, or one that cannot be read", hint: "impactsync refused list shows why; mend the cause, then: impactsync refused retry",
	}
}

// refused says nothing of a run that sent nothing.
func (e *ending) refused() []condition {
	limit, refused := e.config.Notify.Refused, e.report.Counts["refused"]
	of := refused + e.report.Counts["delivered"]
	if of == 0 {
		return nil
	}
	percent := 100 * float64(refused) / float64(of)
	return []condition{{
		name: notify.Refused, holds: refused >= int64(limit.AtLeast) && percent > limit.Percent,
		summary: fmt.Sprintf("%s of %s in run %d were refused (%.0f%%)", humanize.Comma(refused), count(of, "change"), e.report.Run, percent),
		over:    fmt.Sprintf("a run had no more than %g%% refused", limit.Percent), hint: "impactsync refused list shows what and why",
	}}
}

// stale says nothing of a run that may not have looked at all sources.
func (e *ending) stale() []condition {
	if failing(impactsync.ExitCode(e.err)) {
		return nil
	}
	names := e.staleSources()
	return []condition{{
		name: notify.Stale, holds: len(names) > 0, summary: "no new or no usable input from " + strings.Join(names, ", "),
		over: "every source has new input again", hint: "impactsync status shows how old each source's input is; look at what writes it",
	}}
}

func (e *ending) staleSources() (names []string) {
	last := ""
	for _, s := range e.report.Stale {
		if s.Source != last {
			names, last = append(names, s.Source), s.Source
		}
	}
	return names
}

func amounts(all []state.RefusedMoney) (out []notify.Amount) {
	for _, m := range all {
		out = append(out, notify.Amount{Currency: m.Currency, Amount: m.Amount.Format(m.Currency), Conversions: m.Conversions})
	}
	return out
}

// runbook is where docs/runbook.md is read; the names of conditions are headings there.
const runbook = "https://github.com/impactsync/impactsync/blob/main/docs/runbook.md#"

// dressed adds to a notice where it comes from.
func dressed(n notify.Notice) notify.Notice {
	n.Host, _ = os.Hostname()
	n.Runbook = runbook + n.Condition
	return n
}

// notice returns what to tell of a condition.
func (e *ending) notice(c condition, n notify.Notice) notify.Notice {
	n.Summary, n.Hint = c.over, ""
	if c.holds {
		n.Summary, n.Hint = c.summary, c.hint
	}
	n.ExitCode = impactsync.ExitCode(e.err)
	if r := e.report; r.Run != 0 {
		n.Run = &notify.Run{
			Number: r.Run, Seconds: r.Seconds, Found: r.Counts["found"], Delivered: r.Counts["delivered"],
			Refused: r.Counts["refused"], Rejected: r.Counts["rejected"], Held: r.Held(), Due: r.Open(),
		}
	}
	switch {
	case !c.holds:
	case c.name == notify.Held:
		for _, h := range e.counts.Held {
			n.Held = append(n.Held, notify.Count(h))
		}
	case c.name == notify.Money:
		n.Money, n.Unreadable = amounts(e.counts.Money), e.counts.Unreadable
	case c.name == notify.Stale:
		n.Sources = e.staleSources()
	}
	return dressed(n)
}

// line is what a monitor shows of a run.
func (e *ending) line() string {
	code := impactsync.ExitCode(e.err)
	text := fmt.Sprintf("exit code %d: %s", code, meaning(code))
	if r := e.report; r.Run != 0 {
		text += fmt.Sprintf("\nrun %d: %d found, %d delivered, %d refused, %d rejected, %d held, %d still due", r.Run,
			r.Counts["found"], r.Counts["delivered"], r.Counts["refused"], r.Counts["rejected"], r.Held(), r.Open())
	}
	return text
}
