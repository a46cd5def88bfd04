package segment

// IntegrationName is the destination's name in the integrations object
// (https://segment.com/docs/connections/destinations/catalog/impact-partnership-cloud/).
const IntegrationName = "Impact Partnership Cloud"

var (
	pathIntegrations = MustPath("integrations")
	pathConsent      = MustPath("context.consent")
)

// Allowed reports whether the message's integrations object lets it go to
// [IntegrationName], which is case-sensitive. true or an object under that name
// beats "All": false; false under it beats everything; anything else has no meaning.
//
// In messages of Engage only false under the name counts: Segment sets "All": false
// in each copy, with the one destination that it is meant for, so "All" says nothing
// about a reader of the raw log.
func (m *Message) Allowed() bool {
	integrations := m.Lookup(pathIntegrations)
	if !integrations.IsObject() {
		return true
	}
	v := integrations.Get(IntegrationName)
	if on, ok := v.Bool(); ok {
		return on
	}
	all, ok := integrations.Get("All").Bool()
	return v.IsObject() || m.Lookup(pathPersonas).IsObject() || all || !ok
}

// ConsentGiven reports whether the person consented to all the required categories, by
// Segment's rules (https://segment.com/docs/privacy/consent-management/). A message
// without a consent object, or with an empty one, may be used. In any other, consent
// to a category is given only by true in categoryPreferences, not by a missing
// category, false or "conflict". Without categoryPreferences no consent is given; the
// page does not mention that case.
func (m *Message) ConsentGiven(required []string) bool {
	if len(required) == 0 {
		return true
	}
	consent := m.Lookup(pathConsent)
	if !consent.IsObject() || consent.Len() == 0 {
		return true
	}
	preferences := consent.Get("categoryPreferences")
	for _, category := range required {
		if given, _ := preferences.Get(category).Bool(); !given {
			return false
		}
	}
	return true
}
