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
)

// warehouseKeys are those of a source that go with kind warehouse alone.
var warehouseKeys = []string{"dsn", "dsnFile", "reader", "schema", "schemas", "timeout"}

// checkWarehouse completes and checks a source of kind warehouse.
func (l *loader) checkWarehouse(key string, s *Source) {
	l.refuse(key, "kind: "+s.Kind, "url", "traits", "honourIntegrations", "startAt", "maxLineBytes", "followLinks")
	l.must(s.DSN != "" || s.DSNFile != "", key+".dsn", "is missing", "the database, such as postgres://user:password@host:5432/database, or dsnFile with the path of a file that holds it")
	l.must(s.Reader != "", key+".reader", "is missing", "profilesSync, engage or query")
	l.must(s.Timeout >= 0, key+".timeout", "must not be negative", "0s means no limit")
	l.must(len(s.Audiences) > 0 || s.Reader == "", key+".audiences", "is missing: nothing would be read", "the audiences and traits to take, such as audiences: {vip: {}}")
	l.checkSchemas(key, s)
	for i := range s.Audiences {
		l.checkTrait(fmt.Sprintf("%s.audiences[%q]", key, s.Audiences[i].Pattern), &s.Audiences[i])
	}
}

func (l *loader) checkSchemas(key string, s *Source) {
	l.must(s.Schema == "" || len(s.Schemas) == 0, key+".schemas", "schema and schemas are both set", "keep one of them")
	l.must(s.Reader == ReaderEngage || len(s.Schemas) < 2, key+".schemas", "only reader: engage takes several schemas", "make a source of each")
	if s.Schema != "" && len(s.Schemas) == 0 {
		s.Schemas = []string{s.Schema}
	}
}

// keyed are names that are keys already.
var keyed = regexp.MustCompile(`^[a-z0-9_]+$`)

// checkTrait completes and checks an audience or trait of a warehouse. The name by
// which it is configured is its key in Segment if it can be one.
func (l *loader) checkTrait(at string, a *Audience) {
	l.refuse(at, "kind: "+KindWarehouse, "list", "parts")
	key := a.Pattern
	if !keyed.MatchString(key) {
		key = cmp.Or(a.Key, segment.TraitKey(key))
	}
	l.must(key != "", at, "no trait key can be made of this name", "write the audience's key in Segment instead")
	a.Column, a.Key, a.Name = cmp.Or(a.Column, key), cmp.Or(a.Key, key), cmp.Or(a.Name, a.Pattern)
	a.List, a.Value = "full", cmp.Or(a.Value, "membership")
}
