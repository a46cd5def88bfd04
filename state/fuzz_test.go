package state

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// FuzzMember: what is spilled of a list comes back, and nothing else is taken for it.
func FuzzMember(f *testing.F) {
	f.Add("u1", "a1", "e1", "true", false, "")
	f.Add("", "", "", "", true, "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Fuzz(func(t *testing.T, user, anonymous, email, value string, cleared bool, junk string) {
		want := member{id: 7, person: Person{user, anonymous, email}, value: value, cleared: cleared, line: int64(len(junk))}
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

// FuzzRows: packed rows and people are read back, whatever bytes an id has; anything
// else is damaged, without a panic.
func FuzzRows(f *testing.F) {
	f.Add("u1", "true", "i\x07\x00\x00\x00\x00\x00\x00\x0011n0", "i\x07\x00\x00\x00\x00\x00\x00\x00t\x01\x00\x00\x00unn")
	f.Add("\x00 \x00", "1", "i\x07\x00\x00\x00\x00\x00\x00\x00t\xff\xff\xff\xff", "t\x01\x00\x00\x00u")
	f.Add("u", "", "nnnnn", "10nn0")
	f.Fuzz(func(t *testing.T, key, wanted, junk, keys string) {
		key = "u" + key
		all := func(settled, due, people, newcomers sqlite.Packed) (found []row, err error) {
			r := newRows(&trait{key: "vip", class: Audience}, 5, settled, due, people, newcomers)
			for r.next() {
				found = append(found, r.now)
			}
			return found, r.err()
		}
		settled := pack(6, 1, 1, nil, 0, 7, wanted, 1, 6, 0, 9, 1, 1, nil, 0, 11, nil, 0, 5, 0)
		due := pack(8, wanted, nil, 6, 1, 9, 0, 1, 1, 0)
		people, newcomers := pack(7, key, "a", "e", 8, nil, key, nil, 10, key, nil, nil), pack(1, key, nil, nil, 9, nil, nil, key, 11, key, nil, nil)
		found, err := all(settled, due, people, newcomers)
		require.NoError(t, err)
		require.Equal(t, []row{
			{7, rowTold | rowWanted | rowNewer, Person{UserID: key}, wanted},
			{8, rowWanted | rowNewer | rowLeaving, Person{AnonymousID: key}, wanted},
			{9, rowTold | rowWanted, Person{EmailSHA1: key}, "false"},
			{11, 0, Person{UserID: key}, ""},
		}, found, "6 is nobody; what is due of 9 counts")
		for _, damaged := range []sqlite.Packed{settled[:len(settled)-1], settled + settled, pack("7", 1, 1, nil, 0)} {
			_, err = all(damaged, due, people, newcomers)
			require.ErrorIs(t, err, ErrUnusable)
		}
		_, err = all(settled, due, people[:len(people)-1], newcomers)
		require.ErrorIs(t, err, ErrUnusable)
		_, _ = all(sqlite.Packed(junk), due, sqlite.Packed(keys), newcomers)
	})
}

// pack is what the SQL function of that name makes of values.
func pack(values ...any) (p sqlite.Packed) {
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			p += "n"
		case int:
			if v == 0 || v == 1 {
				p += sqlite.Packed(rune('0' + v))
			} else {
				p += sqlite.Packed(binary.NativeEndian.AppendUint64([]byte{'i'}, uint64(v)))
			}
		case string:
			p += sqlite.Packed(binary.NativeEndian.AppendUint32([]byte{'t'}, uint32(len(v)))) + sqlite.Packed(v)
		}
	}
	return p
}
