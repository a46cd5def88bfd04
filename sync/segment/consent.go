package segment

// IntegrationName is the destination's name in the integrations object
// (https://segment.com/docs/connections/destinations/catalog/impact-partnership-cloud/).
const IntegrationName = "Impact Partnership Cloud"

var (
	pathIntegrations = MustPath("integrations")
	pathConsent      = MustPath("context.consent")
)

// Allowed reports whether the message's integrations object lets it go to the
// destination of any of the names ([IntegrationName] if none is given; names
// are case-sensitive). true or an object under a name beats "All": false;
// false under a name beats everything; anything else says nothing.
//
// For messages of Engage only false under a name counts: Segment stamps each
// of its copies with "All": false and the one destination it is meant for, so
// "All" says nothing about a reader of the raw log.
func (m *Message) Allowed(names ...string) bool {
	integrations := m.Lookup(pathIntegrations)
	if !integrations.IsObject() {
		return true
	}
	if len(names) == 0 {
		names = []string{IntegrationName}
	}
	chosen := false
	for _, name := range names {
		v := integrations.Get(name)
		if on, ok := v.Bool(); ok && !on {
			return false
		} else if on || v.IsObject() {
			chosen = true
		}
	}
	all, ok := integrations.Get("All").Bool()
	return chosen || m.Lookup(pathPersonas).IsObject() || all || !ok
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
