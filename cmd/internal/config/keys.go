package config

import (
	"fmt"
	"path"
	"regexp"
)

// feed is a file pattern with a trait key that is known before any file is.
type feed struct {
	Audience
	place string
}

// checkKeys looks for trait keys that cannot be told apart or are impact.com's
// own, as far as the configuration alone can tell; the rest shows when the
// files are listed.
func (l loader) checkKeys() {
	byKey := map[string]feed{}
	for i, s := range l.config.Sources {
		for _, a := range s.Audiences {
			f := feed{Audience: a, place: fmt.Sprintf("sources[%d].audiences[%q]", i, a.Pattern)}
			if f.Key = traitKey(a); f.Key == "" && f.Name == "" {
				continue
			}
			l.checkKey(f)
			l.checkAuthority(f)
			if other, twice := byKey[f.Key]; twice {
				l.checkPair(f, other)
			} else {
				byKey[f.Key] = f
			}
		}
	}
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_]{1,255}$`)

// checkKey refuses a key that cannot be a parameter's name, or that impact.com
// would take for a parameter of its own.
func (l loader) checkKey(f feed) {
	switch {
	case f.Key == "":
		l.problem(f.place+".name", fmt.Sprintf("no trait key can be made of the name %q", f.Name), "set key: to the audience's key in Segment")
	case !plainKey.MatchString(f.Key):
		l.problem(f.place+".key", fmt.Sprintf("%q is no trait key: letters, digits and _ only", f.Key), "the audience's key in Segment, such as order_completed_last_30days")
	case reserved(f.Key):
		l.problem(f.place+".key", fmt.Sprintf("the trait key %q is the name of an impact.com parameter", f.Key), "choose another key")
	}
}

// checkPair looks at two patterns with one key.
func (l loader) checkPair(f, other feed) {
	switch {
	case f.Name != "" && other.Name != "" && f.Name != other.Name:
		l.problem(f.place, fmt.Sprintf("the names %q and %q both give the trait key %q", other.Name, f.Name, f.Key), "set key: on one of them")
	case f.List != "changes" && other.List == f.List:
		l.problem(f.place, fmt.Sprintf("a second full list for the trait key %q, after %s", f.Key, other.place), "keep one, or use one pattern with parts: true")
	case f.List != other.List && f.Authority == "" && other.Authority == "":
		l.problem(f.place, fmt.Sprintf("the trait key %q is fed by a list and by changes", f.Key), "say who is right with authority: list, changes or latest")
	}
}

// checkAuthority looks for messages that feed the key of a full list, too.
func (l loader) checkAuthority(f feed) {
	if f.Authority != "" || f.List == "changes" {
		return
	}
	for _, s := range l.config.Sources {
		if s.Kind == KindEvents && s.Traits.take(f.Key) {
			l.problem(f.place, fmt.Sprintf("the trait key %q is fed by this list and by the messages of source %q", f.Key, s.Name),
				"say who is right with authority: list, changes or latest")
			return
		}
	}
}

// take reports whether the trait key is included and not excluded.
func (t Traits) take(key string) bool {
	return matchAny(t.Include, key) && !matchAny(t.Exclude, key)
}

func matchAny(patterns []string, key string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, key); ok {
			return true
		}
	}
	return false
}
