package mapping

import (
	"testing"

	"github.com/impactsync/impactsync/sync/segment"
)

func benchmark(b *testing.B, line string) {
	m := newMapper(b, everything())
	var d segment.Decoder
	var form []byte
	text := []byte(line) // as it stands in the reader's buffer
	b.ReportAllocs()
	for b.Loop() {
		msg, err := d.Decode(text)
		if err != nil {
			b.Fatal(err)
		}
		r, err := m.Event(msg, Person{Now: now})
		if err != nil {
			b.Fatal(err)
		}
		form = r.Params.AppendForm(form[:0])
		msg.Release()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// From a line's text to the request's body.
func BenchmarkPage(b *testing.B)  { benchmark(b, sampleLines(b)[0]) }
func BenchmarkOrder(b *testing.B) { benchmark(b, segmentOrder) }

// What the outbox keeps is what is mapped when it is sent.
func BenchmarkReducedPage(b *testing.B) {
	benchmark(b, string(newMapper(b, everything()).reduce(nil, decode(b, sampleLines(b)[0]))))
}

func BenchmarkReduce(b *testing.B) {
	m, msg := newMapper(b, everything()), decode(b, segmentOrder)
	b.ReportAllocs()
	for b.Loop() {
		m.reduce(nil, msg)
	}
}

// From a line's text to what the outbox keeps.
func BenchmarkReadPage(b *testing.B)  { benchmarkRead(b, sampleLines(b)[0]) }
func BenchmarkReadOrder(b *testing.B) { benchmarkRead(b, segmentOrder) }

func benchmarkRead(b *testing.B, line string) {
	m := newMapper(b, everything())
	var d segment.Decoder
	text := []byte(line)
	b.ReportAllocs()
	for b.Loop() {
		msg, err := d.Decode(text)
		if err != nil {
			b.Fatal(err)
		}
		msg.EffectiveTime()
		m.Prepare(msg)
		msg.Release()
	}
}

func BenchmarkTrait(b *testing.B) {
	m, u := newMapper(b, everything()), update1(TraitValue{"vip", "true"})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Trait(u); err != nil {
			b.Fatal(err)
		}
	}
}
