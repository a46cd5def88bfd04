package audiences

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/table"
)

var (
	errIDKind      = errors.New("an id that is neither text nor a number")
	errExternalIDs = errors.New(`external_ids is not JSON of the form {"user_id":["..."]}`)
	errTypographic = errors.New("typographic quotes in the JSON: write plain ones, or let Segment write the file again")
	// errScientific ends a list: a person whose digits were cut cannot be told from one
	// who left, and nobody knows what else the spreadsheet changed.
	errScientific = errors.New("ids in scientific notation (such as 1.2E+15): Excel has cut them; export again, with the column as text")
)

// ids are the ids of the person of a row, by their kind.
type ids [table.Kinds][]string

func (p *ids) add(kind table.Kind, id string) {
	if id != "" && kind != table.None {
		p[kind] = append(p[kind], id)
	}
}

// externalKinds are the kinds of id in external_ids by which people are addressed.
var externalKinds = map[string]table.Kind{"user_id": table.UserID, "anonymous_id": table.AnonymousID, "email": table.Email}

// addExternal adds the ids of external_ids: an object that has, by kind of id, a
// text or an array of texts. It is false for anything else.
func (p *ids) addExternal(v segment.Value) bool {
	ok := v.IsObject()
	v.Each(func(kind string, v segment.Value) {
		if !v.IsArray() {
			ok = p.addText(externalKinds[kind], v) && ok
		}
		for i := range v.Len() {
			ok = p.addText(externalKinds[kind], v.Index(i)) && ok
		}
	})
	return ok
}

// addText adds a text, and is false for what is neither a text nor null.
func (p *ids) addText(kind table.Kind, v segment.Value) bool {
	id, ok := v.Str()
	p.add(kind, strings.Clone(id))
	return ok || !v.Exists()
}

// cut reports whether an id is in scientific notation.
func (p *ids) cut() bool {
	scientific := func(id string) bool { return segment.FormOf(strings.TrimSpace(id)) == segment.FormScientific }
	return slices.ContainsFunc(p[table.UserID], scientific) || slices.ContainsFunc(p[table.AnonymousID], scientific)
}

// jsonError returns the most likely reason why JSON cannot be read: the samples on
// Segment's own pages have typographic quotes
// (https://segment.com/docs/engage/audiences/).
func jsonError(text []byte, otherwise error) error {
	if bytes.ContainsAny(text, "“”„‟") {
		return errTypographic
	}
	return otherwise
}
