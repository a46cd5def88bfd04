package warehouse

import (
	"slices"
	"strings"
)

// likeOf returns the names that are most like one that is not there, for the end of a
// sentence: "; there are a, b". It is empty if there are none at all.
func likeOf(name string, all []string) string {
	const most = 3
	if len(all) == 0 {
		return ""
	}
	near := slices.Clone(all)
	slices.Sort(near)
	near = slices.Compact(near)
	far := map[string]int{}
	for _, one := range all {
		far[one] = distance(strings.ToLower(name), strings.ToLower(one))
	}
	slices.SortStableFunc(near, func(a, b string) int { return far[a] - far[b] })
	text := "; there is "
	if len(near) > 1 {
		text = "; the nearest are "
	}
	return text + listed(near[:min(most, len(near))])
}

// distance returns how many bytes have to be changed, added or removed to make one text
// of the other. Of long texts the beginnings count.
func distance(a, b string) int {
	const most = 128
	a, b = a[:min(len(a), most)], b[:min(len(b), most)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0] // of the row above, one to the left
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
