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

// FuzzRows: texts that SQLite could return are read back row by row, whatever bytes
// an id has; any others end, without a panic.
func FuzzRows(f *testing.F) {
	f.Add("u1", "true", "7 8:3 4 true ", "7 3 uu1 8 3 uu2 ")
	f.Add("\x00 \x00", "", "7:3 99 true ", "7 99 uu1 ")
	f.Add("", "7 3", "7:3 -1 true ", "7 -1 uu1 ")
	f.Fuzz(func(t *testing.T, key, wanted, junk, keys string) {
		key = "u" + key
		one, two := fmt.Sprintf("7:9 %d %s ", len(wanted), wanted), fmt.Sprintf("8:0 %d %s ", len(wanted), wanted)
		rows, ok := decodeRows(one + two + "9 ")
		require.True(t, ok)
		require.Equal(t, []row{{7, 9, "", wanted}, {8, 0, "", wanted}, {9, rowTold | rowWanted, "", "true"}}, rows)
		first, second := fmt.Sprintf("7 %d %s ", len(key), key), fmt.Sprintf("9 %d %s ", len(key), key)
		require.True(t, withKeys(rows, "5 1 u "+second+"10 1 u ") && withKeys(rows, "6 1 u "+first))
		require.Equal(t, []row{{7, 9, key, wanted}, {8, 0, "", wanted}, {9, rowTold | rowWanted, key, "true"}}, rows)
		for _, text := range []string{two + one, "7 7 ", one[:len(one)-1]} {
			_, ok = decodeRows(text)
			require.False(t, ok, text)
		}
		for _, text := range []string{second + first, first[:len(first)-1]} {
			require.False(t, withKeys(rows, text), text)
		}
		if rows, ok = decodeRows(junk); ok {
			withKeys(rows, keys)
		}
	})
}
