package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// Hosted is a configuration made from the settings of Segment's hosted destination.
type Hosted struct {
	// YAML is the configuration file, with comments. It never contains the Auth Token.
	YAML []byte
	// Traits are the keys of the audiences and traits that a custom mapping names:
	// impact.com was sent no others.
	Traits []string
	// Notes say what was left out and what needs a look.
	Notes []string
}

// FromSegment turns the settings of Segment's destination "Impact Partnership
// Cloud" into a configuration. It accepts them as Segment's app shows them (an
// object of settings), as its Public API returns them (a destination, or a list of
// them, with or without an envelope), as its older Config API does (a list of names
// and values), and as Terraform keeps them (settings as a string of JSON).
// If there are several destinations, id chooses one by its id or name.
// It reads at most 1 MB.
func FromSegment(r io.Reader, id string) (Hosted, error) {
	data, err := readAll(r, mostBytes)
	if err != nil {
		return Hosted{}, err
	}
	root, err := decodeJSON(string(bytes.TrimPrefix(data, []byte("\ufeff"))))
	if err != nil {
		return Hosted{}, fmt.Errorf("not JSON: %w", err)
	}
	found := findHosted(normal(root), nil)
	if id != "" {
		found = slices.DeleteFunc(found, func(d hosted) bool { return d.id != id && d.name != id })
	}
	switch {
	case len(found) == 0 && id != "":
		return Hosted{}, fmt.Errorf("no destination %q of Impact Partnership Cloud in it", id)
	case len(found) == 0:
		return Hosted{}, errors.New("no settings of Impact Partnership Cloud in it: none of its keys is accountSid, campaignId or another of that destination's")
	case len(found) > 1:
		var names []string
		for _, d := range found {
			names = append(names, strings.TrimSpace(fmt.Sprintf("%s %q", d.id, d.name)))
		}
		return Hosted{}, fmt.Errorf("%d destinations of Impact Partnership Cloud: %s", len(found), strings.Join(names, ", "))
	}
	return found[0].write(), nil
}

// Check reads the file as [Load] will, once the environment has what it names.
func (h Hosted) Check() (*Config, error) {
	return read(h.YAML, "impactsync.yaml", "/", func(string) (string, bool) { return "1", true })
}

func decodeJSON(text string) (v any, err error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // ids must not become floats
	err = decoder.Decode(&v)
	return v, err
}

// hosted is one destination, its settings by our spelling of their names.
type hosted struct {
	id, name string
	off      bool
	settings map[string]any
	unknown  []string
}

// hostedSettings are the destination's settings, in the order in which they are
// written. The fallback is written where a setting has no value.
var hostedSettings = []struct {
	name, kind, fallback string
}{
	{"accountSid", "text", " ${IMPACT_ACCOUNT_SID}"},
	{"apiKey", "secret", " ${IMPACT_AUTH_TOKEN}   # or apiKeyFile: a file that holds impact.com's Auth Token"},
	{"campaignId", "text", " ${IMPACT_CAMPAIGN_ID}"}, {"eventTypeId", "text", ""},
	{"iOsAppId", "text", ""}, {"androidAppId", "text", ""},
	{"actionEventNames", "list", ""}, {"installEventNames", "list", ""}, {"pageLoadEventNames", "list", ""},
	{"enablePageEvents", "switch", ""}, {"enableScreenEvents", "switch", ""}, {"enableIdentifyEvents", "switch", ""},
	{"customParameterMapping", "map", ""}, {"customMappingForProducts", "map", ""},
}

// hostedName returns our spelling of a setting, whose case may differ, or "".
func hostedName(name string) string {
	for _, s := range hostedSettings {
		if strings.EqualFold(s.name, name) {
			return s.name
		}
	}
	return ""
}

// normal returns a JSON value in which strings that contain JSON are decoded, and
// lists of pairs are objects.
func normal(v any) any {
	switch v := v.(type) {
	case string:
		if text := strings.TrimSpace(v); strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
			if inner, err := decodeJSON(text); err == nil {
				return normal(inner)
			}
		}
	case map[string]any:
		for key := range v {
			v[key] = normal(v[key])
		}
	case []any:
		pairs := map[string]any{}
		for i := range v {
			v[i] = normal(v[i])
			if key, value, ok := pairOf(v[i]); ok {
				pairs[key] = value
			}
		}
		if len(pairs) > 0 {
			return pairs
		}
	}
	return v
}

// pairOf returns the key and value of an object that is a pair. A key may have a
// path of the Config API before it.
func pairOf(v any) (key string, value any, ok bool) {
	object, _ := v.(map[string]any)
	for _, names := range [][2]string{{"key", "value"}, {"name", "value"}, {"from", "to"}} {
		if value, ok := object[names[1]]; ok && object[names[0]] != nil {
			key := hostedText(object[names[0]])
			return key[strings.LastIndexByte(key, '/')+1:], value, true
		}
	}
	return "", nil, false
}

// findHosted looks for settings at any depth. around is the object that contains v:
// it has the destination's name.
func findHosted(v any, around map[string]any) (found []hosted) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			found = append(found, findHosted(item, around)...)
		}
	case map[string]any:
		if found = hostedOf(v, around); len(found) > 0 {
			return found
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			found = append(found, findHosted(v[key], v)...)
		}
	}
	return found
}

// hostedOf reads an object of settings. It returns nothing for any other object.
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
		id, slug := hostedText(metadata["id"]), hostedText(metadata["slug"])
		if id+slug != "" && id != hostedID && slug != hostedSlug {
			return nil
		}
	}
	d.id, d.name, d.off = hostedText(around["id"]), hostedText(around["name"]), around["enabled"] == false
	return []hosted{d}
}

// hostedFile is the configuration file while it is written.
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
		value := d.settings[s.name]
		switch {
		case s.kind == "secret":
			value = nil
		case isMasked(value):
			f.note("%s is hidden in the file from Segment: it was left out", s.name)
			value = nil
		}
		text := f.setting(s.name, s.kind, value)
		if text == "" && s.name == "campaignId" {
			f.note("campaignId is not set: set IMPACT_CAMPAIGN_ID, or write the program's id into the file")
		}
		if text = cmp.Or(text, s.fallback); text != "" {
			f.line("  %s:%s", s.name, text)
		}
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

// setting returns what stands behind a setting's colon, or "" if it has no value.
func (f *hostedFile) setting(name, kind string, value any) string {
	text := hostedText(value)
	switch {
	case kind == "map":
		return f.mapping(name, value)
	case kind == "list":
		if names := hostedList(value); len(names) > 0 {
			return " [" + strings.Join(names, ", ") + "]"
		}
	case kind == "switch" && (text == "true" || text == "false"):
		return " " + text
	case kind == "switch" && text != "":
		f.note("%s is neither true nor false: it was left out", name)
	case text != "":
		return " " + scalar(text)
	}
	return ""
}

// mapping returns the lines of a custom mapping, and collects the traits that it
// names.
func (f *hostedFile) mapping(name string, value any) string {
	var lines strings.Builder
	pairs, _ := value.(map[string]any)
	for _, parameter := range slices.Sorted(maps.Keys(pairs)) {
		path := strings.TrimPrefix(hostedText(pairs[parameter]), "$.")
		if path == "" || strings.TrimSpace(parameter) == "" {
			f.note("%s: a line without a parameter or without a path was left out", name)
			continue
		}
		if key := traitOf(path); key != "" && name == "customParameterMapping" && !slices.Contains(f.Traits, key) {
			f.Traits = append(f.Traits, key)
		}
		fmt.Fprintf(&lines, "\n    %s: %s", scalar(strings.TrimSpace(parameter)), scalar(path))
	}
	return lines.String()
}

// traitOf returns the trait key that a path of a custom mapping reads, or "".
func traitOf(path string) string {
	key, ok := strings.CutPrefix(strings.TrimPrefix(path, "context."), "traits.")
	if !ok || !plainKey.MatchString(key) || slices.Contains(plainTraits, key) {
		return ""
	}
	return key
}

// plainTraits are the traits that Segment reserves for facts about a person
// (https://segment.com/docs/connections/spec/identify/#traits). They are no
// audiences.
var plainTraits = []string{
	"address", "age", "avatar", "birthday", "company", "createdAt", "description", "email", "firstName",
	"gender", "id", "lastName", "name", "phone", "status", "title", "username", "website",
}

func (d hosted) sources(f *hostedFile) {
	f.line(`
sources:
  - name: events
    kind: events
    url: file://./segment-logs/   # where Segment writes its raw logs: s3://, gs://, azblob:// or file://
    # startAt: 2026-01-31T12:00:00Z   # when you turn the hosted connection off: nothing older is sent`)
	if len(f.Traits) == 0 {
		f.line("# No custom mapping names an audience: the hosted connection sent impact.com none, so adopt none.")
		f.note("impact.com was sent no audience: adopt none, and the first run sends every member")
		return
	}
	traits := strings.Join(f.Traits, ", ")
	f.line(`# The custom mapping names these traits. The hosted connection sent impact.com no others; adopt those of
# them that are audiences, once they stand under traits.include here or in a source of kind audiences:
# %s`, traits)
	f.note("impact.com was sent only: %s. Adopt those of them that are audiences, and no others", traits)
	if hostedText(d.settings["enableIdentifyEvents"]) != "true" {
		f.note("enableIdentifyEvents is off: these traits were sent with conversions and page loads that held them, and not when they changed")
	}
}

// hostedText returns a text, number or boolean as text, or "".
func hostedText(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number, bool:
		return fmt.Sprint(v)
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

// isMasked reports whether Segment hid the value: it shows the last characters of
// a secret after dots.
func isMasked(v any) bool {
	text := hostedText(v)
	return strings.Contains(text, "••") || strings.Contains(text, "****")
}

// plainScalar matches texts that mean themselves in YAML without quotes, but for
// yamlWord's.
var (
	plainScalar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$`)
	yamlWord    = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|null|y|n)$`)
)

// scalar returns a text as a YAML scalar in which ${ does not refer to the
// environment.
func scalar(text string) string {
	text = strings.ReplaceAll(segment.Redact(text), "${", "$${")
	if plainScalar.MatchString(text) && !yamlWord.MatchString(text) {
		return text
	}
	return strconv.Quote(text)
}
