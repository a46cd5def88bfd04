package suppressions

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/table"
)

var (
	errNotJSON  = errors.New("not JSON: want an array, or an object with a userId in each line")
	errNoneOfID = errors.New("no userId, user_id, subjectIds or email")
)

// objects reads NDJSON, or an array over any number of lines.
func objects(r io.Reader, fn func(segment.Identity) error) error {
	split := bucket.NewSplitter(r, longestLine)
	o := table.NewObjects(table.Columns{})
	for {
		item, err := split.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && item.Flaw != bucket.FlawNone {
			err = fmt.Errorf("%w: %s", errNotJSON, item.Flaw)
		} else if err == nil {
			err = element(o, item.Data, fn)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", item.Line, err)
		}
	}
}

// element reads one element: an id, or an object that names one.
func element(o *table.Objects, text []byte, fn func(segment.Identity) error) error {
	v, err := o.Parse(text)
	if err != nil {
		return errNotJSON
	}
	if !v.IsObject() {
		ids, ok := texts(v)
		if !ok || v.IsArray() || len(ids) == 0 {
			return errNotJSON
		}
		return user(ids[0], fn)
	}
	data := v.Get("data")
	if !data.Exists() {
		return object(o, v, fn)
	}
	all := data.Get("suppressed") // an answer of Segment's API that was saved
	if !all.IsArray() {
		return errNoneOfID
	}
	for i := range all.Len() {
		if !all.Index(i).IsObject() {
			return errNotJSON
		}
		if err := object(o, all.Index(i), fn); err != nil {
			return err
		}
	}
	return nil
}

// object reads an object. Segment suppresses objects, too; they are not people.
func object(o *table.Objects, v segment.Value, fn func(segment.Identity) error) error {
	o.Read(v)
	kind, _ := o.Get("subjecttype")
	if text, isText := kind.Str(); kind.Exists() && (!isText || text != "" && text != "USER_ID") {
		return nil
	}
	var found ids
	ok := true
	add := func(kind table.Kind, v segment.Value) {
		all, good := texts(v)
		ok = ok && good
		for _, id := range all {
			found.add(kind, id)
		}
	}
	for kind, i := range o.IDs.All() {
		add(kind, o.At(i))
	}
	for _, name := range []string{"subjectids", "subjectid"} {
		subjects, _ := o.Get(name)
		add(table.UserID, subjects)
	}
	switch {
	case !ok:
		return errNotJSON
	case found.none():
		return errNoneOfID
	}
	return found.person(false, fn)
}

// texts returns a text, the digits of a number, those of an array of these, or
// nothing for null. It is false for anything else.
func texts(v segment.Value) (all []string, ok bool) {
	if v.IsArray() {
		for i := range v.Len() {
			some, ok := texts(v.Index(i))
			if !ok {
				return nil, false
			}
			all = append(all, some...)
		}
		return all, true
	}
	text, ok := v.Str()
	if !ok {
		text, ok = v.Number()
	}
	if ok {
		all = []string{strings.Clone(text)}
	}
	return all, ok || !v.Exists()
}
