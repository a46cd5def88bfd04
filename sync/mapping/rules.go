package mapping

// rule is what is special about a parameter; a set of bits.
type rule uint8

const (
	// identifier names somebody or something. One that is too long is left out,
	// since a shortened one would name somebody else.
	identifier rule = 1 << iota
	// orderTotal is what an order is worth. It must not be sent beside items, nor
	// beside another total: impact.com could count both
	// (https://integrations.impact.com/impact-brand/docs/order-level-data).
	orderTotal
	// payout is an amount that changes what a partner is paid. If it cannot be
	// read, the order is refused; tax, shipping and the like are for reports, and
	// are left out.
	payout
	// ownCustom marks lines that read the custom mapping themselves, since their
	// rule also applies to its value.
	ownCustom
	// required marks parameters without which nothing can be sent.
	required
	// keyPart and moneyPart mark what a conversion's key and its worth are made of.
	keyPart
	moneyPart
)

var rules = map[string]rule{
	"ClickId": identifier | ownCustom, "CustomerId": identifier, "CustomProfileId": identifier, "CustomClickId": identifier,
	"GoogAId": identifier, "AndroidId": identifier, "AppleIfa": identifier, "AppleIfv": identifier, "OrderPromoCode": identifier,

	"EventDate": required | ownCustom, "PageUrl": required,
	"OrderId": required | keyPart, "EventTypeId": keyPart, "EventTypeCode": keyPart | identifier,

	"items": moneyPart, "CurrencyCode": moneyPart | required | ownCustom,
	"Amount": moneyPart | orderTotal | payout, "OrderSubTotalPostDiscount": moneyPart | orderTotal | payout,
	"OrderSubTotalPreDiscount": payout, "OrderSubtotal": payout,
	"OrderDiscount": payout | ownCustom, "OrderDiscountRate": payout, "OrderRebate": payout,
	"ItemDiscount": payout, "ItemDiscountRate": payout, "ItemTotalDiscount": payout,
}

func (s *step) has(r rule) bool { return s.rule&r != 0 }
