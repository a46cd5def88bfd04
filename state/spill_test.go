package state

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Members that fill blocks of the file, and are cut by their ends, come back
// sorted and whole.
func TestSpillBlocks(t *testing.T) {
	t.Parallel()
	s := spill{dir: t.TempDir()}
	var want []member
	for i := range 2000 {
		m := member{person: Person{UserID: fmt.Sprintf("u%d", i)}, value: strings.Repeat("x", i*37%(3*spillBlock))}
		m.id = m.person.ProfileID()
		want = append(want, m)
		require.NoError(t, s.add(&m))
	}
	slices.SortFunc(want, func(a, b member) int { return cmp.Compare(a.id, b.id) })
	require.Positive(t, s.blocks)
	var got []member
	for i := range spillParts {
		part, err := s.read(i, i)
		require.NoError(t, err)
		for len(part.lines) > 0 {
			got = append(got, part.take())
		}
	}
	require.Equal(t, want, got)
	require.NoError(t, s.close())
}

// Lines of one number stay as they came, the last one of a person counts.
func TestSpillOneNumber(t *testing.T) {
	t.Parallel()
	s := spill{dir: t.TempDir()}
	for _, m := range []member{
		{id: 7, person: Person{UserID: "b"}, value: "1"},
		{id: 7, person: Person{UserID: "b"}, value: "2"},
		{id: 7, person: Person{UserID: "c"}, value: "3"},
		{id: 1<<63 - 1, person: Person{UserID: "d"}, value: "4"},
		{id: 0, person: Person{UserID: "a"}, value: "5"},
	} {
		require.NoError(t, s.add(&m))
	}
	all, err := s.read(0, spillParts-1)
	require.NoError(t, err)
	var values []string
	for len(all.lines) > 0 {
		m := all.take()
		values = append(values, m.value)
	}
	require.Equal(t, []string{"5", "2", "3", "4"}, values)
}
