package money

import "strings"

// Digits returns how many places the amounts of a currency have, by ISO 4217; two
// for a code that is not known or empty. It is ISO's number, not that of Unicode's
// CLDR: CLDR lists what prices are rounded to in shops, such as no places for
// Albanian lek, and amounts would lose theirs by it.
func Digits(currency string) int {
	switch strings.ToUpper(currency) {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}
