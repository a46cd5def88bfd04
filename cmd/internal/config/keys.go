package config

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// feed is an audience whose trait key is known before any file is listed.
type feed struct {
	Audience
	place string
}

// checkKeys checks that trait keys are distinct and not impact.com's own, so far as
// the configuration says which there are. The others are checked when the files
// are listed.
func (l *loader) checkKeys() {
	first := map[string]feed{}
	for i, s := range l.config.Sources {
		for _, a := range s.Audiences {
			f := feed{Audience: a, place: fmt.Sprintf("%s.audiences[%q]", l.source(i), a.Pattern)}
			f.Key = cmp.Or(a.Key, segment.TraitKey(a.Name))
			if !l.checkKey(f) {
				continue
			}
			l.checkAuthority(f)
			if other, twice := first[f.Key]; twice {
				l.checkPair(f, other)
			} else {
				first[f.Key] = f
			}
		}
	}
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_]{1,255}$`)

// checkKey checks that a key can be a parameter's name, and is none that impact.com
// documents. It returns false if there is no key.
func (l *loader) checkKey(f feed) bool {
	switch {
	case f.Key == "" && f.Name != "":
		l.problem(f.place+".name", fmt.Sprintf("no trait key can be made of %s", l.quote(f.place+".name", f.Name)),
			"set key: to the audience's key in Segment")
	case f.Key != "" && !plainKey.MatchString(f.Key):
		l.problem(f.place+".key", l.key(f)+" is not a trait key: letters, digits and _ only",
			"the audience's key in Segment, such as order_completed_last_30days")
	case impactapi.Reserved(f.Key):
		l.problem(f.place+".key", fmt.Sprintf("the trait key %s is the name of an impact.com parameter", l.key(f)), "choose another key")
	}
	return f.Key != ""
}

// key quotes a feed's key without what the environment made of it.
func (l *loader) key(f feed) string {
	if raw := l.raw[f.place+".name"]; raw != "" && l.raw[f.place+".key"] == "" {
		return "of the name " + l.quote(f.place+".name", f.Name)
	}
	return l.quote(f.place+".key", f.Key)
}

// checkPair checks two patterns with one key.
func (l *loader) checkPair(f, other feed) {
	switch {
	case f.Name != "" && other.Name != "" && f.Name != other.Name:
		l.problem(f.place, fmt.Sprintf("the names %s and %s give one trait key, %s",
			l.quote(other.place+".name", other.Name), l.quote(f.place+".name", f.Name), l.key(f)), "set key: on one of them")
	case f.List == "full" && other.List == "full":
		l.problem(f.place, fmt.Sprintf("a second full list for the trait key %s, after %s", l.key(f), other.place),
			"keep one, or use one pattern with parts: true")
	case f.List != "" && other.List != "" && f.List != other.List && f.Authority == "" && other.Authority == "":
		l.problem(f.place, fmt.Sprintf("the trait key %s is fed by a list and by changes", l.key(f)), whoIsRight)
	}
}

const whoIsRight = "say who is right with authority: list, changes or latest"

// checkAuthority warns of messages that may feed the key of a full list, too.
// Whether they do is known once both are read.
func (l *loader) checkAuthority(f feed) {
	if f.Authority != "" || f.List != "full" {
		return
	}
	for i, s := range l.config.Sources {
		if s.Kind == KindEvents && s.Traits.take(f.Key) {
			l.warn(f.place, fmt.Sprintf("the trait key %s may be fed by this list and by the messages of %s", l.key(f), l.source(i)), whoIsRight)
			return
		}
	}
}

// take reports whether the trait key is included and not excluded.
func (t Traits) take(key string) bool {
	match := func(pattern string) bool {
		ok, _ := path.Match(pattern, key)
		return ok
	}
	return slices.ContainsFunc(t.Include, match) && !slices.ContainsFunc(t.Exclude, match)
}
