package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
)

// hostedID and hostedSlug name Segment's destination "Impact Partnership Cloud"
// in its catalogue
// (https://github.com/segmentio/segment-docs/blob/747b35d8f5f1889b041f2101185d562d7c4c016e/src/_data/catalog/destinations.yml).
const (
	hostedID   = "5ed96e0b97e7ba0c0346cc04"
	hostedSlug = "impact-partnership-cloud"
)

// MaxHosted is the most that [FromSegment] reads, in bytes.
const MaxHosted = 1 << 20

// Hosted is what the settings of Segment's hosted destination say.
type Hosted struct {
	// YAML is a configuration file of ours, with comments. The Auth Token is
	// never in it.
	YAML []byte
	// Traits are the keys of the audiences and traits that a custom mapping
	// names: impact.com was told of no others.
	Traits []string
	// Notes say what was left out and what is to be looked at.
	Notes []string
}

// FromSegment turns the settings of Segment's destination "Impact Partnership
// Cloud" into a configuration of ours. It takes them as Segment's app shows
// them (an object of settings), as its Public API answers (a destination, or a
// list of them, in an envelope or not), as its older Config API does (a list of
// names and values), and as Terraform has them (settings as a text of JSON).
// Of several destinations, id says which; it may be empty for one.
func FromSegment(data []byte, id string) (Hosted, error) {
	var root any
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	decoder.UseNumber() // ids are not to become floats
	if err := decoder.Decode(&root); err != nil {
		return Hosted{}, fmt.Errorf("not JSON: %w", err)
	}
	found := findHosted(root, nil)
	if id != "" {
		found = slices.DeleteFunc(found, func(d hosted) bool { return d.id != id && d.name != id })
	}
	switch {
	case len(found) == 0 && id != "":
		return Hosted{}, fmt.Errorf("no destination %q of Impact Partnership Cloud in it", id)
	case len(found) == 0:
		return Hosted{}, errors.New("no settings of Impact Partnership Cloud in it: none of its keys is accountSid, campaignId or another of that destination's")
	case len(found) > 1:
		return Hosted{}, fmt.Errorf("%d destinations of Impact Partnership Cloud: %s", len(found), hostedNames(found))
	}
	return found[0].write(), nil
}

// hosted is one destination: its settings by our spelling of their names.
type hosted struct {
	id, name string
	off      bool
	settings map[string]any
	unknown  []string
}

func hostedNames(all []hosted) string {
	var names []string
	for _, d := range all {
		names = append(names, strings.TrimSpace(fmt.Sprintf("%s %q", d.id, d.name)))
	}
	return strings.Join(names, ", ")
}

// hostedSetting is a setting of the destination, in the order in which it is written.
type hostedSetting struct {
	name, kind string
}

var hostedSettings = []hostedSetting{
	{"accountSid", "text"}, {"apiKey", "secret"}, {"campaignId", "number"}, {"eventTypeId", "number"},
	{"iOsAppId", "number"}, {"androidAppId", "number"},
	{"actionEventNames", "list"}, {"installEventNames", "list"}, {"pageLoadEventNames", "list"},
	{"enablePageEvents", "switch"}, {"enableScreenEvents", "switch"}, {"enableIdentifyEvents", "switch"},
	{"customParameterMapping", "map"}, {"customMappingForProducts", "map"},
}

// hostedName gives the spelling of a setting that is written in another case.
func hostedName(name string) string {
	for _, s := range hostedSettings {
		if strings.EqualFold(s.name, name) {
			return s.name
		}
	}
	return ""
}

// findHosted looks for settings at any depth; around is the object that holds
// them, which has the destination's name.
func findHosted(v any, around map[string]any) []hosted {
	var found []hosted
	switch v := v.(type) {
	case []any:
		if settings := namedValues(v); len(settings) > 0 {
			return hostedOf(settings, around)
		}
		for _, item := range v {
			found = append(found, findHosted(item, around)...)
		}
	case map[string]any:
		if all := hostedOf(v, around); len(all) > 0 {
			return all
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			found = append(found, findHosted(unpacked(v[key]), v)...)
		}
	}
	return found
}

// unpacked reads a text that is JSON itself.
func unpacked(v any) any {
	text, ok := v.(string)
	if !ok || !strings.HasPrefix(strings.TrimSpace(text), "{") && !strings.HasPrefix(strings.TrimSpace(text), "[") {
		return v
	}
	var inner any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&inner) != nil {
		return v
	}
	return inner
}

// namedValues reads a list of {"name": ..., "value": ...} as an object.
func namedValues(list []any) map[string]any {
	settings := map[string]any{}
	for _, item := range list {
		object, _ := item.(map[string]any)
		name, _ := object["name"].(string)
		value, has := object["value"]
		if name = name[strings.LastIndexByte(name, '/')+1:]; name == "" || !has {
			return nil
		}
		settings[name] = value
	}
	return settings
}

// hostedOf reads an object of settings; none where it is another object.
func hostedOf(settings, around map[string]any) []hosted {
	d := hosted{settings: map[string]any{}}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if name := hostedName(key); name != "" {
			d.settings[name] = settings[key]
		} else {
			d.unknown = append(d.unknown, key)
		}
	}
	// apiKey alone may be any destination's.
	if _, key := d.settings["apiKey"]; len(d.settings) == 0 || key && len(d.settings) == 1 {
		return nil
	}
	if metadata, ok := around["metadata"].(map[string]any); ok {
		id, _ := metadata["id"].(string)
		slug, _ := metadata["slug"].(string)
		if (id != "" || slug != "") && id != hostedID && slug != hostedSlug {
			return nil
		}
	}
	d.id, _ = around["id"].(string)
	d.name, _ = around["name"].(string)
	if enabled, ok := around["enabled"].(bool); ok {
		d.off = !enabled
	}
	return []hosted{d}
}

// hostedFile is the file in the making.
type hostedFile struct {
	Hosted
	text bytes.Buffer
}

func (f *hostedFile) note(format string, args ...any) {
	f.Notes = append(f.Notes, fmt.Sprintf(format, args...))
}

func (f *hostedFile) line(format string, args ...any) { fmt.Fprintf(&f.text, format+"\n", args...) }

func (d hosted) write() Hosted {
	f := &hostedFile{}
	f.line("# Made from the settings of Segment's destination Impact Partnership Cloud by: impactsync config import")
	f.line("destination:")
	for _, s := range hostedSettings {
		d.setting(f, s)
	}
	f.line("  # pageUrl: https://www.example.com/   # PageUrl of trait updates: set it when sources have traits or audiences")
	d.sources(f)
	if len(d.unknown) > 0 {
		f.note("settings that are not of this destination were left out: %s", strings.Join(d.unknown, ", "))
	}
	if d.off {
		f.note("the destination is turned off in Segment")
	}
	f.YAML = f.text.Bytes()
	return f.Hosted
}

func (d hosted) setting(f *hostedFile, s hostedSetting) {
	value := unpacked(d.settings[s.name])
	if isMasked(value) && s.kind != "secret" {
		f.note("%s is hidden in the file that Segment gave: it was left out", s.name)
		value = nil
	}
	switch {
	case s.kind == "secret":
		f.line("  apiKey: ${IMPACT_AUTH_TOKEN}   # or apiKeyFile: a file that holds impact.com's Auth Token")
	case s.name == "accountSid" && hostedText(value) == "":
		f.line("  accountSid: ${IMPACT_ACCOUNT_SID}")
	case s.name == "campaignId" && hostedText(value) == "":
		f.line("  campaignId: ${IMPACT_CAMPAIGN_ID}")
		f.note("campaignId is not set: set IMPACT_CAMPAIGN_ID, or write the program's id into the file")
	case s.kind == "switch":
		if text := hostedText(value); text == "true" || text == "false" {
			f.line("  %s: %s", s.name, text)
		} else if text != "" {
			f.note("%s is neither true nor false: it was left out", s.name)
		}
	case s.kind == "list":
		if names := hostedList(value); len(names) > 0 {
			f.line("  %s: [%s]", s.name, strings.Join(names, ", "))
		}
	case s.kind == "map":
		d.mapping(f, s.name, value)
	case hostedText(value) != "" && s.kind == "number":
		f.line("  %s: %q", s.name, hostedText(value))
	case hostedText(value) != "":
		f.line("  %s: %s", s.name, scalar(hostedText(value)))
	}
}

// mapping writes a custom mapping and gathers the traits that it names.
func (d hosted) mapping(f *hostedFile, name string, value any) {
	pairs := hostedMap(value)
	var lines []string
	for _, parameter := range slices.Sorted(maps.Keys(pairs)) {
		path := strings.TrimPrefix(strings.TrimSpace(pairs[parameter]), "$.")
		if path == "" || strings.TrimSpace(parameter) == "" {
			f.note("%s: a line without a parameter or without a path was left out", name)
			continue
		}
		if name == "customParameterMapping" {
			if key, ok := traitOf(path); ok && !slices.Contains(f.Traits, key) {
				f.Traits = append(f.Traits, key)
			}
		}
		lines = append(lines, fmt.Sprintf("    %s: %s", scalar(strings.TrimSpace(parameter)), scalar(path)))
	}
	if len(lines) > 0 {
		f.line("  %s:", name)
		f.line("%s", strings.Join(lines, "\n"))
	}
}

// traitOf is the trait key that a path of a custom mapping reads.
func traitOf(path string) (string, bool) {
	path = strings.TrimPrefix(path, "context.")
	key, ok := strings.CutPrefix(path, "traits.")
	return key, ok && plainKey.MatchString(key) && !slices.Contains(plainTraits, key)
}

// plainTraits are traits that Segment reserves for what is known of a person
// (https://segment.com/docs/connections/spec/identify/#traits): no audiences.
var plainTraits = []string{
	"address", "age", "avatar", "birthday", "company", "createdAt", "description", "email", "firstName",
	"gender", "id", "lastName", "name", "phone", "status", "title", "username", "website",
}

func (d hosted) sources(f *hostedFile) {
	f.line("")
	f.line("sources:")
	f.line("  - name: events")
	f.line("    kind: events")
	f.line("    url: file://./segment-logs/   # where Segment writes its raw logs: s3://, gs://, azblob:// or file://")
	f.line("    # startAt: 2026-01-31T12:00:00Z   # when you turn the hosted connection off: nothing older is sent")
	if len(f.Traits) == 0 {
		f.line("# No custom mapping names an audience: the hosted connection told impact.com of none, so adopt none.")
		f.note("impact.com was sent no audience: adopt none, and the first run sends every member")
		return
	}
	f.line("# The custom mapping names these traits. The hosted connection told impact.com of no other; adopt those of")
	f.line("# them that are audiences, once they stand under traits.include here or in a source of kind audiences:")
	f.line("# %s", strings.Join(f.Traits, ", "))
	f.note("impact.com was told only of: %s. Adopt those of them that are audiences, and no others", strings.Join(f.Traits, ", "))
	if on := hostedText(d.settings["enableIdentifyEvents"]); on != "true" {
		f.note("enableIdentifyEvents is off: these traits were sent with conversions and page loads that held them, and not when they changed")
	}
}

// hostedText is a text, number or boolean as text.
func hostedText(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func hostedList(v any) (names []string) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, item := range list {
		if name := hostedText(item); name != "" {
			names = append(names, scalar(name))
		}
	}
	return names
}

// hostedMap reads an object, or a list of pairs, of texts.
func hostedMap(v any) map[string]string {
	pairs := map[string]string{}
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			pairs[key] = hostedText(value)
		}
	case []any:
		for _, item := range v {
			pair, _ := item.(map[string]any)
			for _, names := range [][2]string{{"key", "value"}, {"name", "value"}, {"from", "to"}} {
				if key := hostedText(pair[names[0]]); key != "" {
					pairs[key] = hostedText(pair[names[1]])
					break
				}
			}
		}
	}
	return pairs
}

// isMasked reports whether Segment hid the value: it shows the last characters
// of a secret after dots.
func isMasked(v any) bool {
	text := hostedText(v)
	return strings.Contains(text, "••") || strings.Contains(text, "****")
}

var plainScalar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`)

// scalar writes a text as YAML has it. Texts that YAML reads as something else
// are quoted, and a reference to the environment stays a text.
func scalar(text string) string {
	text = strings.ReplaceAll(segment.Redact(text), "${", "$${")
	switch strings.ToLower(text) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		return strconv.Quote(text)
	}
	if plainScalar.MatchString(text) {
		return text
	}
	return strconv.Quote(text)
}

// Check reads the file as [Load] will, once the environment has what it names.
func (h Hosted) Check() (*Config, error) {
	return read(h.YAML, "impactsync.yaml", "/", func(string) (string, bool) { return "1", true })
}
