package mapping

import (
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// TraitValue is a trait and the text to send for it: true or false for an audience.
type TraitValue struct {
	Key, Value string
}

// TraitUpdate is one or more changed traits of one person.
type TraitUpdate struct {
	Identity segment.Identity
	Values   []TraitValue
	At       time.Time // when the newest of them became wanted
	Now      time.Time
}

// maxTraitValue is the limit of any text whose limit is not documented
// (https://integrations.impact.com/brand-api-reference/readme/requests).
const maxTraitValue = 255

// Trait makes the page load that carries trait values, each under its key, or
// returns a [*Refusal]. impact.com documents no such parameter on a page load; the
// account's owner has to find out what it makes of them.
//
// A hashed e-mail address alone does not identify a page load.
func (m *Mapper) Trait(u TraitUpdate) (Request, error) {
	b := &build{mapper: m, person: Person{Now: u.Now, Traits: u.value}, kind: PageLoad, on: impactapi.PageLoads}
	b.identity = m.settings.Placeholders.Identity(u.Identity.UserID, u.Identity.AnonymousID, u.Identity.EmailSHA1)
	b.email, b.at = b.identity.EmailSHA1, u.At
	if !u.At.IsZero() && !segment.PossibleTime(u.At) { // a list from an archive, or a time that an older version took from a message
		b.at = u.Now
	}
	if m.settings.PageURL == "" {
		b.refuse("parameter", "no PageUrl: set destination.pageUrl")
	}
	b.run(m.traits)
	b.traits(u.Values)
	return b.finish()
}

func (u TraitUpdate) value(key string) (string, bool) {
	for _, v := range u.Values {
		if v.Key == key {
			return v.Value, true
		}
	}
	return "", false
}

func (b *build) traits(values []TraitValue) {
	for _, v := range values {
		if err := CheckTraitKey(v.Key); err != nil {
			b.refuse("parameter", err.Error())
			return
		}
		text, cut := cutText(bounded(v.Value), maxTraitValue)
		if cut {
			b.note(NoteCut, v.Key)
		}
		b.params.Add(v.Key, segment.CleanText(text))
	}
}
