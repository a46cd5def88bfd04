package mapping

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
)

func TestNumbersAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		// Plain, and with a currency.
		"50": "50", "50.00": "50.00", " 50.5 ": "50.5", "+5": "5", "-5": "-5", "0.125": "0.125", "00.5": "00.5", "1234.567": "1234.567",
		"$50.00": "50.00", "$ 50": "50", "US $50": "50", "USD $50": "50", "50 €EUR": "50", "\u200f50.00\u00a0\u200f₪": "50.00", "US$50": "50", "50 $": "50", "$50.00 USD": "50.00", "EUR 12": "12", "12 eur": "12", "12€": "12", "€12.5": "12.5",
		"R$ 1.234,56": "1234.56", "Rs.500": "500", "Rs. 1,19,900.00": "119900.00", "kr 99": "99", "99,50 kr.": "99.50", "zł12,00": "12.00", "¥1200": "1200", "$.99": "0.99", ".5": "0.5",
		// Thousands and decimals.
		"1,199.00": "1199.00", "1.199,00": "1199.00", "1 199,00": "1199.00", "1\u00a0199,00 €": "1199.00", "1\u202f199,5": "1199.5", "1\u2009199": "1199",
		"1'199.00": "1199.00", "1’199": "1199", "1,199,000": "1199000", "1.199.000": "1199000", "1.199.000,5": "1199000.5", "12,345,678.90": "12345678.90",
		"19,99": "19.99", "19,9": "19.9", "0,199": "0.199", "1234,567": "1234.567", "1.5": "1.5", "1,1999": "1.1999", "1,19,900": "119900", "1 199,000": "1199.000",
		// Below zero, and no cents.
		"-$5.00": "-5.00", "$-5.00": "-5.00", "(5.00)": "-5.00", "($5.00)": "-5.00", "5.00-": "-5.00", "−5": "-5", "50,-": "50", "CHF 50.-": "50", "50,– €": "50",
	} {
		require.Equal(t, want, numberIn(text, SignAuto).plain, text)
	}
	for _, text := range []string{
		"free", "two", "n/a", "NaN", "Infinity", "1e3", "12 34", "1,19,9", "1,,199", "1.199,00,5", "1,199.00.5", "1'19", "12 pcs", "from 5", "5 or 6", "5-6", "1/2",
		"--5", "(-5)", "-5-", "$5 €", "USD€5", "5.", "#5", "0x10", "1,0199.00", "1 1999", "1.199'000", strings.Repeat("1,", 65), "٥", "１２",
	} {
		n := numberIn(text, SignAuto)
		require.Empty(t, n.plain, text)
		require.Contains(t, n.fault, " is not a number", text)
	}
	for _, text := range []string{"1,199", "1.199", "$1,199", "199.990 €", "-1,199", "12,345"} {
		n := numberIn(text, SignAuto)
		require.Empty(t, n.plain, text)
		require.Contains(t, n.fault, " could be ", text)
	}
	require.Equal(t, `"$1,199" could be 1199 or 1.199; destination.decimalSign says which`, numberIn("$1,199", SignAuto).fault)
	for text, want := range map[string][2]string{"1,199": {"1199", "1.199"}, "1.199 €": {"1.199", "1199"}, "19,99": {"19.99", "19.99"}, "1.199,00": {"1199.00", "1199.00"}} {
		require.Equal(t, want, [2]string{numberIn(text, SignPoint).plain, numberIn(text, SignComma).plain}, text)
	}
	for text, want := range map[string]string{"1.199": "1.199", "-1.199": "-1.199", "KWD 199.990": "199.99", "(1.199)": "-1.199", "1,199": "", "5.199%": ""} {
		m := numberIn(text, SignAuto).asMoney("total", "KWD")
		if want == "" {
			require.NotEmpty(t, m.fault, text)
			continue
		}
		require.Empty(t, m.fault, text)
		require.Equal(t, want, m.amount.String(), text)
	}
	require.NotEmpty(t, numberIn("1.199", SignAuto).asMoney("total", "JPY").fault)
	require.Equal(t, "1199.000", numberIn("1.199", SignComma).asMoney("total", "KWD").amount.Format("KWD"))
	require.False(t, numberIn("", SignAuto).found)
	require.False(t, numberIn(" \u00a0", SignAuto).found)
}

func TestCurrencyBesideAmounts(t *testing.T) {
	t.Parallel()
	for properties, want := range map[string]string{
		`"revenue":"€12"`:                                            "12.00 EUR",
		`"revenue":"12 EUR","currency":"eur"`:                        "12.00 EUR",
		`"revenue":"$12","currency":"CAD"`:                           "12.00 CAD",
		`"revenue":"$12"`:                                            "12.00 USD",
		`"revenue":"12 chf","tax":"CHF 1"`:                           "12.00 CHF",
		`"revenue":"€12","currency":"USD"`:                           `refused: revenue is in "€", but CurrencyCode is USD`,
		`"revenue":"£12","tax":"€1"`:                                 `refused: revenue is in "£", but CurrencyCode is EUR`,
		`"revenue":"12","currency":{"code":"EUR"}`:                   `refused: CurrencyCode is not a code of three letters: ""`,
		`"revenue":"12","currency":"NaN"`:                            `refused: CurrencyCode is not a code of three letters: "NaN"`,
		`"products":[{"sku":"A","price":"€9"}]`:                      "9.00 EUR",
		`"products":[{"sku":"A","price":9,"currency":"EUR"}]`:        "9.00 EUR",
		`"products":[{"sku":"A","price":"€9"}],"currency":"usd"`:     `refused: price of product 1 ("A") is in "€", but CurrencyCode is USD`,
		`"products":[{"price":9,"currency":"EUR"}],"currency":"usd"`: `refused: currency of product 1 is in "EUR", but CurrencyCode is USD`,
	} {
		r, err := order(t, everything(), `{"order_id":"o",`+properties+`}`)
		got := value(t, r, "Amount") + value(t, r, "ItemPrice1") + " " + value(t, r, "CurrencyCode")
		if err != nil {
			got = "refused: " + err.Error()
		}
		require.Equal(t, want, got, properties)
	}
}

// FuzzNumber: no digit of a number is lost, and what is read is a plain decimal.
func FuzzNumber(f *testing.F) {
	for _, text := range []string{"$1,199.00", "1.199,00 €", "(5)", "1'199", "50,-", "$.99", "1,19,900", "free", "-0.5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, sign := range []string{SignAuto, SignPoint, SignComma} {
			n := numberIn(text, sign)
			require.False(t, n.plain != "" && n.fault != "", text)
			if n.plain == "" {
				continue
			}
			require.True(t, segment.IsDecimal(n.plain), text)
			require.Equal(t, strings.TrimLeft(strings.Map(onlyDigits, text), "0"), strings.TrimLeft(strings.Map(onlyDigits, n.plain), "0"), text)
		}
	})
}
