package state

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzMember: what is spilled of a list comes back, and nothing else is taken for it.
func FuzzMember(f *testing.F) {
	f.Add("u1", "a1", "e1", "true", false, "")
	f.Add("", "", "", "", true, "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Fuzz(func(t *testing.T, user, anonymous, email, value string, cleared bool, junk string) {
		want := member{id: 7, person: Person{user, anonymous, email}, value: value, cleared: cleared}
		text := string(want.encode(nil))
		got, err := decodeMember(7, text)
		require.NoError(t, err)
		require.Equal(t, want, got)
		_, err = decodeMember(7, text[:len(text)-1])
		require.ErrorIs(t, err, errMember)
		_, err = decodeMember(7, text+"x")
		require.ErrorIs(t, err, errMember)
		if got, err := decodeMember(7, junk); err == nil { // any text that is one gives the same member again
			again, err := decodeMember(7, string(got.encode(nil)))
			require.NoError(t, err)
			require.Equal(t, got, again)
		}
	})
}

// FuzzRows: a text that SQLite could return is read back row by row, whatever
// bytes an id has; any other ends, without a panic.
func FuzzRows(f *testing.F) {
	f.Add("u1", "true", "7 3 3 4 uu1true8 3 3 4 uu2true")
	f.Add("\x00 \x00", "", "7 3 99 4 uu1true")
	f.Add("", "7 3", "7 3 -1 4 uu1true")
	f.Fuzz(func(t *testing.T, key, wanted, junk string) {
		key = "u" + key
		one := fmt.Sprintf("%d 3 %d %d %s%s", 7, len(key), len(wanted), key, wanted)
		two := fmt.Sprintf("%d 0 %d %d %s%s", 8, len(key), len(wanted), key, wanted)
		rows, ok := decodeRows(one + two)
		require.True(t, ok)
		require.Equal(t, []row{{7, 3, key, wanted}, {8, 0, key, wanted}}, rows)
		_, ok = decodeRows(two + one)
		require.False(t, ok, "not in order")
		_, ok = decodeRows(one[:len(one)-1])
		require.False(t, ok)
		decodeRows(junk)
	})
}
