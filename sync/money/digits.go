package money

import (
	"maps"
	"strings"
)

// Digits returns how many places the amounts of a currency have, by ISO 4217; two
// for a code that is not known or empty. It is ISO's number, not that of Unicode's
// CLDR: CLDR lists what prices are rounded to in shops, such as no places for
// Albanian lek, and amounts would lose theirs by it.
func Digits(currency string) int {
	if n, is := odd[strings.ToUpper(currency)]; is {
		return n
	}
	return 2
}

// Odd returns the places of the currencies that do not have two.
func Odd() map[string]int { return maps.Clone(odd) }

var odd = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
}
