package mapping

import (
	"strings"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

// eventTypeID adds the id of the event type: the one set for the event's name, else
// that of all conversions. Installs have a type per app, whose id is the app's;
// the type of all conversions would book them as sales.
func (b *build) eventTypeID(s *step) {
	id := b.mapper.names.lookup(b.msg.Event).typeID
	switch {
	case id != "":
	case b.kind == Install:
		id = b.mapper.appID(b.os)
	default:
		id = b.mapper.settings.EventTypeID
	}
	b.put(s, id)
}

// eventTypeCode adds the event's name if there is no id. If conversions have an id
// and an install has none, no event type has the install's name as its code.
func (b *build) eventTypeCode(s *step) {
	switch {
	case b.typed:
	case b.kind == Install && b.mapper.settings.EventTypeID != "":
		b.refuse("parameter", "no event type for this install: "+b.missingApp()+
			"; eventTypeId is not for installs: fix that, or set eventTypeIds for the event's name, or installEventNames: {only: []} to send no installs")
	// Without the first comma, as in impact.com's own function: commas have a special meaning in its API.
	case !b.put(s, strings.TrimSpace(bounded(strings.Replace(b.msg.Event, ",", "", 1)))):
		b.refuse("parameter", "EventTypeCode, the event's name, is too long or only a comma; set eventTypeIds for it")
	}
}

// missingApp returns which setting is missing for the event type of an install.
func (b *build) missingApp() string {
	switch {
	case b.mapper.appID(b.os) != "":
		return b.appSetting() + " has more than the 10 digits that an EventTypeId may have"
	case b.os == anySystem:
		return "neither context.os.name nor context.device.type says iOS or Android"
	default:
		return b.appSetting() + " is not set"
	}
}

func (b *build) appSetting() string {
	if b.os == apple {
		return "iOsAppId"
	}
	return "androidAppId"
}

// eventCode marks installs.
func (b *build) eventCode(s *step) {
	if b.kind == Install {
		b.put(s, "INSTALL")
	}
}

// AppInstall makes the page load of an install for [impactapi.Client.SendAppInstall],
// which asks impact.com for the click that the install came from. The error is a
// [*Refusal], also for a message that is not an install.
func (m *Mapper) AppInstall(msg *segment.Message, p Person) (Request, error) {
	if m.Route(msg).Kind != Install {
		return Request{}, &Refusal{Class: "parameter", Reason: "not an install"}
	}
	return m.newBuild(msg, p).request(PageLoad)
}

// InstallClick returns the click id in the answer to an install's page load: the one
// it names, else the one in the URL where the click led. It is empty if there is
// none that can be sent.
func (m *Mapper) InstallClick(r *impactapi.AppInstallResult) string {
	var found foundClick
	found.offer(clickText(r.ClickID), true, -1)
	m.searchClick(bounded(r.LandingPage), false, false, &found)
	return strings.Clone(found.id)
}
