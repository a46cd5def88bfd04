package segment

import "testing"

func BenchmarkTraitKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		TraitKey("Order Completed Last 30days")
	}
}
