package mapping

// rule is what is special about parameters; a set of bits.
type rule uint8

const (
	// identifier names somebody or something. One that is too long is left out:
	// cut short it would name somebody else.
	identifier rule = 1 << iota
	// orderTotal is what an order is worth. It must not stand beside items, nor
	// beside another one: impact.com could count both
	// (https://integrations.impact.com/impact-brand/docs/order-level-data).
	orderTotal
	// payout is an amount that changes what a partner is paid. Where one is there
	// and cannot be read the order is refused; tax, shipping and the like are for
	// reports, and are left out.
	payout
	// ownCustom marks lines that look at the custom mapping themselves, since
	// their rule holds after it.
	ownCustom
	// required are the parameters without which nothing can be sent.
	required
	// keyPart and moneyPart are of which a conversion's key and its worth are made.
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
