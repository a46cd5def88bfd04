// Package audit compares what the state holds of people with what Segment's Profile API
// says of them now.
package audit

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/segmentapi"
)

// Live is what Segment says of a person.
type Live struct {
	Known     bool              `json:"known"`
	Audiences map[string]string `json:"audiences"`
	Computed  map[string]string `json:"computed_traits"`
	IDs       []ExternalID      `json:"external_ids,omitempty"`
}

// ExternalID is an id of a person in Segment. Of an e-mail address it has the SHA-1.
type ExternalID struct {
	Type  string `json:"type"`
	Value string `json:"id"`
}

// ErrNoID says that a person has no id by which Segment finds people: we keep only the
// SHA-1 of addresses.
var ErrNoID = errors.New("known by the SHA-1 of an e-mail address alone, by which Segment does not find people")

// IDOf returns the id by which Segment finds a person.
func IDOf(userID, anonymousID string) (segmentapi.ID, error) {
	switch {
	case userID != "":
		return segmentapi.ID{Type: "user_id", Value: userID}, nil
	case anonymousID != "":
		return segmentapi.ID{Type: "anonymous_id", Value: anonymousID}, nil
	}
	return segmentapi.ID{}, ErrNoID
}

// Ask returns what Segment says of a person, with the ids if they are wanted.
func Ask(ctx context.Context, api *segmentapi.Profiles, id segmentapi.ID, ids bool) (l Live, err error) {
	for class, traits := range map[string]*map[string]string{segmentapi.ClassAudience: &l.Audiences, segmentapi.ClassComputed: &l.Computed} {
		*traits, err = api.Traits(ctx, id, class)
		if segmentapi.NotFound(err) {
			return Live{}, nil
		}
		if err != nil {
			return l, err
		}
	}
	l.Known = true
	if !ids {
		return l, nil
	}
	all, err := api.ExternalIDs(ctx, id)
	for _, one := range all {
		l.IDs = append(l.IDs, ExternalID{one.Type, shown(one)})
	}
	return l, err
}

func shown(id segmentapi.ID) string {
	if who := segment.NewIdentity(id.Value, "", ""); who.UserID == "" && who.EmailSHA1 != "" {
		return who.EmailSHA1
	}
	return segment.Redact(id.Value)
}

// Difference is a trait of which we hold something else than Segment says.
type Difference struct {
	Key     string  `json:"key"`
	Held    *string `json:"held"`    // what is wanted here; null: nothing
	Told    *string `json:"told"`    // what impact.com was told; null: nothing
	Segment *string `json:"segment"` // null: nothing
}

// Scope says which traits are compared.
type Scope struct {
	Traits    map[string]state.Class // of the state
	Unchecked []string               // patterns of keys that are not Segment's
	Keys      map[string]string      // Segment's keys of traits that have others here
}

// Compare returns what is different, by key. An audience that somebody never was in is
// the same as one that they left.
func (s Scope) Compare(held []state.PersonTrait, live *Live) []Difference {
	all := []Difference{}
	here := map[string]state.PersonTrait{}
	for _, t := range held {
		here[t.Key] = t
	}
	for _, key := range slices.Sorted(maps.Keys(s.Traits)) {
		if slices.ContainsFunc(s.Unchecked, func(p string) bool { ok, _ := path.Match(p, key); return ok }) {
			continue
		}
		t, traits := here[key], live.Audiences
		if s.Traits[key] == state.Computed {
			traits = live.Computed
		}
		var there *string
		if value, found := traits[cmp.Or(s.Keys[key], key)]; found {
			there = &value
		}
		if !same(s.Traits[key], t.Wanted, there) {
			all = append(all, Difference{key, t.Wanted, t.Delivered, there})
		}
	}
	return all
}

func same(class state.Class, x, y *string) bool {
	if class == state.Audience {
		return isTrue(x) == isTrue(y)
	}
	if x == nil || y == nil {
		return x == y
	}
	a, errA := strconv.ParseFloat(*x, 64)
	b, errB := strconv.ParseFloat(*y, 64)
	return *x == *y || errA == nil && errB == nil && a == b
}

func isTrue(v *string) bool { return v != nil && *v == "true" }

// Person is somebody who differs. ID is empty unless ids are asked for.
type Person struct {
	ID          string       `json:"id,omitempty"`
	Unknown     bool         `json:"unknown_to_segment,omitempty"`
	Differences []Difference `json:"differences"`
}

// Result is what a sample shows.
type Result struct {
	Sampled int      `json:"sampled"`
	Agree   int      `json:"agree"`
	Unknown int      `json:"unknown_to_segment"`
	Share   float64  `json:"share"`
	Low     float64  `json:"low"`  // of the 95 % confidence interval (Wilson)
	High    float64  `json:"high"` // likewise
	Differ  []Person `json:"differ"`
	// LeftOut are known by the SHA-1 of an address alone, and cannot be looked up.
	LeftOut int64 `json:"left_out"`
	People  int64 `json:"people"` // of whom the sample was drawn
	Seed    int64 `json:"seed"`
}

// workers is how many people are looked up at a time.
const workers = 8

// Sample compares people with Segment, at most so many requests a second.
func Sample(ctx context.Context, api *segmentapi.Profiles, scope Scope, people []state.Sampled, perSecond float64) (Result, error) {
	r := Result{Differ: []Person{}}
	gate := time.NewTicker(max(time.Duration(2*float64(time.Second)/perSecond), time.Nanosecond)) // a person takes two requests
	defer gate.Stop()
	found := make([]*Person, len(people))
	p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError().WithMaxGoroutines(workers)
	var mu sync.Mutex
	for i := range people {
		p.Go(func(ctx context.Context) error {
			select {
			case <-gate.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			one, err := look(ctx, api, scope, &people[i])
			mu.Lock()
			defer mu.Unlock()
			found[i] = one
			return err
		})
	}
	if err := p.Wait(); err != nil {
		return r, err
	}
	r.Sampled = len(people)
	for _, one := range found {
		if one.Unknown {
			r.Unknown++
		}
		if len(one.Differences) == 0 {
			r.Agree++
		} else {
			r.Differ = append(r.Differ, *one)
		}
	}
	r.Share, r.Low, r.High = Wilson(r.Agree, r.Sampled)
	return r, nil
}

func look(ctx context.Context, api *segmentapi.Profiles, scope Scope, who *state.Sampled) (*Person, error) {
	id, err := IDOf(who.UserID, who.AnonymousID)
	if err != nil {
		return nil, err
	}
	live, err := Ask(ctx, api, id, false)
	if err != nil {
		return nil, err
	}
	return &Person{ID: id.Value, Unknown: !live.Known, Differences: scope.Compare(who.Traits, &live)}, nil
}

// Wilson returns a share and its 95 % confidence interval by Wilson's score.
func Wilson(agree, of int) (share, low, high float64) {
	if of == 0 {
		return 0, 0, 1
	}
	const z = 1.959963984540054
	n, p := float64(of), float64(agree)/float64(of)
	middle, spread := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	scale := 1 + z*z/n
	return p, max((middle-spread)/scale, 0), min((middle+spread)/scale, 1)
}
