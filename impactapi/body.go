package impactapi

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
)

// body is the object that an answer holds. Its keys are in lower case, since
// impact.com uses both errors and Errors, status and Status.
type body map[string]any

// brokenOff is a value in which an answer ends.
type brokenOff struct{}

// parseBody reads JSON or XML and reports whether it was either, in a shape
// that impact.com uses. What breaks off is read as far as it goes.
func parseBody(text []byte) (body, bool) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	switch {
	case bytes.HasPrefix(text, []byte("{")):
		return parseJSON(text)
	case bytes.HasPrefix(text, []byte("<")):
		return parseXML(text)
	}
	return nil, false
}

func parseJSON(text []byte) (body, bool) {
	if b, ok := parsePlain(text); ok {
		return b, true
	}
	return parseAny(text)
}

func parseAny(text []byte) (b body, ok bool) {
	var whole map[string]any
	if err := decoder(text).Decode(&whole); err != nil {
		return parseByKey(text)
	}
	b = make(body, len(whole))
	for key, value := range whole {
		b[strings.ToLower(key)] = value
	}
	if len(b) < len(whole) { // one key in two cases: the last one counts
		return parseByKey(text)
	}
	return b, true
}

func decoder(text []byte) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d
}

// parseByKey reads an object key by key, so that an answer that breaks off still
// counts as far as it goes. It is not ok if not even the first key can be read.
func parseByKey(text []byte) (b body, ok bool) {
	b = body{}
	d := decoder(text)
	_, err := d.Token() // the brace
	for err == nil && d.More() {
		var key json.Token
		if key, err = d.Token(); err != nil {
			break
		}
		var value any
		if err = d.Decode(&value); err != nil {
			value = brokenOff{}
		}
		b[strings.ToLower(fmt.Sprint(key))] = value
	}
	if err == nil {
		_, err = d.Token()
	}
	return b, err == nil || len(b) > 0
}

// element is any element of XML.
type element struct {
	XMLName  xml.Name
	Text     string    `xml:",chardata"`
	Children []element `xml:",any"`
}

func parseXML(text []byte) (body, bool) {
	var root element
	d := xml.NewDecoder(bytes.NewReader(text))
	d.Strict = false // impact.com was seen not to escape ampersands
	if err := d.Decode(&root); err != nil || root.XMLName.Local != "ImpactRadiusResponse" {
		return nil, false
	}
	b := root.object()
	return b, len(b) > 0
}

func (e *element) object() body {
	b := body{}
	for i := range e.Children {
		child := &e.Children[i]
		key := strings.ToLower(child.XMLName.Local)
		b[key] = child.Text
		if key == "errors" || key == "warnings" {
			list := []any{}
			for j := range child.Children {
				list = append(list, map[string]any(child.Children[j].object()))
			}
			b[key] = list
		}
	}
	return b
}

// has reports whether the body has one of the keys.
func (b body) has(keys ...string) bool {
	for _, key := range keys {
		if _, found := b[key]; found {
			return true
		}
	}
	return false
}

// text returns a string, number or boolean as text; anything else is blank, since
// one odd value must not hide the others.
func (b body) text(key string) string {
	switch v := b[key].(type) {
	case string:
		return v
	case json.Number, bool:
		return fmt.Sprint(v)
	}
	return ""
}

// list returns the objects of an array. A bare text becomes an object's message.
func (b body) list(key string) []body {
	values, _ := b[key].([]any)
	all := make([]body, len(values))
	for i, value := range values {
		object, isObject := value.(map[string]any)
		if !isObject {
			object = map[string]any{"message": value}
		}
		all[i] = body{}
		for name, v := range object {
			all[i][strings.ToLower(name)] = v
		}
	}
	return all
}

// blank reports whether a value says nothing: an empty list of errors is none.
func blank(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return strings.TrimSpace(v) == ""
	case json.Number:
		return v == "0"
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
