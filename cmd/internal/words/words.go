// Package words holds what the program says of the state, in a terminal and on a page
// alike.
package words

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// Count returns a number with its noun: "1 page load", "1,200 page loads".
func Count(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if stem, y := strings.CutSuffix(one, "y"); y {
		return humanize.Comma(n) + " " + stem + "ies"
	}
	return humanize.Comma(n) + " " + one + "s"
}

// Counters says what the counters of a run count.
var Counters = map[string]string{
	"unknown":            "sent without an answer",
	"recovered":          "left in flight by a run that was killed",
	"looked_up":          "conversions whose verdict was looked up",
	"verdict_fault":      "of them faults (impactsync status shows the reasons)",
	"install_not_asked":  "app installs whose click could not be asked for",
	"too_old":            "messages older than maxEventAge",
	"time_corrected":     "messages from a clock that was wrong, dated by receivedAt - (sentAt - originalTimestamp)",
	"time_received_at":   "messages without a possible time, dated by receivedAt",
	"time_sent_at":       "messages without a possible time and receivedAt, dated by sentAt",
	"time_file":          "messages and rows without a possible time, dated by when their file was written",
	"duplicate_message":  "messages seen before",
	"duplicate_order":    "orders seen before",
	"late":               "trait changes older than what is known",
	"stale_list":         "lists not newer than the last",
	"nobody_removed":     "ids of nobody that had been merged as people, separated",
	"crowds":             "ids with more visitors or messages than one person has, merged no further (impactsync status names them)",
	"kept_out":           "lines of forgotten people, left out",
	"people_forgotten":   "people removed who asked for it (delete messages)",
	"no_consent":         "messages without consent",
	"integrations":       "messages not meant for impact.com (integrations)",
	"before_start":       "messages before startAt",
	"trait_not_included": "changes of traits that no pattern of traits.include takes",
	"unusable_value":     "trait changes without a usable value",
	"cleared":            "values cleared, nothing to send",
	"released":           "events without an answer that were held, released as delivery.unknown says now",
	"refunds":            "messages about refunds",
	"refunds_told":       "orders that impact.com was told to take back",
	"refunds_done":       "orders that impact.com shows as taken back",
	"refunds_reported":   "orders taken back of which a person has to look (view order_refunds)",
	"duplicate_refund":   "refunds seen before",
	"dropped":            "given up, as delivery.unknown says or because they became too old",
	"unsteady_object":    "objects that changed while they were read, read again by the next run",
}

// Verdicts says what the verdicts on conversions mean. impact.com does not document
// which codes are no fault.
var Verdicts = map[string]string{
	impactsync.VerdictWaiting:   "impact.com has not decided yet",
	impactsync.VerdictCounted:   "complete, without an error",
	impactsync.VerdictNoPartner: "no partner drove the sale, as we read the codes; no fault",
	impactsync.VerdictNoCredit:  "the program's rules give no credit, as we read the codes; no fault",
	impactsync.VerdictDuplicate: "this OrderId was sent before, by us or by somebody else",
	impactsync.VerdictFault:     "look into it: what was sent, or the account's set-up, is wrong",
	impactsync.VerdictNotFound:  "impact.com does not know the submission (it keeps them for 90 days)",
}

// OrderVerdicts says what became of orders, by impact.com's actions.
var OrderVerdicts = map[string]string{
	"double":             "several actions of one order count: the commission is owed more than once",
	"refund_owed":        "refunded here, and still payable there",
	"differs":            "counted with another amount or in another currency",
	"refused":            "refused, so it is not counted",
	"reversed_elsewhere": "reversed, and not by this program",
	"not_ours":           "this program did not send it: somebody else does, or it was before its time",
	"no_action":          "sent and accepted, and credited to no partner",
	"waiting":            "not sent yet, too young, or not read so far",
	"reattributed":       "given to another partner",
	"reversed":           "reversed by this program",
	"matched":            "counted as it was sent",
}

// WhyEvent says what went wrong with an event, or what impact.com made of it.
func WhyEvent(v state.PersonEvent) string {
	switch {
	case v.Verdict != "":
		return strings.TrimSpace(fmt.Sprintf("verdict %s: %s %s", v.Verdict, v.ErrorType, v.Reasons))
	case v.QueuedURI != "":
		return "queued at impact.com, its verdict was not looked up: " + v.QueuedURI
	case v.Status == "refused":
		return fmt.Sprintf("refused (%s): %s", v.Class, v.LastError)
	}
	return v.LastError
}

// Why says whether a trait value will be sent.
func Why(t state.PersonTrait) string {
	doubt := ""
	if t.Doubt {
		doubt = "; in doubt: an answer never came, or there was a restore, a resync or a second id"
	}
	switch t.Status {
	case "settled":
		return "nothing to send" + doubt
	case "pending":
		return "the next run sends it" + doubt
	case "in flight":
		return "a run sends it now"
	case "refused":
		return fmt.Sprintf("refused (%s): %s; sent again when the value, the mapping or the configuration changes", t.Class, t.LastError)
	case "held":
		return strings.TrimSuffix("held back by the guard: "+t.LastError, ": ")
	}
	return fmt.Sprintf("%s, tried again after %s: %s%s", t.Status, cmp.Or(t.NextAttempt, "-"), t.LastError, doubt)
}
