package state

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzSpill: what is spilled comes back, and nothing else is taken for it.
func FuzzSpill(f *testing.F) {
	f.Add("u1", "a1", "e1", "true", false, "")
	f.Add("", "", "", "", true, "\x00\x00\x00\x00\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Fuzz(func(t *testing.T, user, anonymous, email, value string, cleared bool, junk string) {
		m := member{person: Person{user, anonymous, email}, value: value, cleared: cleared}
		m.id = m.person.ProfileID()
		raw := string(m.append(m.append(nil)))
		got, err := index(raw, 2, nil)
		require.NoError(t, err)
		require.Len(t, got.lines, 1)
		require.Equal(t, m, got.member(0))

		_, err = index(raw[:len(raw)-1], 2, nil)
		require.ErrorIs(t, err, errSpill)
		if all, err := index(junk, 0, nil); err == nil { // any text that is one gives the same members again
			var buf []byte
			for i := range all.lines {
				mem := all.member(i)
				buf = mem.append(buf)
			}
			again, err := index(string(buf), 0, nil)
			require.NoError(t, err)
			require.Len(t, again.lines, len(all.lines))
			for i := range all.lines {
				require.Equal(t, all.member(i), again.member(i))
			}
		}
	})
}

// FuzzDigest: the order of a list does not matter, and each member does.
func FuzzDigest(f *testing.F) {
	f.Add("u1\nu2\nu3", "u9", "true")
	f.Fuzz(func(t *testing.T, text, other, value string) {
		lines := strings.Split(text, "\n")
		if len(lines) > 200 {
			return
		}
		backward := slices.Clone(lines)
		slices.Reverse(backward)
		one, two := digestOf(lines, "true"), digestOf(backward, "true")
		require.Equal(t, one, two)
		stored := one.bytes()
		more := digestOf(append(slices.Clone(lines), other), "true")
		at := rangeOf(Person{UserID: other}.ProfileID())
		for i := range digestRanges {
			require.False(t, two.differs(stored, i))
			require.Equal(t, i == at, more.differs(stored, i), "a member more shows in its own range")
		}
		if value != "true" {
			changed := digestOf(lines, value)
			require.True(t, changed.differs(stored, rangeOf(Person{UserID: lines[0]}.ProfileID())))
		}
	})
}

func digestOf(users []string, value string) *digest {
	d := &digest{}
	for _, u := range users {
		m := member{person: Person{UserID: u}, value: value}
		sum, _ := m.person.hash(nil)
		m.id = profileID(sum)
		d.add(&m, sum)
	}
	return d
}

// FuzzUnpack: a text that SQLite could give is read back field by field; any
// other ends, without a panic.
func FuzzUnpack(f *testing.F) {
	f.Add("7\x00u1\x00!8\x003\x00true\x00aanon\x00anon\x00")
	f.Add("!")
	f.Add("\x00\x00\x00")
	f.Fuzz(func(t *testing.T, text string) {
		u := unpacker{rest: text, more: true}
		rows := 0
		for u.more {
			u.row()
			rows++
			require.LessOrEqual(t, rows, strings.Count(text, "\x00")+1)
		}
		if strings.Contains(text, "\x00") {
			return
		}
		ok := unpacker{rest: "7\x00" + text, more: true}
		row := ok.row()
		require.False(t, ok.bad || ok.more)
		require.Equal(t, packedRow{profile: 7, told: true, hasWanted: true, wanted: trueText, kind: 'u', key: text}, row)
	})
}
