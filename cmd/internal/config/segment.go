package config

import (
	"fmt"
	"reflect"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Segment says how Segment's own APIs are asked (https://docs.segmentapis.com,
// https://segment.com/docs/unify/profile-api/). Without a token they are not.
type Segment struct {
	// Token of the Public API, which a workspace owner makes. Default none: the catalogue of audiences is not read.
	Token Secret `yaml:"token"`
	// A file that holds that token and nothing else.
	TokenFile string `yaml:"tokenFile"`
	// Access token of the space's Profile API, for explain --live and audit. Default none.
	ProfileToken Secret `yaml:"profileToken"`
	// A file that holds that token and nothing else.
	ProfileTokenFile string `yaml:"profileTokenFile"`
	// Where the workspace is: us or eu. Default us.
	Region string `yaml:"region" oneof:"us eu" default:"us"`
	// Id of the space, such as spa_9sd8fg. Required with a token.
	SpaceID string `yaml:"spaceId"`
	// Base of the Public API; https, or a loopback address. Default: the region's.
	APIURL string `yaml:"apiURL" emptied:"refuse"`
	// Base of the Profile API; https, or a loopback address. Default: the region's.
	ProfileURL string `yaml:"profileURL" emptied:"refuse"`
	// Fail a run (exit 1) in which the Public API cannot be read; false: warn, and go on with what it said last. Default false.
	Required bool `yaml:"required"`
	// How long what it said last counts while it cannot be read; after that nothing is refused because of it, and runs exit with 3. Default 72h; 0s: for ever.
	KeepFor time.Duration `yaml:"keepFor" default:"72h"`
	// Read Segment's suppressed users in each run, as privacy.segmentToken does. Default true.
	Suppressions bool `yaml:"suppressions" default:"true"`
	// Segment's words of status with which an audience or computed trait is applied; Segment documents the words, and not what each means. Default Live, Not Computing, Awaiting Destinations.
	AcceptStatuses []string `yaml:"acceptStatuses"`
	// Trait keys (path.Match) that are applied whatever Segment says of them, such as those of lists that are no audiences of the space. Default none.
	Unchecked []string `yaml:"unchecked"`
	// Warn if the members here differ from Segment's size by more than this share of it; profiles are not ids, so they are never quite the same. off: never. Default 30%.
	SizeDifference string `yaml:"sizeDifference" default:"30%"`
	// Requests a second to the Profile API; Segment allows 100 for a space, for all who ask. Default 50.
	ProfilesPerSecond float64 `yaml:"profilesPerSecond" range:"0.1 100" default:"50"`
	// audit exits with 3 if a smaller share of the people agrees with Segment. Default 95%.
	MinAgreement string `yaml:"minAgreement" default:"95%"`
}

// Share returns SizeDifference as a number; 0 for off.
func (s *Segment) Share() float64 {
	share, _ := parseShare(s.SizeDifference) // checked when it was loaded
	return share
}

// Agreement returns MinAgreement as a number.
func (s *Segment) Agreement() float64 {
	share, _ := parseShare(s.MinAgreement) // checked when it was loaded
	return share
}

// segmentBases are the regions' addresses: the Public API's and the Profile API's.
var segmentBases = map[string][2]string{
	"us": {"https://api.segmentapis.com", "https://profiles.segment.com"},
	"eu": {"https://eu1.api.segmentapis.com", "https://profiles.euw1.segment.com"},
}

// segmentSecrets lists the secrets of segment.
func (c *Config) segmentSecrets() []secretOf {
	s := &c.Segment
	return []secretOf{
		{&s.Token, &s.TokenFile, "segment.token", "the token of Segment's Public API", false},
		{&s.ProfileToken, &s.ProfileTokenFile, "segment.profileToken", "the access token of Segment's Profile API", false},
	}
}

// checkSegment completes and checks the block.
func (l *loader) checkSegment() {
	s := &l.config.Segment
	if !l.isSet("segment.acceptStatuses") {
		s.AcceptStatuses = []string{"Live", "Not Computing", "Awaiting Destinations"}
	}
	bases := segmentBases[s.Region]
	for i, url := range []*string{&s.APIURL, &s.ProfileURL} {
		if *url == "" {
			*url = bases[i]
		}
	}
	l.checkHost("segment.apiURL", s.APIURL)
	l.checkHost("segment.profileURL", s.ProfileURL)
	asked := s.Token != "" || s.TokenFile != "" || s.ProfileToken != "" || s.ProfileTokenFile != ""
	l.must(s.SpaceID != "" || !asked, "segment.spaceId", "is missing", "the id of the space: Unify, Settings, API access shows it")
	l.must(s.KeepFor >= 0, "segment.keepFor", "must not be negative", "0s means for ever")
	l.checkGlobs("segment.unchecked", s.Unchecked)
	_, share := parseShare(s.SizeDifference)
	l.must(share, "segment.sizeDifference", l.quote("segment.sizeDifference", s.SizeDifference)+" is not a share", "off, or a share such as 30%")
	_, share = parseShare(s.MinAgreement)
	l.must(share, "segment.minAgreement", l.quote("segment.minAgreement", s.MinAgreement)+" is not a share", "a share such as 95%")
	for i := range l.config.Sources {
		all := l.config.Sources[i].AllAudiences
		l.must(!all || s.Token != "" || s.TokenFile != "", "segment.token", "is missing", "audiences: all needs Segment's catalogue: set segment.tokenFile and spaceId")
	}
	if s.Suppressions && s.Token != "" && l.config.Privacy.SegmentToken != "" {
		l.warn("privacy.segmentToken", "Segment's suppressions are read twice, by it and by the segment block", "keep one of them; privacy.segmentToken stops a run that cannot read them")
	}
}

// allAudiences reports whether a value is audiences: all. Its place says so until the
// sources are decoded.
func (l *loader) allAudiences(p place, t reflect.Type) bool {
	text, ok := p.node.(*ast.StringNode)
	if ok = ok && t == audiencesType && text.Value == "all"; ok {
		l.raw[p.path] = "all"
	}
	return ok
}

// markAll marks the sources with audiences: all.
func (l *loader) markAll() {
	for i := range l.config.Sources {
		s, key := &l.config.Sources[i], fmt.Sprintf("sources[%d].audiences", i)
		s.AllAudiences = l.raw[key] == "all"
		lists := s.Kind == KindWarehouse && (s.Reader == ReaderProfilesSync || s.Reader == ReaderEngage)
		l.must(!s.AllAudiences || s.Kind == KindEvents || lists, key, "all goes with kind: events, and with the readers profilesSync and engage", "name the audiences, or remove it where files say which there are")
	}
}
