// Package catalogue says what Segment knows of the traits that a run applies: whether
// each is there, enabled and computed, and how many profiles it has.
package catalogue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/segmentapi"
)

// Config says whom to ask, and what follows from the answers.
type Config struct {
	API          *segmentapi.Public
	Space        string
	Required     bool          // an error of Read is the run's
	Keep         time.Duration // how long old answers count; 0: for ever
	Accepted     []string      // words of status with which a trait is applied
	Unchecked    []string      // patterns of keys that are applied whatever Segment says
	Suppressions bool          // whom Segment suppresses is taken out
	Far          float64       // share of Segment's size by which ours may differ; 0: any
	// Keys are Segment's keys of traits that have others here.
	Keys map[string]string
}

// SegmentKey returns a trait's key in Segment.
func (c *Config) SegmentKey(key string) string { return cmp.Or(c.Keys[key], key) }

// Catalogue is what Segment said last. Read comes first; the other methods then are
// safe for concurrent use.
type Catalogue struct {
	Config
	known  map[state.Class]map[string]state.Computation
	reads  map[string]state.CatalogueRead
	traits map[string]state.TraitFeed // that the state has
	now    time.Time
}

// New returns a catalogue that knows nothing.
func New(c Config) *Catalogue { return &Catalogue{Config: c} }

var classes = []state.Class{state.Audience, state.Computed}

// Read asks Segment, and stores the answers. Without an answer the last one counts; why
// there is none is the first result, which is the error of the run only if the
// configuration says so. A part of a catalogue never counts.
func (c *Catalogue) Read(ctx context.Context, db *state.DB, now time.Time) (unread []error, err error) {
	for _, class := range classes {
		all, failed := c.ask(ctx, class)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if failed != nil {
			unread = append(unread, failed)
			err = db.NoteCatalogue(ctx, string(class), failed.Error())
		} else {
			err = db.StoreCatalogue(ctx, class, all)
		}
		if err != nil {
			return nil, err
		}
	}
	return unread, c.Load(ctx, db, now)
}

func (c *Catalogue) ask(ctx context.Context, class state.Class) ([]state.Computation, error) {
	get := c.API.Audiences
	if class == state.Computed {
		get = c.API.ComputedTraits
	}
	found, err := get(ctx, c.Space)
	all := make([]state.Computation, 0, len(found))
	for _, f := range found {
		one := state.Computation{Key: f.Key, Class: class, ID: f.ID, Name: f.Name, Enabled: f.Enabled, Status: f.Status}
		if f.Size != nil && (f.Size.Type == "" || f.Size.Type == "USERS") {
			one.Size = &f.Size.Count
		}
		if f.Key != "" {
			all = append(all, one)
		}
	}
	return all, err
}

// Load reads what the state has of Segment's answers.
func (c *Catalogue) Load(ctx context.Context, db *state.DB, now time.Time) error {
	known, err := db.Catalogue(ctx)
	if err != nil {
		return err
	}
	c.reads, c.now = known.Reads, now
	c.known = map[state.Class]map[string]state.Computation{state.Audience: {}, state.Computed: {}}
	for _, one := range known.Computations {
		c.known[one.Class][one.Key] = one
	}
	c.traits, err = db.TraitFeeds(ctx)
	return err
}

// readAt returns when a class was read to its end.
func (c *Catalogue) readAt(class state.Class) time.Time { return c.reads[string(class)].At }

// counts reports whether what was said of a class still counts.
func (c *Catalogue) counts(class state.Class) bool {
	at := c.readAt(class)
	return !at.IsZero() && (c.Keep == 0 || c.now.Sub(at) <= c.Keep)
}

// Outdated says which classes Segment said nothing of that counts, and since when.
func (c *Catalogue) Outdated() (why string) {
	for _, class := range classes {
		if c.counts(class) {
			continue
		}
		last := "never"
		if at := c.readAt(class); !at.IsZero() {
			last = at.UTC().Format(time.RFC3339)
		}
		return fmt.Sprintf("Segment's catalogue (class %s) was last read %s: nothing is refused because of it", class, last)
	}
	return ""
}

// Refusal says why a trait is not applied, or "". The class is "" if it is not known.
// What Segment said of a class counts as long as the configuration says.
func (c *Catalogue) Refusal(key string, class state.Class) string {
	if matches(c.Unchecked, key) {
		return ""
	}
	if one, found := c.find(key, class); found {
		return c.against(one)
	}
	for _, k := range classes {
		if (class == "" || class == k) && !c.counts(k) {
			return "" // it may be one that cannot be seen
		}
	}
	return fmt.Sprintf("Segment has no %s with this key", cmp.Or(words[class], "audience or computed trait"))
}

var words = map[state.Class]string{state.Audience: "audience", state.Computed: "computed trait"}

func (c *Catalogue) find(key string, class state.Class) (state.Computation, bool) {
	for _, k := range classes {
		if one, found := c.known[k][c.SegmentKey(key)]; found && c.counts(k) && (class == "" || class == k) {
			return one, true
		}
	}
	return state.Computation{}, false
}

func (c *Catalogue) against(one state.Computation) string {
	switch {
	case !one.Enabled || same(one.Status, "Disabled"):
		return "it is disabled in Segment"
	case one.Status != "" && !slices.ContainsFunc(c.Accepted, func(s string) bool { return same(s, one.Status) }):
		return "Segment's status of it is " + one.Status
	}
	return ""
}

// same compares words of status: Segment writes some with and some without spaces.
func same(x, y string) bool {
	fold := strings.NewReplacer(" ", "", "_", "").Replace
	return strings.EqualFold(fold(x), fold(y))
}

func matches(patterns []string, key string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, key); return ok })
}

// Takes reports whether a source with audiences: all takes a message about an audience,
// which was received at a time. It takes those that Segment has and that are not
// disabled, those that we know, and, since messages may be newer than the catalogue,
// those that Segment did not know of yet. What is refused of them is held, so that no
// message is lost while an audience is computed.
func (c *Catalogue) Takes(key string, received time.Time) bool {
	one, found := c.known[state.Audience][key]
	switch {
	case found && one.Enabled && !same(one.Status, "Disabled"), c.Knows(key):
		return true
	}
	return received.After(c.readAt(state.Audience))
}

// Audiences returns those of which a source with audiences: all reads lists: all that are
// enabled, and those that we know, of which a run then says why they are not applied.
func (c *Catalogue) Audiences() (all []state.Computation) {
	for _, key := range slices.Sorted(maps.Keys(c.known[state.Audience])) {
		if one := c.known[state.Audience][key]; one.Enabled && !same(one.Status, "Disabled") || c.Knows(key) {
			all = append(all, one)
		}
	}
	return all
}

// Knows reports whether the state had a trait when Segment was asked.
func (c *Catalogue) Knows(key string) bool { return c.traits[key].Source != "" }

// Traits returns what the state knew of its traits.
func (c *Catalogue) Traits() map[string]state.TraitFeed { return c.traits }

// leastFar is a difference of which nothing is said, however large its share is.
const leastFar = 10

// Distance says that our number of members is far from Segment's, or "".
func (c *Catalogue) Distance(key string, ours int64) string {
	one, found := c.find(key, state.Audience)
	if !found || one.Size == nil || c.Far == 0 {
		return ""
	}
	difference := math.Abs(float64(ours - *one.Size))
	if difference < leastFar || difference <= c.Far*float64(*one.Size) {
		return ""
	}
	return fmt.Sprintf("members here: %d, profiles in Segment: %d", ours, *one.Size)
}

// Hint says what to do about an answer that did not come.
func Hint(err error) string {
	switch {
	case segmentapi.Refused(err):
		return "segment.token is not the token of a workspace owner, or the workspace is in another region (segment.region)"
	case segmentapi.NotFound(err):
		return "segment.spaceId names no space of the workspace, or the workspace is in another region (segment.region), or has no such API"
	case errors.Is(err, context.DeadlineExceeded):
		return "Segment's API is slow; the next run asks again"
	}
	return "what Segment said last counts as long as segment.keepFor says"
}

// Look reads Segment's catalogue for a command that only looks: nothing is stored. The
// state may be nil. Without an answer the last one counts.
func (c *Catalogue) Look(ctx context.Context, db *state.DB, now time.Time) (unread []error, err error) {
	c.reads, c.now = map[string]state.CatalogueRead{}, now
	c.known = map[state.Class]map[string]state.Computation{}
	if db != nil {
		if err := c.Load(ctx, db, now); err != nil {
			return nil, err
		}
	}
	for _, class := range classes {
		if c.API == nil {
			break
		}
		all, failed := c.ask(ctx, class)
		if failed != nil {
			unread = append(unread, failed)
			continue
		}
		c.reads[string(class)] = state.CatalogueRead{At: now}
		c.known[class] = map[string]state.Computation{}
		for _, one := range all {
			c.known[class][one.Key] = one
		}
	}
	return unread, nil
}

// All returns what Segment has, by class and key.
func (c *Catalogue) All() (all []state.Computation) {
	for _, class := range classes {
		for _, key := range slices.Sorted(maps.Keys(c.known[class])) {
			all = append(all, c.known[class][key])
		}
	}
	return all
}

// Has reports whether Segment has a trait, or may have it: it was not asked.
func (c *Catalogue) Has(key string, class state.Class) bool {
	_, found := c.known[class][c.SegmentKey(key)]
	return found || c.readAt(class).IsZero()
}
