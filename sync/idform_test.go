package sync

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segment"
)

// verdictOn compares a list with people who were on it. An id with a @ is an address.
func verdictOn(before, now []string) string {
	person := func(id string) segment.Identity { return segment.NewIdentity(id, "", "") }
	known := state.Known{All: int64(len(before))}
	for _, id := range before {
		known.People = append(known.People, state.Person(person(id)))
	}
	c := newFormCheck(known)
	for _, id := range now {
		c.add(person(id))
	}
	return c.verdict()
}

// many makes ids of a format.
func many(format string, from, to int) (ids []string) {
	for i := from; i < to; i++ {
		ids = append(ids, fmt.Sprintf(format, i))
	}
	return ids
}

func hashed(id string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(id))) }

func TestListsWhoseIDsChangedTheirForm(t *testing.T) {
	t.Parallel()
	var hashes []string
	for _, id := range many("user-%d", 0, 50) {
		hashes = append(hashes, hashed("other "+id))
	}
	for name, c := range map[string]struct {
		before, now []string
		want        string // a part of the verdict; "": none
	}{
		"leading zeros are lost":           {[]string{"00123", "0456"}, []string{"123", "456"}, "leading zeros are lost"},
		"some of them":                     {[]string{"00123", "789", "790", "791"}, []string{"123", "789", "790", "791"}, "leading zeros are lost"},
		"decimals":                         {[]string{"123", "456"}, []string{"123.0", "456.0"}, "digits became decimals"},
		"decimals of people unknown":       {many("%d", 1, 40), many("%d.0", 100, 140), "decimal numbers"},
		"hashes":                           {[]string{"u1", "u2"}, []string{hashed("u1"), hashed("u2")}, "ids were hashed"},
		"hashes of somebody":               {many("user-%d", 0, 50), hashes, "64 hex digits"},
		"hashes in one part of many":       {many("user-%d", 0, 1000), append(many("user-%d", 50, 1000), hashes...), "64 hex digits"},
		"letters of another case":          {[]string{"AbC", "dEf"}, []string{"abc", "def"}, "the case of letters"},
		"numbers that Excel cut":           {[]string{"1234567890123456"}, []string{"1234567890123450"}, "long numbers were cut"},
		"numbers that JavaScript cut":      {[]string{"12345678901234567891"}, []string{"12345678901234567000"}, "%"},
		"UUIDs without dashes":             {[]string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, []string{"6ba7b8109dad11d180b400c04fd430c8"}, "dashes are lost"},
		"quotes around them":               {[]string{"u1", "u2"}, []string{"'u1'", "'u2'"}, "stand around ids"},
		"blanks behind them":               {[]string{"u1", "u2"}, []string{"u1  ", "u2  "}, "stand around ids"},
		"addresses in their place":         {[]string{"u1", "u2"}, []string{"a@example.com", "b@example.com"}, "e-mail addresses alone"},
		"addresses of some":                {many("u-%d", 0, 100), append(many("u-%d", 30, 100), many("%d@example.com", 0, 30)...), "e-mail addresses alone"},
		"another kind of id":               {[]string{"1", "2", "3"}, many("6ba7b810-9dad-11d1-80b4-00c04fd43%03d", 0, 3), "UUIDs"},
		"one person":                       {[]string{"00123"}, []string{"u7"}, "letters and signs"},
		"a few had that form before":       {append(many("u-%d", 0, 95), many("%d@example.com", 0, 5)...), many("%d@example.com", 10, 110), "e-mail addresses alone"},
		"nothing new":                      {many("u-%d", 0, 100), many("u-%d", 5, 110), ""},
		"everybody is another":             {[]string{"u-1", "u-2"}, []string{"u-3", "u-4"}, ""},
		"a list grows from one to two":     {[]string{"u1"}, []string{"u1", "123"}, ""},
		"a list grows by another form":     {many("u-%d", 0, 100), append(many("u-%d", 1, 100), many("%d", 1, 60)...), ""},
		"one of three in a mixed list":     {[]string{"u1", "u2", "u3"}, []string{"u1", "u2", "123"}, ""},
		"mixed as ever":                    {append(many("u-%d", 0, 50), many("%d", 1, 50)...), append(many("u-%d", 100, 150), many("%d", 100, 140)...), ""},
		"numbers, one ends in zeros":       {many("12345678901234%02d", 11, 61), append(many("12345678901234%02d", 12, 61), "9876543210987650"), ""},
		"a number of two ends in zero":     {[]string{"1234567890123451", "1234567890123452"}, []string{"1234567890123451", "1234567890123460"}, ""},
		"ten others, one ends in zero":     {many("12345678901234%02d", 11, 20), many("22345678901234%02d", 11, 21), ""},
		"numbers outgrow their zeros":      {[]string{"099998", "099999"}, []string{"100000", "100001"}, ""},
		"numbers keep their width":         {many("%06d", 99970, 100000), many("%06d", 100000, 100030), ""},
		"others without their zeros":       {many("%05d", 100, 130), many("%d", 140, 170), "digits"},
		"visitors come to a short list":    {[]string{"u1", "u2"}, []string{"u1", "a@example.com", "b@example.com"}, ""},
		"a short list of many forms":       {[]string{"u1", "u2", "u3"}, []string{"u3", "17", "18", "19"}, ""},
		"unseen signs around them":         {[]string{"u1", "u2"}, []string{"u1\u200b", "\ufeffu2"}, "stand around ids"},
		"nobody known":                     {nil, hashes, ""},
		"nobody left":                      {[]string{"u1"}, nil, ""},
		"both spellings were always there": {[]string{"0123", "123"}, []string{"0123", "123"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := verdictOn(c.before, c.now)
			if c.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, "the ids changed their form")
			require.Contains(t, got, c.want)
			for _, id := range append(c.before, c.now...) {
				if len(id) > 4 {
					require.NotContains(t, got, id)
				}
			}
		})
	}
}

func TestAFirstListOfHashes(t *testing.T) {
	t.Parallel()
	check := func(list []string, users ...string) string {
		c := newFormCheck(state.Known{})
		for _, id := range list {
			c.add(segment.NewIdentity(id, "", ""))
		}
		known := state.Known{}
		for _, id := range users {
			known.People = append(known.People, state.Person{UserID: id})
		}
		_, why := c.hashed(known)
		return why
	}
	hex64, hex32 := []string{hashed("1"), hashed("2")}, []string{hashed("1")[:32]}
	require.Contains(t, check(hex64), "64 hex digits")
	require.Contains(t, check(hex64, "u1"), "64 hex digits")
	require.Empty(t, check(hex64, "u1", hashed("3")))
	require.Empty(t, check(hex32), "many shops have such ids")
	require.Contains(t, check(hex32, "u1"), "32 hex digits")
	require.Contains(t, check([]string{"12.0", "13.0"}, "12"), "decimal numbers")
	require.Empty(t, check([]string{"u1", hashed("1")}))
	require.Empty(t, check([]string{"1234567890123450"}, "12"), "it ends in a zero by itself")
	require.Contains(t, check([]string{"1234567890123450", "1234567890123460", "1234567890123410"}, "12"), "end in zeros")
}

func BenchmarkFormCheck(b *testing.B) {
	known := state.Known{}
	for _, id := range many("user-%08d", 0, knownSample) {
		known.People = append(known.People, state.Person{UserID: id})
	}
	c := newFormCheck(known)
	list := many("user-%08d", 0, 40_960)
	for i := 0; b.Loop(); i++ {
		c.add(segment.Identity{UserID: list[i%len(list)]})
	}
}
