package money_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/money"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]money.Amount{
		"0": 0, "1": 10_000, "-1": -10_000, "1199.5": 11_995_000, "-0.0001": -1, ".5": 5_000, "00.5": 5_000, "1.234": 12_340,
		"0.00019": 1, "-0.00019": -1, "2.34499999999999999999999999": 23_449, "999999999999.9999": 9_999_999_999_999_999, "000000000000000000000001": 10_000,
	} {
		got, err := money.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "-", ".", "1.", "1,5", "1e3", "+1", "--1", " 1", "NaN", "٥", "0x1", "1.2.3", "0.12345678901234567890x"} {
		_, err := money.Parse(text)
		require.ErrorContains(t, err, "is not a decimal number", text)
	}
	for _, text := range []string{"1000000000000", "-1000000000000", "999999999999999999"} {
		_, err := money.Parse(text)
		require.ErrorContains(t, err, "too large", text)
	}
}

func TestFormatHasTheDigitsOfTheCurrency(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, currency, want string }{
		{"1.234", "KWD", "1.234"}, {"1.2345", "KWD", "1.235"}, {"1.234", "EUR", "1.23"}, {"1.235", "eur", "1.24"}, {"-1.235", "EUR", "-1.24"},
		{"1.2349999", "EUR", "1.23"}, {"1.2345", "CLF", "1.2345"}, {"100", "JPY", "100"}, {"99.5", "JPY", "100"}, {"99.49999999", "JPY", "99"},
		{"0.004", "USD", "0.00"}, {"-0.004", "USD", "0.00"}, {"12.5", "ALL", "12.50"}, {"5", "", "5.00"}, {"5", "XYZ", "5.00"},
	} {
		a, err := money.Parse(c.text)
		require.NoError(t, err)
		require.Equal(t, c.want, a.Format(c.currency), c.text+" "+c.currency)
	}
}

func TestStringIsExact(t *testing.T) {
	t.Parallel()
	for a, want := range map[money.Amount]string{0: "0.00", 1: "0.0001", -1: "-0.0001", 12_340: "1.234", 12_345: "1.2345", 10_000: "1.00", -11_995_000: "-1199.50", 10_100: "1.01"} {
		require.Equal(t, want, a.String())
	}
}

func TestProduct(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		price, quantity string
		want            money.Amount
	}{
		{"19", "1", 190_000}, {"0.33333", "300", 999_990}, {"3.005", "2", 60_100}, {"1", "0.5", 5_000}, {"-2", "3", -60_000}, {"0.1", "0.1", 100},
	} {
		got, ok := money.Product(c.price, c.quantity)
		require.True(t, ok)
		require.Equal(t, c.want, got)
	}
	for _, c := range [][2]string{{"x", "1"}, {"1", ""}, {"999999999999", "2"}, {"999999999999999999", "999999999999999999"}} {
		_, ok := money.Product(c[0], c[1])
		require.False(t, ok, c)
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	require.Equal(t, money.Amount(33_333), money.Amount(100_000).Share(1, 3))
	require.Equal(t, money.Amount(-33_333), money.Amount(-100_000).Share(1, 3))
	require.Equal(t, money.Amount(100_000), money.Amount(100_000).Share(3, 3))
	require.Zero(t, money.Amount(100_000).Share(0, 3))
}

// FuzzParse compares with big.Rat, which is exact, and reads its own output again.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"1.234", "-1199.5", "0.00019", "999999999999.99999", "1.2.3", "2.344999"} {
		f.Add(text, "3")
	}
	f.Fuzz(func(t *testing.T, text, other string) {
		a, err := money.Parse(text)
		if err != nil {
			return
		}
		again, err := money.Parse(a.String())
		require.NoError(t, err)
		require.Equal(t, a, again)
		rat, ok := new(big.Rat).SetString(text)
		require.True(t, ok, text)
		if len(text) < 18 {
			require.Equal(t, dropped(rat), big.NewInt(int64(a)).String())
		}
		if p, ok := money.Product(text, other); ok && len(text)+len(other) < 18 {
			second, fine := new(big.Rat).SetString(other)
			require.True(t, fine, other)
			require.Equal(t, dropped(second.Mul(second, rat)), big.NewInt(int64(p)).String())
		}
		for _, currency := range []string{"EUR", "JPY", "KWD", "CLF"} {
			digits := money.Digits(currency)
			want := rat.FloatString(digits)
			if strings.Trim(want, "-0.") == "" {
				want = strings.TrimPrefix(want, "-")
			}
			if digits < 4 { // FloatString rounds half away from zero, too
				require.Equal(t, want, a.Format(currency), text)
			}
		}
	})
}

// dropped returns a number in ten-thousandths, without what is beyond them.
func dropped(r *big.Rat) string {
	n := new(big.Rat).Mul(r, big.NewRat(10_000, 1))
	return new(big.Int).Quo(n.Num(), n.Denom()).String()
}
