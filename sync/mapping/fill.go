package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// The lines of the table that are more than a path.

func (b *build) campaign(s *step) { b.put(s, b.mapper.settings.CampaignID) }

func (b *build) eventDate(s *step) {
	at := b.msg.EffectiveTime()
	if s.custom != nil {
		if custom, ok := segment.ParseTime(b.resolve(s.custom)); ok {
			at = custom
		}
	}
	b.date(s, at)
}

// date dates the request: impact.com drops what is dated in the future without
// a word, and a sender's clock may be ahead.
func (b *build) date(s *step, at time.Time) {
	if at.IsZero() {
		b.refuse("time", "no usable timestamp")
		return
	}
	if now := b.person.Now; !now.IsZero() && at.After(now) {
		b.note(NoteFuture, s.name)
		at = now
	}
	b.buf = appendDate(b.buf, at)
	b.added(s)
}

func (b *build) customerEmail(s *step) {
	if b.on == impactapi.PageLoads && len(b.email) != 40 {
		return
	}
	b.put(s, b.email)
}

var pathPageURL, pathPropertiesURL = segment.MustPath("context.page.url"), segment.MustPath("properties.url")

func (b *build) pageURL(s *step) {
	found := false
	for i := range s.paths {
		text := b.resolve(&s.paths[i])
		if b.put(s, text) {
			return
		}
		found = found || text != ""
	}
	switch {
	case b.msg.Type == "identify" && b.put(s, b.mapper.settings.PageURL):
	case b.mapper.appID(b.os) != "":
		// An app that was opened directly has none.
	case found:
		b.refuse("parameter", "PageUrl is not an absolute URL")
	case b.os != anySystem:
		b.refuse("parameter", "no PageUrl, and the app's id is not set (iOsAppId, androidAppId)")
	default:
		b.refuse("parameter", "no PageUrl")
	}
}

func (b *build) property(s *step) { b.put(s, b.mapper.appID(b.os)) }

func (m *Mapper) appID(os system) string {
	switch os {
	case apple:
		return m.settings.IOSAppID
	case android:
		return m.settings.AndroidAppID
	}
	return ""
}

var (
	pathOSName     = segment.MustPath("context.os.name")
	pathDeviceType = segment.MustPath("context.device.type")
)

// systemOf tells the app's system; analytics.js, which runs in browsers, sets
// neither path (https://segment.com/docs/connections/spec/common/).
func systemOf(m *segment.Message) system {
	for _, path := range [...]segment.Path{pathOSName, pathDeviceType} {
		name, _ := m.Lookup(path).Str()
		switch strings.ToLower(name) {
		case "android":
			return android
		case "ios", "ipados", "tvos", "watchos", "visionos", "iphone os":
			return apple
		}
	}
	return anySystem
}

// eventTypeOf is the setting's id of an event name, or nothing.
func (m *Mapper) eventTypeOf(event string) string {
	if id := m.settings.EventTypeIDs[event]; id != "" {
		return id
	}
	return m.settings.EventTypeID
}

func (b *build) eventTypeID(s *step) { b.put(s, b.mapper.eventTypeOf(b.msg.Event)) }

func (b *build) eventTypeCode(s *step) {
	if b.typed {
		return
	}
	// As impact.com's own function does: commas have a special meaning in its API.
	code := strings.Replace(b.msg.Event, ",", "", 1)
	if !b.put(s, bounded(code)) {
		b.refuse("parameter", "EventTypeCode, the event's name, is too long or but a comma; set eventTypeIds for it")
	}
}

func (b *build) orderID(s *step) {
	if id := orderIDOf(b.msg); id != "" {
		b.put(s, id)
		return
	}
	if b.carriesMoney() {
		b.refuse("order", "order without order_id and with money")
		return
	}
	b.put(s, messageKey(b.msg))
}

var orderIDPaths = [...]segment.Path{segment.MustPath("properties.order_id"), segment.MustPath("properties.orderId")}

func orderIDOf(m *segment.Message) string {
	for i := range orderIDPaths {
		if id := strings.TrimSpace(segment.CleanText(textOf(m.Lookup(orderIDPaths[i])))); segment.UsableID(id) {
			return id
		}
	}
	return ""
}

// maxOrderID is the documented length of an OrderId
// (https://integrations.impact.com/impact-brand/reference/the-conversion-object).
const maxOrderID = 64

// shortOrderID keeps an id that is too long unique and the same in every
// retry, which a cut one is not.
func shortOrderID(id string) string {
	if _, long := cutText(id, maxOrderID); !long {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// amountPaths are the sums of an order; the order of them is Amount's.
var (
	pathSubtotal = segment.MustPath("properties.subtotal")
	pathRevenue  = segment.MustPath("properties.revenue")
	pathTotal    = segment.MustPath("properties.total")
	pathTax      = segment.MustPath("properties.tax")
	pathShipping = segment.MustPath("properties.shipping")
	pathValue    = segment.MustPath("properties.value")
)

func (b *build) carriesMoney() bool {
	if b.items > 0 || b.money {
		return true
	}
	for _, path := range [...]segment.Path{pathSubtotal, pathRevenue, pathTotal, pathTax, pathShipping, pathValue} {
		if textOf(b.msg.Lookup(path)) != "" {
			return true
		}
	}
	return false
}

// amount is the order's worth where no items tell it. A sum that is there but
// cannot be one refuses the order: another one would book the wrong worth.
func (b *build) amount(s *step) {
	if b.items > 0 {
		return
	}
	cents, found, ok := orderAmount(b.msg)
	if !found {
		return
	}
	if !ok {
		b.refuse("parameter", "Amount is negative, too large or not a plain number")
		return
	}
	b.buf = appendCents(b.buf, cents)
	b.added(s)
}

func orderAmount(m *segment.Message) (cents int64, found, ok bool) {
	for _, path := range [...]segment.Path{pathSubtotal, pathRevenue, pathTotal, pathValue} {
		text := textOf(m.Lookup(path))
		if text == "" {
			continue
		}
		cents, ok = parseCents(text)
		if path.String() == "properties.total" {
			cents, ok = lessExtras(m, cents, ok)
		}
		return cents, true, ok && cents >= 0
	}
	return 0, false, false
}

// lessExtras takes tax and shipping off a total.
func lessExtras(m *segment.Message, cents int64, ok bool) (int64, bool) {
	for _, path := range [...]segment.Path{pathTax, pathShipping} {
		if text := textOf(m.Lookup(path)); text != "" {
			extra, good := parseCents(text)
			ok = ok && good
			cents -= extra
		}
	}
	return cents, ok
}

var pathCurrency = segment.MustPath("properties.currency")

func (b *build) currency(s *step) {
	if !b.money {
		return
	}
	text := textOf(b.msg.Lookup(pathCurrency))
	if strings.TrimSpace(text) == "" {
		if b.mapper.settings.AccountCurrency {
			return
		}
		text = b.mapper.settings.DefaultCurrency
	}
	if !b.put(s, text) {
		b.refuse("parameter", "CurrencyCode is not a code of three letters")
	}
}

// OrderKey gives what makes a conversion unique to impact.com beside the
// program: the event type and the order. It is false for a message that
// becomes no conversion, and for an order that cannot be told from others.
// Values that a custom mapping takes from the state are not seen.
func (m *Mapper) OrderKey(msg *segment.Message) (eventType, orderID string, ok bool) {
	if kind := m.Route(msg).Kind; kind != Conversion && kind != Install {
		return "", "", false
	}
	b := m.newBuild(msg, Person{})
	defer b.release()
	b.identity = msg.Identity()
	b.on = impactapi.Conversions
	for i := range m.conversions {
		switch m.conversions[i].name {
		case "EventTypeId", "EventTypeCode", "items", "OrderId":
			b.step(&m.conversions[i])
		}
	}
	if b.refusal != nil {
		return "", "", false
	}
	key := b.values()
	eventType, ok = key.Get("EventTypeId")
	if !ok {
		eventType, _ = key.Get("EventTypeCode")
	}
	orderID, ok = key.Get("OrderId")
	return eventType, orderID, ok
}
