package suppressions

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
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
	for {
		item, err := split.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && item.Flaw != bucket.FlawNone {
			err = fmt.Errorf("%w: %s", errNotJSON, item.Flaw)
		} else if err == nil {
			err = object(item.Data, fn)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", item.Line, err)
		}
	}
}

// object reads one element: an id, or an object that names one. No error holds any of it.
func object(data []byte, fn func(segment.Identity) error) error {
	if data[0] != '{' {
		var ids texts
		if data[0] == '[' || json.Unmarshal(data, &ids) != nil || len(ids) == 0 {
			return errNotJSON
		}
		return user(ids[0], fn)
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil { // its text may quote the line
		return errNotJSON
	}
	if all, ok := fields["data"]; ok { // an answer of Segment's API, saved as it is
		var answer struct{ Suppressed []json.RawMessage }
		if json.Unmarshal(all, &answer) != nil || answer.Suppressed == nil {
			return errNoneOfID
		}
		for _, one := range answer.Suppressed {
			if len(one) == 0 || one[0] != '{' {
				return errNotJSON
			}
			if err := object(one, fn); err != nil {
				return err
			}
		}
		return nil
	}
	return fieldsOf(fields, fn)
}

// fieldsOf reads an object. Segment's objects are suppressed too; they are nobody.
func fieldsOf(fields map[string]json.RawMessage, fn func(segment.Identity) error) error {
	names := slices.Sorted(maps.Keys(fields))
	at := table.Columns{}.Find(names)
	for i, name := range names {
		switch table.Fold(name) {
		case "subjecttype":
			if kind := string(fields[name]); kind != `"USER_ID"` && kind != `""` && kind != "null" {
				return nil
			}
		case "subjectids", "subjectid":
			at.Users = append(at.Users, i)
		}
	}
	var ids [3][]string
	for i, columns := range [...][]int{at.Users, at.Anons, at.Emails} {
		for _, column := range columns {
			var some texts
			if json.Unmarshal(fields[names[column]], &some) != nil {
				return errNotJSON
			}
			ids[i] = append(ids[i], slices.DeleteFunc(some, func(id string) bool { return strings.TrimSpace(id) == "" })...)
		}
	}
	if len(ids[0])+len(ids[1])+len(ids[2]) == 0 {
		return errNoneOfID
	}
	return person(ids[0], ids[1], ids[2], false, fn)
}

// texts are a text, a number by its digits, an array of them, or null.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(raw []byte) error {
	switch raw[0] {
	case '[':
		var all []texts
		err := json.Unmarshal(raw, &all)
		for _, one := range all {
			*t = append(*t, one...)
		}
		return err
	case '"':
		var one string
		err := json.Unmarshal(raw, &one)
		*t = texts{one}
		return err
	case 'n':
		return nil
	}
	var number json.Number
	err := json.Unmarshal(raw, &number)
	*t = texts{string(number)}
	return err
}
