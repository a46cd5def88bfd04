package money

import (
	"math/bits"
	"strings"
)

// decimal is a plain decimal number: digits / 10^scale.
type decimal struct {
	digits   uint64
	scale    int
	negative bool
}

// maxDigits is how many digits a decimal keeps: all that a number of JSON usually
// has, so that the product of two of them fits 128 bits.
const maxDigits = 18

// readDecimal reads a plain decimal: digits, perhaps with a sign before them and a
// point among or before them. The last places of a very long fraction are dropped.
func readDecimal(text string) (d decimal, ok bool) {
	rest, negative := strings.CutPrefix(text, "-")
	whole, fraction, pointed := strings.Cut(rest, ".")
	if whole == "" && fraction == "" || pointed && fraction == "" {
		return d, false
	}
	d.negative = negative
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > maxDigits || !d.take(whole) {
		return d, false
	}
	kept := min(len(fraction), maxDigits-len(whole))
	if !d.take(fraction[:kept]) || !isDigits(fraction[kept:]) {
		return d, false
	}
	d.scale = kept
	return d, true
}

func (d *decimal) take(digits string) bool {
	for i := range len(digits) {
		c := digits[i] - '0'
		if c > 9 {
			return false
		}
		d.digits = 10*d.digits + uint64(c)
	}
	return true
}

func isDigits(text string) bool {
	var d decimal
	return d.take(text)
}

// times returns the product as an amount, with what is beyond the fourth place
// dropped; false if it has too many digits before the point.
func (d decimal) times(e decimal) (a Amount, ok bool) {
	hi, lo := bits.Mul64(d.digits, e.digits)
	scale := d.scale + e.scale
	for ; scale > places; scale-- {
		hi, lo = divide(hi, lo)
	}
	for ; scale < places && hi == 0; scale++ {
		hi, lo = bits.Mul64(lo, 10)
	}
	if hi != 0 || lo >= limit {
		return 0, false
	}
	return sign(Amount(lo), d.negative != e.negative), true
}

// limit is the smallest amount that is too large.
var limit = func() uint64 {
	n := uint64(Unit)
	for range maxWhole {
		n *= 10
	}
	return n
}()

// divide divides 128 bits by ten.
func divide(hi, lo uint64) (uint64, uint64) {
	quotient, rest := hi/10, hi%10
	lo, _ = bits.Div64(rest, lo, 10)
	return quotient, lo
}
