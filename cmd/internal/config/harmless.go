package config

import (
	"regexp"

	"github.com/impactsync/impactsync/sync/segment"
)

var (
	words    = regexp.MustCompile(`^[A-Za-z][A-Za-z_. -]{0,23}$`)
	reading  = regexp.MustCompile(`^[-+.]?[0-9$][0-9A-Za-z_ .,:/%+${}-]{0,39}$`)
	secretly = regexp.MustCompile(`[0-9A-Za-z+=~-]{14,}`)
	lettered = regexp.MustCompile(`[A-Za-z]`)
	numbered = regexp.MustCompile(`[0-9]`)
	quoted   = regexp.MustCompile(`\["(?:[^"\\]|\\.)*"\]`)
	longRun  = regexp.MustCompile(`[0-9A-Za-z+=~]{20,}`)
)

// harmlessKey reports whether an unknown key may be shown: it consists of words,
// without the digits and signs of a token, a password or an address.
func harmlessKey(key string) bool { return words.MatchString(key) }

// harmlessValue reports whether a value of the wrong type may be shown: it consists
// of words, or looks like a number, a duration or a time.
func harmlessValue(raw string) bool {
	return words.MatchString(raw) || reading.MatchString(raw) && !mayBeSecret(raw)
}

// shownPath returns a problem's key without the quoted parts (patterns, parameters,
// event names) that may be a secret or hold an address.
func shownPath(path string) string {
	return quoted.ReplaceAllStringFunc(path, func(text string) string {
		if segment.HoldsEmail(text) || longRun.MatchString(text) && mayBeSecret(text) {
			return `["(not shown)"]`
		}
		return text
	})
}

// mayBeSecret reports whether s contains a long run of letters and digits, as
// tokens do.
func mayBeSecret(s string) bool {
	for _, run := range secretly.FindAllString(s, -1) {
		if lettered.MatchString(run) && numbered.MatchString(run) {
			return true
		}
	}
	return false
}
