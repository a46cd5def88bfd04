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
// beats "All": false; false under it beats everything; anything else says nothing.
//
// For messages of Engage only false under the name counts: Segment stamps each
// of its copies with "All": false and the one destination it is meant for, so
// "All" says nothing about a reader of the raw log.
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

// ConsentGiven reports whether the person consented to all the required
// categories, by Segment's rules
// (https://segment.com/docs/privacy/consent-management/): a message without a
// consent object, or with an empty one, flows; in any other, a category that is
// not true in categoryPreferences (missing, false, "conflict") is not given.
// A consent object without categoryPreferences gives none; no page says so.
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
