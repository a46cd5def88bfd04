package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/catalogue"
	"github.com/impactsync/impactsync/sync/source"
)

// RefusedAudience is an audience or computed trait of which nothing was applied or sent,
// because of what Segment says of it.
type RefusedAudience struct {
	Key  string `json:"key"`
	Why  string `json:"why"`
	Held int64  `json:"held"` // changes that wait until Segment says otherwise
}

// refusing is what Segment's catalogue means for a run.
type refusing struct {
	refused map[string]string // why, by key
	lists   map[string]bool   // keys of lists and changes files that are not read
}

// askSegment reads Segment's catalogue before anything is listed, and lets go what it
// no longer refuses.
func (p *pass) askSegment(ctx context.Context) error {
	p.refusing = refusing{map[string]string{}, map[string]bool{}}
	if c := p.Catalogue; c != nil {
		if err := p.readCatalogue(ctx, c); err != nil {
			return err
		}
		for key, t := range c.Traits() {
			p.refuse(key, t.Class)
		}
	}
	if err := p.State.ReleaseTraits(ctx, p.refused); err != nil {
		return fmt.Errorf("let go what Segment no longer refuses: %w", err)
	}
	return nil
}

func (p *pass) readCatalogue(ctx context.Context, c *catalogue.Catalogue) error {
	unread, err := c.Read(ctx, p.State, p.now())
	if err != nil {
		return fmt.Errorf("keep what Segment says: %w", err)
	}
	if !c.Enough(unread) {
		setting := "segment.required"
		if !c.Required {
			setting = "audiences: all, and Segment's catalogue was never read"
		}
		return fmt.Errorf("%s: %w", setting, unread[0])
	}
	for _, why := range unread {
		p.Log.Warn("Segment's catalogue cannot be read; what it said last counts", "error", why, "hint", catalogue.Hint(why))
	}
	if why := c.Outdated(); why != "" {
		p.stale("segment", why)
	}
	return nil
}

// refuse notes whether a trait is refused, and reports it.
func (p *pass) refuse(key string, class state.Class) bool {
	if p.Catalogue == nil || key == "" {
		return false
	}
	why := p.Catalogue.Refusal(key, class)
	if why != "" {
		p.refused[key] = why
	}
	return why != ""
}

// withoutRefused leaves out the lists and changes files of refused traits. They are read
// by the first run in which Segment says otherwise.
func (p *pass) withoutRefused(found []inputs) []inputs {
	refused := func(in source.Input) bool {
		if !p.refuse(in.Key, traitClass(in.Class)) {
			return false
		}
		p.lists[in.Key] = true
		p.Log.Warn("an audience is not applied in this run", "source", in.Source, "trait", in.Key, "why", p.refused[in.Key])
		return true
	}
	for i := range found {
		in := &found[i]
		in.lists, in.changes, in.gone = slices.DeleteFunc(in.lists, refused), slices.DeleteFunc(in.changes, refused), slices.DeleteFunc(in.gone, refused)
	}
	return found
}

// holdRefused holds what is due of refused traits, whatever made it so, and reports them.
func (p *pass) holdRefused(ctx context.Context) error {
	feeds := map[string]state.TraitFeed{}
	if p.Catalogue != nil {
		var err error
		if feeds, err = p.State.TraitFeeds(ctx); err != nil {
			return err
		}
	}
	for key, t := range feeds {
		p.refuse(key, t.Class)
	}
	held, err := p.State.HoldTraits(ctx, p.refused)
	if err != nil {
		return fmt.Errorf("hold what Segment refuses: %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(p.refused)) {
		if p.lists[key] || held[key] > 0 || p.feeds(feeds[key].Source, key) {
			p.report.RefusedAudiences = append(p.report.RefusedAudiences, RefusedAudience{key, p.refused[key], held[key]})
		}
		if held[key] > 0 {
			p.Log.Warn("changes of an audience are held because of what Segment says of it", "trait", key, "why", p.refused[key], "changes", held[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(feeds)) {
		if far := p.far(key, feeds[key].Members); far != "" {
			p.Log.Warn("an audience has a very different size in Segment, which counts profiles and not ids", "trait", key, "sizes", far)
		}
	}
	return nil
}

// far says that an audience's size is far from Segment's, unless it is refused anyway.
func (p *pass) far(key string, members int64) string {
	if p.refused[key] != "" {
		return ""
	}
	return p.Catalogue.Distance(key, members)
}

// refusedNote names the audiences that were refused.
func (r *Report) refusedNote() string {
	first := r.RefusedAudiences[0]
	note := fmt.Sprintf("%s not applied: %s", first.Key, first.Why)
	if more := len(r.RefusedAudiences) - 1; more > 0 {
		note += fmt.Sprintf(" (and %d more)", more)
	}
	return note
}

// suppressedBySegment returns the list of people whom Segment suppresses, or nil.
func (p *pass) suppressedBySegment() *catalogue.Suppressions {
	if p.Catalogue == nil || !p.Catalogue.Suppressions {
		return nil
	}
	return &catalogue.Suppressions{Catalogue: p.Catalogue, State: p.State}
}

// reportSuppressions says what became of reading that list.
func (p *pass) reportSuppressions(s *catalogue.Suppressions) {
	if s == nil || s.Unread == nil {
		return
	}
	p.Log.Warn("Segment's suppressions cannot be read; those whom it named last are taken out", "error", s.Unread, "hint", catalogue.Hint(s.Unread))
	if s.Stale != "" {
		p.stale("segment", s.Stale)
	}
}
