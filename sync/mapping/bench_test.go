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
		r.Release()
		msg.Release()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// From a line's text to the request's body.
func BenchmarkPage(b *testing.B)  { benchmark(b, sampleLines(b)[0]) }
func BenchmarkOrder(b *testing.B) { benchmark(b, segmentOrder) }

// What the outbox keeps is what is mapped when it is sent.
func BenchmarkReducedPage(b *testing.B) {
	benchmark(b, string(newMapper(b, everything()).Reduce(decode(b, sampleLines(b)[0]))))
}

func BenchmarkReduce(b *testing.B) {
	m, msg := newMapper(b, everything()), decode(b, segmentOrder)
	b.ReportAllocs()
	for b.Loop() {
		m.Reduce(msg)
	}
}

// From a line's text to what the outbox keeps.
func BenchmarkRead(b *testing.B) {
	m := newMapper(b, everything())
	var d segment.Decoder
	text := []byte(sampleLines(b)[0])
	b.ReportAllocs()
	for b.Loop() {
		msg, err := d.Decode(text)
		if err != nil {
			b.Fatal(err)
		}
		msg.Identity()
		msg.EffectiveTime()
		m.ClickID(msg)
		m.Reduce(msg)
		msg.Release()
	}
}

func BenchmarkTrait(b *testing.B) {
	m, u := newMapper(b, everything()), update1(TraitValue{"vip", "true"})
	b.ReportAllocs()
	for b.Loop() {
		r, err := m.Trait(u)
		if err != nil {
			b.Fatal(err)
		}
		r.Release()
	}
}
