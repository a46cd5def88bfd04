package segment

import (
	"strconv"
	"strings"
)

// maxDigits bounds what an exponent may blow a number up to.
const maxDigits = 64

// plainNumber writes a number without its exponent, digit by digit, and a whole
// one without a point: 4.5e2 is 450, 1001.0 is 1001. Writers that know only
// floating point numbers add such a point to ids. What is no number, or would
// have too many digits, stays as it is.
func plainNumber(raw string) string {
	raw = withoutExponent(raw)
	if whole, fraction, point := strings.Cut(raw, "."); point && strings.Trim(fraction, "0") == "" && fraction != "" {
		return whole
	}
	return raw
}

func withoutExponent(raw string) string {
	mantissa, power, found := cutExponent(raw)
	if !found || !IsDecimal(mantissa) {
		return raw
	}
	exp, err := strconv.Atoi(strings.TrimPrefix(power, "+"))
	if err != nil || exp > maxDigits || exp < -maxDigits {
		return raw
	}
	sign := ""
	if mantissa[0] == '-' {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits, point := whole+fraction, len(whole)+exp
	if point <= 0 {
		digits, point = strings.Repeat("0", 1-point)+digits, 1
	}
	if point > len(digits) {
		digits += strings.Repeat("0", point-len(digits))
	}
	return sign + joinNumber(digits[:point], digits[point:])
}

func joinNumber(whole, fraction string) string {
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction = strings.TrimRight(fraction, "0"); fraction == "" {
		return whole
	}
	return whole + "." + fraction
}

func cutExponent(s string) (mantissa, power string, found bool) {
	for i := range len(s) {
		if s[i]|0x20 == 'e' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// IsDecimal reports whether s is a plain decimal as JSON writes it: an
// optional minus, digits, and digits after a point.
func IsDecimal(s string) bool {
	whole, fraction, point := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return IsDigits(whole) && (!point || IsDigits(fraction))
}

// IsDigits reports whether s is one digit or more, and nothing else.
func IsDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
