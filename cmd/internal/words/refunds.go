package words

// Refunds says what became of orders that were taken back, by the status and, if there
// is one, the class of the view order_refunds.
var Refunds = map[string]string{
	"none":       "nothing is taken back at impact.com",
	"done":       "impact.com shows it",
	"carried":    "the conversion said it when it was sent",
	"superseded": "taken back before the conversion was sent: it is not sent",
	"no_action":  "impact.com shows no action: no partner was credited",
	"pending":    "to be sent",
	"in flight":  "being sent",
	"held":       "held by the guard",
	"unknown":    "sent without an answer: looked up before anything is repeated",

	"waiting conversion": "whether the conversion was sent is not certain yet",
	"waiting action":     "impact.com shows no action so far, or was not asked yet",
	"waiting shown":      "impact.com took it and does not show it so far",
	"waiting retry":      "could not be sent: tried again",

	"reported mode":         "refunds.mode is report: nothing is sent",
	"reported part":         "a part that the mode does not send, or an amount without items",
	"reported unclear":      "what the message means is not configured",
	"reported meaning":      "an update says that less is left, and is not configured to count",
	"reported order":        "a part of an order that is not in the state",
	"reported sku":          "products that are not among the items, or not told apart by their Sku",
	"reported currency":     "the refund, the order and the action have different currencies",
	"reported event_types":  "the order id belongs to several event types",
	"reported several":      "several live actions have this order id",
	"reported reattributed": "impact.com gave the order to another partner",
	"reported locked":       "too late: the action is locked, or locks too soon",
	"reported open_ended":   "the action has no locking date: a change would approve or reject it",
	"reported modified":     "somebody else changed the action",
	"reported not_shown":    "impact.com took it and does not show it: perhaps the partner has to consent",
	"reported refused":      "impact.com refused it",
	"reported less":         "impact.com was told that more is gone, and is not told otherwise",
}
