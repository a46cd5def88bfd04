package config

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/token"
)

// Load reads, completes and checks the configuration in a file. It opens the
// file and apiKeyFile and nothing else. What is wrong inside the file comes
// back as [Problems], all of them at once. Relative paths in the file
// (state.path, apiKeyFile, file://./ URLs) are taken from the file's folder.
func Load(path string, getenv Lookup) (*Config, error) {
	data, folder, err := open(path)
	if err != nil {
		return nil, err
	}
	return read(data, path, folder, getenv)
}

// open gives the file's text and its folder.
func open(path string) (data []byte, folder string, err error) {
	if data, err = os.ReadFile(path); err != nil {
		return nil, "", fmt.Errorf("read the configuration: %w (name another file with --config)", err)
	}
	if folder, err = filepath.Abs(filepath.Dir(path)); err != nil {
		return nil, "", fmt.Errorf("find the folder of %q: %w", path, err)
	}
	return data, folder, nil
}

// read is Load after the file was read.
func read(data []byte, file, folder string, getenv Lookup) (*Config, error) {
	c, problems := decode(data, file, folder, getenv)
	if len(problems) > 0 {
		return nil, problems
	}
	return c, nil
}

// decode gives what the file says and what is wrong with it, in the file's
// order; nil for a file that is not YAML.
func decode(data []byte, file, folder string, getenv Lookup) (*Config, Problems) {
	c := &Config{}
	d := &decoder{file: file, lookup: getenv, places: map[string]*token.Position{}, raw: map[string]string{}}
	if !d.decode(data, c) {
		return nil, d.problems
	}
	l := loader{decoder: d, config: c, folder: folder}
	l.emptied()
	l.defaults()
	l.paths()
	l.secrets()
	l.check()
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return c, d.problems
}

// loader completes and checks a decoded configuration.
type loader struct {
	*decoder
	config *Config
	folder string
}

// isSet reports whether the file sets the key.
func (l loader) isSet(key string) bool { return l.places[key] != nil }

// problem notes a problem of a key.
func (l loader) problem(key, message, hint string) {
	for _, other := range l.problems {
		if other.Key == key {
			return // a value of the wrong type is not also missing
		}
	}
	l.problems = append(l.problems, l.about(key, message, hint))
}

// warn notes what works but should be mended.
func (l loader) warn(key, message, hint string) {
	l.config.Warnings = append(l.config.Warnings, l.about(key, message, hint))
}

// about places a problem at its key, or at the nearest section around it that
// the file has.
func (l loader) about(key, message, hint string) Problem {
	p := Problem{File: l.file, Key: key, Message: message, Hint: hint}
	if pos := l.near(key); pos != nil {
		p.Line, p.Column = pos.Line, pos.Column
	}
	return p
}

// quote shows a key's value as it stands in the file: what the environment
// made of it may be a secret in the wrong place.
func (l loader) quote(key, value string) string {
	return strconv.Quote(cmp.Or(l.raw[key], value))
}

func (l loader) near(key string) *token.Position {
	for key != "" {
		if pos := l.places[key]; pos != nil {
			return pos
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return nil
}

// The defaults, as the documentation states them.
const (
	defaultTrackingURL = "https://trkapi.impact.com"
	defaultAPIURL      = "https://api.impact.com"
	defaultSegmentURL  = "https://api.segmentapis.com"
	defaultStatePath   = "/var/lib/impactsync/state.db"
	defaultSchedule    = "0 */2 * * *"
)

// emptied refuses what the environment made empty where the default would do
// harm: a trial would reach impact.com, or a new state tell everybody again.
func (l loader) emptied() {
	c := l.config
	for key, value := range map[string]string{
		"destination.trackingURL": c.Destination.TrackingURL, "destination.apiURL": c.Destination.APIURL, "state.path": c.State.Path,
	} {
		if raw := l.raw[key]; raw != "" && value == "" {
			l.problem(key, "is empty: the environment has no value for "+raw, "give it one, or remove the key for the default")
		}
	}
}

func (l loader) defaults() {
	c := l.config
	d := &c.Destination
	d.UnusableItems = cmp.Or(d.UnusableItems, "refuse")
	d.OrderDiscount = cmp.Or(d.OrderDiscount, "auto")
	d.MissingOrderID = cmp.Or(d.MissingOrderID, "messageId")
	d.DecimalSign = cmp.Or(d.DecimalSign, "auto")
	for _, list := range d.eventLists() {
		list.names.Replace = l.isSet(list.key + ".only")
	}
	orUnset(l, "destination.appInstall", &d.AppInstall, true)
	d.TrackingURL = cmp.Or(d.TrackingURL, defaultTrackingURL)
	d.APIURL = cmp.Or(d.APIURL, defaultAPIURL)
	c.State.Path = cmp.Or(c.State.Path, defaultStatePath)
	orUnset(l, "maxEventAge", &c.MaxEventAge, 720*time.Hour)
	c.Privacy.Suppressed = cmp.Or(c.Privacy.Suppressed, SuppressedSendFalse)
	c.Privacy.SegmentURL = cmp.Or(c.Privacy.SegmentURL, defaultSegmentURL)
	c.DefaultCurrency = cmp.Or(c.DefaultCurrency, "USD")
	c.Schedule = cmp.Or(c.Schedule, defaultSchedule)
	c.TimeZone = cmp.Or(c.TimeZone, "UTC")
	l.guards(&c.Guard)
	l.deliveryDefaults()
	c.Conversions.Verify = cmp.Or(c.Conversions.Verify, "1%")
	for i := range c.Sources {
		l.sourceDefaults(fmt.Sprintf("sources[%d]", i), &c.Sources[i])
	}
}

func (l loader) deliveryDefaults() {
	d := &l.config.Delivery
	d.Workers = cmp.Or(d.Workers, 16)
	d.Unknown.PageLoads = cmp.Or(d.Unknown.PageLoads, "resend")
	d.Unknown.Conversions = cmp.Or(d.Unknown.Conversions, "resend")
	orUnset(l, "delivery.coalesce", &d.Coalesce, true)
	orUnset(l, "delivery.requestTimeout", &d.RequestTimeout, 10*time.Second)
	orUnset(l, "delivery.attributionWait", &d.AttributionWait, 6*time.Hour)
	orUnset(l, "delivery.pageLoadsPerSecond", &d.PageLoadsPerSecond, 100)
	orUnset(l, "delivery.conversionsPerHour", &d.ConversionsPerHour, 900)
}

func (l loader) sourceDefaults(key string, s *Source) {
	s.MaxLineBytes = cmp.Or(s.MaxLineBytes, 1<<20)
	orUnset(l, key+".honourIntegrations", &s.HonourIntegrations, true)
	for i := range s.Audiences {
		a := &s.Audiences[i]
		a.OnMissing = cmp.Or(a.OnMissing, "keep")
		l.guard(fmt.Sprintf("%s.audiences[%q].guard", key, a.Pattern), &a.Guard, l.config.Guard.Guard())
	}
}

func (l loader) guard(key string, g *Guard, otherwise Guard) {
	orUnset(l, key+".maxExits.percent", &g.MaxExits.Percent, otherwise.MaxExits.Percent)
	orUnset(l, key+".maxExits.atLeast", &g.MaxExits.AtLeast, otherwise.MaxExits.AtLeast)
	g.MaxJoins.On = otherwise.MaxJoins.On || l.isSet(key+".maxJoins")
	orUnset(l, key+".maxJoins.percent", &g.MaxJoins.Percent, otherwise.MaxJoins.Percent)
	orUnset(l, key+".maxJoins.atLeast", &g.MaxJoins.AtLeast, otherwise.MaxJoins.AtLeast)
	g.FirstSync = cmp.Or(g.FirstSync, otherwise.FirstSync)
}

func (l loader) guards(g *Guards) {
	const key = "guard"
	general := g.Guard()
	l.guard(key, &general, Guard{MaxExits{30, 100}, MaxJoins{Percent: 100, AtLeast: 100}, "pass"})
	g.MaxExits, g.MaxJoins, g.FirstSync = general.MaxExits, general.MaxJoins, general.FirstSync
	g.Conversions.On = l.isSet(key + ".conversions")
	orUnset(l, key+".conversions.percent", &g.Conversions.Percent, 300)
	orUnset(l, key+".conversions.atLeast", &g.Conversions.AtLeast, 100)
	orUnset(l, key+".maxSuppressions.percent", &g.MaxSuppressions.Percent, 30)
	orUnset(l, key+".maxSuppressions.atLeast", &g.MaxSuppressions.AtLeast, 100)
	for i := range g.Keys {
		k := &g.Keys[i]
		own := k.Guard()
		l.guard(fmt.Sprintf("%s.keys[%q]", key, k.Key), &own, g.Guard())
		k.MaxExits, k.MaxJoins, k.FirstSync = own.MaxExits, own.MaxJoins, own.FirstSync
	}
}

// orUnset gives v its default where the file does not set the key: for values
// whose zero means something.
func orUnset[T any](l loader, key string, v *T, otherwise T) {
	if !l.isSet(key) {
		*v = otherwise
	}
}

// paths makes relative paths absolute.
func (l loader) paths() {
	c := l.config
	l.fromFolder(&c.State.Path)
	l.fromFolder(&c.Destination.APIKeyFile)
	l.fromFolder(&c.Privacy.HashKeyFile)
	l.fromFolder(&c.Privacy.SegmentTokenFile)
	l.urlFromFolder(&c.Privacy.SuppressionList)
	for i := range c.Sources {
		l.urlFromFolder(&c.Sources[i].URL)
	}
}

func (l loader) urlFromFolder(text *string) {
	if rest, ok := strings.CutPrefix(*text, "file://./"); ok {
		folder := url.URL{Path: filepath.ToSlash(l.folder)}
		*text = "file://" + folder.EscapedPath() + "/" + rest
	}
}

func (l loader) fromFolder(path *string) {
	if *path != "" && !filepath.IsAbs(*path) {
		*path = filepath.Join(l.folder, *path)
	}
}
