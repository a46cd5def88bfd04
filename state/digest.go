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

type digest [digestRanges]rangeDigest

type rangeDigest struct{ count, a, b uint64 }

func rangeOf(id int64) int { return int(id >> (63 - digestBits)) }

// add takes a member whose key has the SHA-256 sum.
func (d *digest) add(m *member, sum [sha256.Size]byte) {
	d[rangeOf(m.id)].plus(m.digest(sum))
}

// digest is the part that one member has in the digest of a range.
func (m *member) digest(sum [sha256.Size]byte) rangeDigest {
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
	return rangeDigest{1, binary.LittleEndian.Uint64(sum[8:]), binary.LittleEndian.Uint64(sum[16:])}
}

func (r *rangeDigest) plus(o rangeDigest) {
	r.count, r.a, r.b = r.count+o.count, r.a+o.a, r.b+o.b
}

func (r *rangeDigest) minus(o rangeDigest) {
	r.count, r.a, r.b = r.count-o.count, r.a-o.a, r.b-o.b
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

// differs compares one range with a stored digest.
func (d *digest) differs(stored []byte, i int) bool {
	last, ok := rangeIn(stored, i)
	return !ok || last != d[i]
}

// rangeIn is one range of a stored digest. One of another length knows nothing.
func rangeIn(stored []byte, i int) (r rangeDigest, ok bool) {
	if len(stored) != digestRanges*digestEntry {
		return r, false
	}
	e := stored[i*digestEntry:]
	return rangeDigest{binary.LittleEndian.Uint64(e), binary.LittleEndian.Uint64(e[8:]), binary.LittleEndian.Uint64(e[16:])}, true
}
