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
	var parser segment.Parser
	for {
		item, err := split.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && item.Flaw != bucket.FlawNone {
			err = fmt.Errorf("%w: %s", errNotJSON, item.Flaw)
		} else if err == nil {
			var v segment.Value
			if v, err = parser.Parse(item.Data); err == nil {
				err = element(v, fn)
			} else {
				err = errNotJSON
			}
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", item.Line, err)
		}
	}
}

// element reads one element: an id, or an object that names one.
func element(v segment.Value, fn func(segment.Identity) error) error {
	if !v.IsObject() {
		ids, ok := texts(v)
		if !ok || v.IsArray() || len(ids) == 0 {
			return errNotJSON
		}
		return user(ids[0], fn)
	}
	data := v.Get("data")
	if !data.Exists() {
		return object(v, fn)
	}
	all := data.Get("suppressed") // an answer of Segment's API, saved as it is
	if !all.IsArray() {
		return errNoneOfID
	}
	for i := range all.Len() {
		one := all.Index(i)
		if !one.IsObject() {
			return errNotJSON
		}
		if err := object(one, fn); err != nil {
			return err
		}
	}
	return nil
}

// object reads an object. Segment's objects are suppressed too; they are nobody.
func object(v segment.Value, fn func(segment.Identity) error) error {
	var names []string
	var values []segment.Value
	v.Each(func(name string, value segment.Value) {
		names, values = append(names, name), append(values, value)
	})
	at := table.Columns{}.Find(names)
	for i, name := range names {
		switch table.Fold(name) {
		case "subjecttype":
			kind, isText := values[i].Str()
			if values[i].Exists() && (!isText || kind != "" && kind != "USER_ID") {
				return nil
			}
		case "subjectids", "subjectid":
			at[table.UserID] = append(at[table.UserID], i)
		}
	}
	var found ids
	some := false
	for kind, columns := range at {
		for _, column := range columns {
			all, ok := texts(values[column])
			if !ok {
				return errNotJSON
			}
			for _, id := range all {
				some = found.add(table.Kind(kind), id) || some
			}
		}
	}
	if !some {
		return errNoneOfID
	}
	return found.person(false, fn)
}

// texts returns a text, a number by its digits, or an array of them; nothing for
// null. It is false for anything else.
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
