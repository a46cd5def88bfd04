// Package money holds exact amounts of money. Nothing here passes through a
// floating-point number: an amount is read from a text and written as one.
package money

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Amount is a sum of money in ten-thousandths of its currency's unit, which is
// kept beside it. All currencies of ISO 4217 fit: none has more than four places.
type Amount int64

// Unit is one unit of a currency: 1.0000.
const Unit Amount = 10_000

// places is how many decimal places an Amount has.
const places = 4

// maxWhole is how many digits an amount may have before its point: impact.com
// takes no more, and sums of hundreds of such amounts do not overflow.
const maxWhole = 12

// Parse returns the amount that a plain decimal such as -1199.5 states. What is
// beyond the fourth place is dropped, so that [Amount.Round] rounds the text
// itself and not a rounded number. It fails if the text is not a plain decimal or
// has more than twelve digits before the point.
func Parse(text string) (Amount, error) {
	d, ok := readDecimal(text)
	if !ok {
		return 0, fmt.Errorf("%.40q is not a decimal number", text)
	}
	a, ok := d.times(decimal{digits: 1})
	if !ok {
		return 0, fmt.Errorf("%.40q is too large an amount", text)
	}
	return a, nil
}

// Product returns a price times a quantity, both plain decimals. What is beyond the
// fourth place is dropped. It reports false if a text is not a decimal or the
// product is too large.
func Product(price, quantity string) (a Amount, ok bool) {
	p, fine := readDecimal(price)
	q, also := readDecimal(quantity)
	if !fine || !also {
		return 0, false
	}
	return p.times(q)
}

// Share returns a part of an amount, part/whole, with what is beyond the fourth
// place dropped. whole must be over 0, and part from 0 to whole.
func (a Amount) Share(part, whole int64) Amount {
	negative := a < 0
	if negative {
		a = -a
	}
	hi, lo := bits.Mul64(uint64(a), uint64(part))
	quotient, _ := bits.Div64(hi, lo, uint64(whole))
	return sign(Amount(quotient), negative)
}

// Round returns the amount in the currency's own places, rounded half away from
// zero.
func (a Amount) Round(currency string) Amount {
	step := Smallest(currency)
	half := step / 2
	if a < 0 {
		half = -half
	}
	return (a + half) / step * step
}

// Smallest returns the smallest amount of a currency: 0.01 in EUR, 1 in JPY.
func Smallest(currency string) Amount {
	step := Amount(1)
	for range places - Digits(currency) {
		step *= 10
	}
	return step
}

// Format returns the amount with the currency's own places, rounded: 1199.50 in
// EUR, 1200 in JPY, 1199.500 in KWD.
func (a Amount) Format(currency string) string {
	return a.Round(currency).text(Digits(currency))
}

// String returns the exact amount with two places, or more if it has them.
func (a Amount) String() string {
	text := a.text(places)
	for range 2 {
		text = strings.TrimSuffix(text, "0")
	}
	return text
}

// MarshalText implements [encoding.TextMarshaler] and fails: an amount has no text
// without its currency, so JSON has what [Amount.Format] returns.
func (a Amount) MarshalText() ([]byte, error) {
	return nil, errors.New("an amount of money is written with its currency")
}

// text returns the amount with some of its places; the others are dropped.
func (a Amount) text(digits int) string {
	mark, n := "", uint64(a)
	if a < 0 {
		mark, n = "-", -n
	}
	whole := strconv.FormatUint(n/uint64(Unit), 10)
	if digits == 0 {
		return mark + whole
	}
	fraction := strconv.FormatUint(uint64(Unit)+n%uint64(Unit), 10)[1:]
	return mark + whole + "." + fraction[:digits]
}

func sign(a Amount, negative bool) Amount {
	if negative {
		return -a
	}
	return a
}
