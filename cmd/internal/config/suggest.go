package config

import (
	"reflect"
	"strings"
)

// suggest returns a hint for an unknown key: a known key with a similar spelling,
// or the section where this key belongs. near reports whether there is one.
func suggest(unknown string, known []string) (hint string, near bool) {
	best, distance := "", len(unknown)/3+1
	for _, k := range known {
		if len(unknown) > 2*len(k) {
			continue // too long to be meant for it
		}
		if d := editDistance(strings.ToLower(unknown), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?", true
	}
	if home := homeOf(unknown, reflect.TypeFor[Config](), ""); home != "" {
		return "it belongs under " + home, true
	}
	return "known here: " + strings.Join(known, ", "), false
}

// homeOf returns the section below t that has the key, or "".
func homeOf(key string, t reflect.Type, path string) string {
	for _, f := range fieldsOf(t) {
		name := f.Tag.Get("yaml")
		if name == key && path != "" {
			return path
		}
		inner := f.Type
		if inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if isStruct(inner) {
			if home := homeOf(key, inner, join(path, name)); home != "" {
				return home
			}
		}
	}
	return ""
}

// editDistance returns the Levenshtein distance, in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
