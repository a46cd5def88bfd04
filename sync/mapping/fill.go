package mapping

import (
	"strings"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

func (b *build) campaign(s *step) { b.put(s, b.mapper.settings.CampaignID) }

func (b *build) eventDate(s *step) {
	at := b.at
	if s.custom != nil {
		if text := b.resolve(s.custom); text != "" {
			at = b.customDate(s, text)
		}
	}
	switch now := b.person.Now; {
	case at.IsZero():
		b.refuse("time", "no usable timestamp")
	case !now.IsZero() && at.After(now): // impact.com silently drops it, and a sender's clock may be ahead
		b.note(NoteFuture, s.name)
		b.add(s, formatDate(now))
	default:
		b.add(s, formatDate(at))
	}
}

// customDate returns the date of a custom mapping, but no later than the message's
// receipt; the effective time if it is not a date.
func (b *build) customDate(s *step, text string) time.Time {
	at, ok := segment.ParseTime(text)
	if !ok || !segment.PossibleTime(at) {
		b.note(NoteUnusable, s.name)
		return b.at
	}
	if received := b.msg.ReceivedAt(); !received.IsZero() && at.After(received) {
		b.note(NoteFuture, s.name)
		return received
	}
	return at
}

func (b *build) customerEmail(s *step) {
	if b.on == impactapi.PageLoads && len(b.email) != sha1Digits {
		return
	}
	b.put(s, b.email)
}

var pathPageURL, pathPropertiesURL = segment.MustPath("context.page.url"), segment.MustPath("properties.url")

func (b *build) pageURL(s *step) {
	if b.msg == nil {
		b.put(s, b.mapper.settings.PageURL)
		return
	}
	found := false
	for i := range s.paths {
		text := b.resolve(&s.paths[i])
		if b.put(s, text) {
			return
		}
		found = found || text != ""
	}
	switch {
	case b.msg.Type == "identify" && b.put(s, b.mapper.settings.PageURL):
	case b.mapper.appID(b.os) != "":
		// An app that was opened directly has no URL.
	case found:
		b.refuse("parameter", "PageUrl is not an absolute URL")
	case b.os != anySystem:
		b.refuse("parameter", "no PageUrl, and the app's id is not set (iOsAppId, androidAppId)")
	default:
		b.refuse("parameter", "no PageUrl")
	}
}

func (b *build) property(s *step) { b.put(s, b.mapper.appID(b.os)) }

func (m *Mapper) appID(os system) string {
	switch os {
	case apple:
		return m.settings.IOSAppID
	case android:
		return m.settings.AndroidAppID
	}
	return ""
}

var (
	pathOSName     = segment.MustPath("context.os.name")
	pathDeviceType = segment.MustPath("context.device.type")
)

// systemOf returns the app's system; analytics.js, which runs in browsers, sets
// neither path (https://segment.com/docs/connections/spec/common/).
func systemOf(m *segment.Message) system {
	for _, path := range [...]segment.Path{pathOSName, pathDeviceType} {
		name, _ := m.Lookup(path).Str()
		switch strings.ToLower(name) {
		case "android":
			return android
		case "ios", "ipados", "tvos", "watchos", "visionos", "iphone os":
			return apple
		}
	}
	return anySystem
}
