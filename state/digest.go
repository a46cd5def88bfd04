package state

import (
	"crypto/sha256"
	"encoding/binary"
)

// A digest is a small fingerprint of a list for each range of profile ids.
// Where it equals that of the last applied list, and nothing else has moved the
// trait since, the people of the range need not be looked at.
//
// Sums, not exclusive-or: the same line twice must not cancel itself out.
const (
	digestBits   = 12
	digestRanges = 1 << digestBits
	digestEntry  = 24 // bytes of a range: count, and 128 bits of sum
)

// digestFrom is the number of members from which ranges are worth it; smaller
// lists are one range, without a digest.
const digestFrom = 10_000

type digest [digestRanges]struct{ count, a, b uint64 }

func rangeOf(id int64) int { return int(id >> (63 - digestBits)) }

// add takes a member whose key has the SHA-256 sum.
func (d *digest) add(m *member, sum [sha256.Size]byte) {
	if m.value != trueText || m.cleared || m.person.hasRiders() {
		h := sha256.New()
		for _, s := range [...]string{m.value, m.person.AnonymousID, m.person.EmailSHA1} {
			h.Write([]byte(s))
			h.Write([]byte{0})
		}
		if m.cleared {
			h.Write([]byte{1})
		}
		h.Write(sum[:])
		h.Sum(sum[:0])
	}
	r := &d[rangeOf(m.id)]
	r.count++
	r.a += binary.LittleEndian.Uint64(sum[8:])
	r.b += binary.LittleEndian.Uint64(sum[16:])
}

func (d *digest) bytes() []byte {
	out := make([]byte, 0, digestRanges*digestEntry)
	for i := range d {
		out = binary.LittleEndian.AppendUint64(out, d[i].count)
		out = binary.LittleEndian.AppendUint64(out, d[i].a)
		out = binary.LittleEndian.AppendUint64(out, d[i].b)
	}
	return out
}

// differs compares one range with a stored digest. A stored digest of another
// length knows nothing.
func (d *digest) differs(stored []byte, i int) bool {
	if len(stored) != digestRanges*digestEntry {
		return true
	}
	e := stored[i*digestEntry:]
	return binary.LittleEndian.Uint64(e) != d[i].count || binary.LittleEndian.Uint64(e[8:]) != d[i].a || binary.LittleEndian.Uint64(e[16:]) != d[i].b
}
