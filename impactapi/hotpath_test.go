package impactapi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Not parallel: allocations are counted for the whole process.
func TestHotPathDoesNotAllocate(t *testing.T) {
	page, sale := validPageLoad(), validConversion()
	for name, f := range map[string]func(){
		"look up":             func() { Lookup(Conversions, "ItemText12_34"); Lookup(PageLoads, "order_completed_last_30days") },
		"validate page load":  func() { _ = validatePageLoad(page) },
		"validate conversion": func() { _ = validateConversion(sale) },
	} {
		require.Zero(t, testing.AllocsPerRun(100, f), name)
	}
}

func BenchmarkAppendForm(b *testing.B) {
	p := validConversion()
	buffer := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buffer = p.AppendForm(buffer[:0])
	}
}

func BenchmarkValidateConversion(b *testing.B) {
	p := validConversion()
	b.ReportAllocs()
	for b.Loop() {
		if err := validateConversion(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseBody(b *testing.B) {
	text := []byte(`{"clickId":"7f3c9b1e-2d4a-4c55-9d7e-1f2a3b4c5d6e","sessionStart":"2026-11-27T18:45:48Z","warnings":[]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := parseBody(text); !ok {
			b.Fatal("unreadable")
		}
	}
}
