package segment_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
)

func TestFormOf(t *testing.T) { // not parallel: it counts allocations
	for form, ids := range map[segment.IDForm][]string{
		segment.FormOther:       {"", "u1", "1E5", "12E+15", "5e10", "1.2.3", "123.5", "1e", "1.5", "a.0", strings.Repeat("g", 64), "123 ", "1,234,567", "E+15", "1.5E", "1.5E+", "1.5E+1234", "9.9E+x"},
		segment.FormDigits:      {"1", "42", "1234567890123456", "1234567890"},
		segment.FormLeadingZero: {"0", "00123", "0000000000000000000"},
		segment.FormCut:         {"1234567890123450", "12345678901234567000", "1000000000000000"},
		segment.FormScientific:  {"1.23457E+15", "1,23457E+15", "1E+15", "1.2345678e15", "1.0e+16", "2.5E-05", "1.23457E+100"},
		segment.FormDecimal:     {"123.0", "0.0", "123.00", "123,0", "00123.0"},
		segment.FormHex32:       {"6ba7b8109dad11d180b400c04fd430c8", "6BA7B8109DAD11D180B400C04FD430C8"},
		segment.FormHex40:       {strings.Repeat("a0", 20)},
		segment.FormHex64:       {strings.Repeat("0b", 32)},
		segment.FormUUID:        {"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B810-9DAD-11D1-80B4-00C04FD430C8"},
	} {
		for _, id := range ids {
			require.Equal(t, form, segment.FormOf(id), "%q is %s", id, form)
		}
		require.NotEmpty(t, form.String())
	}
	require.Zero(t, testing.AllocsPerRun(10, func() { _ = segment.FormOf("1.23457E+15") }))
}

func BenchmarkFormOf(b *testing.B) {
	for b.Loop() {
		segment.FormOf("user-12345678")
	}
}
