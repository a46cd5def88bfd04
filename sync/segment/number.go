package segment

import (
	"math/big"
	"strconv"
	"strings"
)

const digits = "0123456789"

// maxDigits is the largest exponent that is written out.
const maxDigits = 64

// plainNumber writes a number without an exponent, and a whole one without a point:
// 4.5e2 is 450, 1001.0 is 1001. Programs that know only floating-point numbers add
// such a point to ids. What is not a number, or would have too many digits, stays as
// it is.
func plainNumber(raw string) string {
	raw = withoutExponent(raw)
	if whole, fraction, point := strings.Cut(raw, "."); point && strings.Trim(fraction, "0") == "" && fraction != "" {
		return whole
	}
	return raw
}

func withoutExponent(raw string) string {
	e := strings.IndexAny(raw, "eE")
	if e < 0 || e > MaxID || !IsDecimal(raw[:e]) {
		return raw
	}
	exp, err := strconv.Atoi(raw[e+1:])
	if err != nil || exp > maxDigits || exp < -maxDigits {
		return raw
	}
	n, _ := new(big.Rat).SetString(raw)
	prec, _ := n.FloatPrec() // exact, since the denominator is a power of ten
	return n.FloatString(prec)
}

// IsDecimal reports whether s is a plain decimal as JSON writes it: an
// optional minus, digits, and digits after a point.
func IsDecimal(s string) bool {
	whole, fraction, point := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return IsDigits(whole) && (!point || IsDigits(fraction))
}

// IsDigits reports whether s is one digit or more, and nothing else.
func IsDigits(s string) bool { return s != "" && strings.Trim(s, digits) == "" }
