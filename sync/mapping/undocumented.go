package mapping

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/impactapi"
)

// integration is what we call ourselves to impact.com.
const integration = "impactsync"

// undocumented are the lines of parameters that impact.com's own function sends
// and no document of version 14 lists for that call. Each is sent only if the
// settings name it: impact.com may refuse, or warn of, what it does not document,
// and a location is personal data.
var undocumented = []line{
	{name: "AppName", on: impactapi.Conversions, paths: []string{"context.app.name"}, source: fromClassic, rule: "cut to the limit"},
	{name: "AppleAdTrack", on: both, os: apple, paths: []string{"context.device.adTrackingEnabled"}, source: fromClassic, rule: "Apple systems only"},
	{name: "DeviceCarrier", on: both, paths: []string{"context.network.carrier"}, source: fromClassic, rule: "cut to the limit"},
	{name: "DeviceLocale", on: both, paths: []string{"context.locale"}, source: fromClassic, rule: "cut to the limit"},
	{name: "DeviceOs", on: both, paths: []string{"context.device.type", "context.os.name"}, source: fromFunction, rule: "cut to the limit"},
	{name: "DeviceOsVer", on: both, paths: []string{"context.os.version"}, source: fromClassic, rule: "cut to the limit"},
	{name: "IntegrationSource", on: both, fill: (*build).integrationSource, source: fromFunction, rule: "`" + integration + "`"},
	{name: "IntegrationVersion", on: both, fill: (*build).integrationVersion, source: fromFunction, rule: "the version of this program"},
	{name: "Latitude", on: both, paths: []string{"context.location.latitude"}, fill: (*build).coordinate, source: fromClassic, rule: "a number of degrees; left out otherwise"},
	{name: "Longitude", on: both, paths: []string{"context.location.longitude"}, fill: (*build).coordinate, source: fromClassic, rule: "a number of degrees; left out otherwise"},
	{name: "MobileApp", on: both, os: apple, fill: (*build).mobileApp, source: fromFunction, rule: "`true` for an app on Apple systems"},
}

// Undocumented returns the parameters that are sent only if
// [Settings.UndocumentedParameters] names them.
func Undocumented() []string {
	names := make([]string, len(undocumented))
	for i := range undocumented {
		names[i] = undocumented[i].name
	}
	return names
}

// sentLines returns the table with the undocumented lines that are wanted.
func sentLines(wanted []string) []line {
	lines := slices.Clone(table)
	at := slices.IndexFunc(lines, func(l line) bool { return l.name == "EventTypeId" }) // after those of the device
	for _, l := range undocumented {
		if slices.Contains(wanted, l.name) {
			lines = slices.Insert(lines, at, l)
			at++
		}
	}
	return lines
}

func (s Settings) checkUndocumented() (problems []error) {
	for _, name := range s.UndocumentedParameters {
		if !slices.Contains(Undocumented(), name) {
			problems = append(problems, fmt.Errorf("destination.undocumentedParameters: %q is not one of %s", name, strings.Join(Undocumented(), ", ")))
		}
	}
	return problems
}

func (s Settings) checkClickNames() (problems []error) {
	for i, name := range s.ClickIDNames {
		if name == "" || len(name) > 255 || strings.ContainsAny(name, "?#&=%@ ") {
			problems = append(problems, fmt.Errorf("destination.clickIdNames: name %d is empty, too long or not a URL parameter, such as im_ref", i+1))
		}
	}
	return problems
}

func containsFold(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

func (b *build) integrationSource(s *step) { b.put(s, integration) }

func (b *build) integrationVersion(s *step) { b.put(s, b.mapper.settings.Version) }

func (b *build) mobileApp(s *step) {
	if b.os == apple {
		b.put(s, "true")
	}
}

func (b *build) coordinate(s *step) {
	text := strings.TrimSpace(b.resolve(&s.paths[0]))
	if degrees, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(degrees) <= 180 {
		b.put(s, text)
	}
}
