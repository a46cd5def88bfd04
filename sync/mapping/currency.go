package mapping

import (
	"strings"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// percent is the mark of a share.
const percent = "%"

// mark is a currency beside an amount.
type mark struct {
	text  string // €, EUR
	where string // which amount
}

// markOf returns the mark of a number with these texts before and after it. It is
// not ok if they are not a mark, or name two currencies.
func markOf(head, tail string) (text string, ok bool) {
	if tail == percent && head == "" {
		return percent, true
	}
	switch before, behind := currenciesOf(head), currenciesOf(tail); {
	case head == "" && tail == "":
		return "", true
	case head == "":
		return tail, behind != ""
	case tail == "":
		return head, before != ""
	case len(before) == currencyCode && strings.Contains(behind, before):
		return head, true
	default:
		return tail, len(behind) == currencyCode && strings.Contains(before, behind)
	}
}

const currencyCode = 3 // letters of an ISO 4217 code

// currenciesOf returns the codes that a mark may stand for, separated by blanks;
// nothing if it is not a mark.
func currenciesOf(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(strings.Join(strings.Fields(text), ""))
	if isISO(text) {
		return text
	}
	codes := currencySigns[text]
	if n := len(text) - currencyCode; codes == "" && n > 0 { // a code and a sign: USD $
		for _, both := range [...][2]string{{text[:currencyCode], text[currencyCode:]}, {text[n:], text[:n]}} {
			if isISO(both[0]) && strings.Contains(currencySigns[both[1]], both[0]) {
				return both[0]
			}
		}
	}
	return codes
}

func isISO(code string) bool {
	return impactapi.Currency.Fits(code) && strings.Contains(isoCurrencies, code)
}

// isoCurrencies are the codes of ISO 4217 for money.
const isoCurrencies = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD " +
	"CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF " +
	"IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR " +
	"MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS " +
	"SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"

const dollars = "USD ARS AUD BBD BMD BND BSD BZD CAD CLP COP CUP DOP FJD GYD HKD JMD KYD LRD MXN NAD NZD SBD SGD SRD TTD TWD UYU XCD"

// currencySigns are the signs and short words that shops use, in capitals.
var currencySigns = map[string]string{
	"$": dollars, "US$": "USD", "U$S": "USD", "$US": "USD", "CA$": "CAD", "C$": "CAD NIO", "AU$": "AUD", "A$": "AUD", "NZ$": "NZD",
	"HK$": "HKD", "S$": "SGD", "NT$": "TWD", "MX$": "MXN", "R$": "BRL",
	"€": "EUR", "EURO": "EUR", "EUROS": "EUR", "£": "GBP EGP FKP GIP LBP SHP SYP", "¥": "JPY CNY", "￥": "JPY CNY", "円": "JPY", "元": "CNY TWD HKD",
	"₹": "INR", "RS": "INR LKR MUR NPR PKR SCR", "RS.": "INR LKR MUR NPR PKR SCR", "₽": "RUB", "₺": "TRY", "TL": "TRY", "₩": "KRW", "฿": "THB",
	"₫": "VND", "Đ": "VND", "₪": "ILS", "₴": "UAH", "₦": "NGN", "₱": "PHP", "₡": "CRC", "₸": "KZT", "ZŁ": "PLN", "KČ": "CZK", "FT": "HUF",
	"KR": "DKK ISK NOK SEK", "KR.": "DKK ISK NOK SEK", "LEI": "RON MDL", "ЛВ": "BGN", "ЛВ.": "BGN", "FR": "CHF XAF XOF XPF", "FR.": "CHF XAF XOF XPF",
	"SFR": "CHF", "SFR.": "CHF", "R": "ZAR", "RM": "MYR", "RP": "IDR", "RP.": "IDR", "S/": "PEN", "S/.": "PEN",
}

var pathCurrency = segment.MustPath("properties.currency")

// currency adds CurrencyCode if there is money: the order's own, else the currency
// that stands unambiguously beside an amount, else the default. An amount in
// another currency refuses the order.
func (b *build) currency(s *step) {
	if !b.money {
		return
	}
	if s.custom == nil || !b.put(s, b.resolve(s.custom)) {
		v := b.msg.Lookup(pathCurrency)
		text := strings.TrimSpace(textOf(v))
		if text == "" && !present(v) {
			text = b.currencyBeside()
		}
		if text == "" && b.mapper.settings.AccountCurrency {
			return
		}
		if segment.IsPlaceholder(text) || !b.put(s, text) {
			b.refuse("parameter", "CurrencyCode is not a code of three letters: "+quote(text))
			return
		}
	}
	code := b.params[len(b.params)-1].Value
	for _, m := range b.marks {
		if !strings.Contains(currenciesOf(m.text), code) {
			b.refuse("parameter", m.where+" is in "+quote(m.text)+", but CurrencyCode is "+code)
			return
		}
	}
}

// statedCurrency returns the order's own currency, else the default: the one whose
// places amounts have unless another is found to be sent.
func (b *build) statedCurrency() string {
	text := strings.ToUpper(strings.TrimSpace(textOf(b.msg.Lookup(pathCurrency))))
	switch {
	case impactapi.Currency.Fits(text):
		return text
	case b.mapper.settings.AccountCurrency:
		return ""
	}
	return b.mapper.settings.DefaultCurrency
}

// currencyBeside returns the currency beside an amount, else the default.
func (b *build) currencyBeside() string {
	for _, m := range b.marks {
		if codes := currenciesOf(m.text); len(codes) == currencyCode {
			return codes
		}
	}
	if b.mapper.settings.AccountCurrency {
		return ""
	}
	return b.mapper.settings.DefaultCurrency
}
