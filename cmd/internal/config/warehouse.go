package config

import (
	"cmp"
	"fmt"
	"regexp"

	"github.com/impactsync/impactsync/sync/segment"
)

// The readers of a source of kind warehouse.
const (
	ReaderProfilesSync = "profilesSync"
	ReaderEngage       = "engage"
	ReaderQuery        = "query"
	ReaderEvents       = "events"
)

// DiffWarehouse is where the warehouse compares lists with what impact.com was told.
const DiffWarehouse = "warehouse"

// warehouseKeys are those of a source that go with kind warehouse alone.
var warehouseKeys = []string{"dsn", "dsnFile", "reader", "schema", "schemas", "from", "manifest", "timeout", "overlap", "diff", "toldSchema"}

// traitKeys are those of an audience that go with kind warehouse alone.
var traitKeys = []string{"column", "query", "queryFile", "ref"}

// checkWarehouse completes and checks a source of kind warehouse.
func (l *loader) checkWarehouse(key string, s *Source) {
	l.refuse(key, "kind: "+s.Kind, "url", "honourIntegrations", "maxLineBytes", "followLinks")
	if s.AllAudiences {
		l.refuse(key, "kind: "+s.Kind, "traits.include")
	} else {
		l.refuse(key, "kind: "+s.Kind, "traits")
	}
	l.must(s.DSN != "" || s.DSNFile != "", key+".dsn", "is missing", "the database, such as postgres://user:password@host:5432/database, or dsnFile with the path of a file that holds it")
	l.must(s.Reader != "", key+".reader", "is missing", "profilesSync, engage, query or events")
	l.must(s.Timeout >= 0, key+".timeout", "must not be negative", "0s means no limit")
	l.must(s.Overlap >= 0, key+".overlap", "must not be negative", "")
	with := "reader: " + s.Reader
	if s.Reader == ReaderEvents {
		l.refuse(key, with, "audiences", "diff", "toldSchema")
	} else {
		l.refuse(key, with, "overlap", "startAt")
	}
	l.must(len(s.Audiences) > 0 || s.AllAudiences || s.Reader == "" || s.Reader == ReaderEvents, key+".audiences", "is missing: nothing would be read", "the audiences and traits to take, such as audiences: {vip: {}}")
	l.checkSchemas(key, s)
	l.checkDiff(key, s)
	if s.Reader != ReaderEngage {
		l.refuse(key, with, "from")
	}
	if s.Reader != ReaderQuery {
		l.refuse(key, with, "manifest")
	}
	for i := range s.Audiences {
		a := &s.Audiences[i]
		at := fmt.Sprintf("%s.audiences[%q]", key, a.Pattern)
		l.checkTrait(at, a)
		if s.Reader == ReaderQuery {
			l.checkQuery(at, a, s.Manifest != "")
			continue
		}
		l.refuse(at, with, "query", "queryFile", "ref", "columns")
		a.Column = cmp.Or(a.Column, a.SegmentKey())
	}
}

func (l *loader) checkSchemas(key string, s *Source) {
	l.must(s.Schema == "" || !l.isSet(key+".schemas"), key+".schemas", "schema and schemas are both set", "keep one of them")
	several := s.Reader == ReaderEngage || s.Reader == ReaderEvents
	l.must(several || len(s.Schemas) < 2, key+".schemas", "only the readers engage and events take several schemas", "make a source of each")
	if s.Schema != "" && len(s.Schemas) == 0 {
		s.Schemas = []string{s.Schema}
	}
}

// checkDiff checks where lists are compared.
func (l *loader) checkDiff(key string, s *Source) {
	if s.Diff != DiffWarehouse {
		l.refuse(key, "diff: local", "toldSchema")
		return
	}
	l.must(s.ToldSchema != "", key+".toldSchema", "is missing", "a schema of the warehouse that is impactsync's own; docs/sources.md has the statements that make it")
	for _, own := range s.Schemas {
		l.must(own != s.ToldSchema, key+".toldSchema", "is a schema that is read", "one of its own: impactsync needs the right to write there, and nowhere else")
	}
	for i := range s.Audiences {
		a := &s.Audiences[i]
		l.must(a.Authority == "" || a.Authority == "list", fmt.Sprintf("%s.audiences[%q].authority", key, a.Pattern), "does not go with diff: warehouse", "list, or diff: local: what messages say would have to be compared with values that are only in the warehouse")
	}
	for i := range l.config.Sources {
		o := &l.config.Sources[i]
		l.must(o.Name == s.Name || o.ToldSchema != s.ToldSchema || o.sameWarehouse(s), key+".toldSchema", fmt.Sprintf("is that of source %q, which has another dsn", o.Name), "another schema")
	}
}

// sameWarehouse reports whether two sources are of one warehouse, as far as the
// configuration tells.
func (s *Source) sameWarehouse(o *Source) bool { return s.DSN == o.DSN && s.DSNFile == o.DSNFile }

// keyed are names that are keys already.
var keyed = regexp.MustCompile(`^[a-z0-9_]+$`)

// SegmentKey returns the key of a warehouse's audience in Segment: the name by which it
// is configured, if it can be one.
func (a *Audience) SegmentKey() string {
	if keyed.MatchString(a.Pattern) {
		return a.Pattern
	}
	return cmp.Or(a.Key, segment.TraitKey(a.Pattern))
}

// checkTrait completes and checks an audience or trait of a warehouse.
func (l *loader) checkTrait(at string, a *Audience) {
	l.refuse(at, "kind: "+KindWarehouse, "list", "parts")
	a.Key, a.Name = cmp.Or(a.Key, a.SegmentKey()), cmp.Or(a.Name, a.Pattern)
	l.must(a.Key != "", at, "no trait key can be made of this name", "write the audience's key in Segment instead")
	a.List, a.Value = "full", cmp.Or(a.Value, "membership")
}

// checkQuery checks that an audience has one statement or model, and reads its file.
func (l *loader) checkQuery(at string, a *Audience, manifest bool) {
	set := 0
	for _, one := range []string{".query", ".queryFile", ".ref"} {
		if l.isSet(at + one) { // the text of a queryFile may be there already, for another destination
			set++
		}
	}
	l.must(set == 1, at, "needs one of query, queryFile and ref", "such as query: SELECT user_id FROM vip")
	l.must(a.Ref == "" || manifest, at+".ref", "needs the source's manifest", "the path of dbt's target/manifest.json")
	if a.QueryFile != "" {
		const most = 1 << 20
		text, err := readFile(a.QueryFile, most)
		l.must(err == nil, at+".queryFile", fmt.Sprintf("cannot be read: %v", err), "a file with one SELECT statement")
		a.Query = string(text)
	}
	a.Column = cmp.Or(a.Column, "value")
}
