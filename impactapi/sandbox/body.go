package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/impactsync/impactsync/impactapi"
)

// maxRequest bounds a request's body. impact.com documents no bound; 60 items with
// every parameter take a tenth of it.
const maxRequest = 1 << 20

var (
	errBodyType = errors.New("Content-Type must be application/x-www-form-urlencoded or application/json")
	errTooLarge = errors.New("request body is too large")
)

// readForm reads the parameters of the query and of the body.
func readForm(r *http.Request) (impactapi.Params, error) {
	form, err := impactapi.ParseForm(r.URL.RawQuery)
	if err != nil || r.Body == nil || r.Body == http.NoBody {
		return form, err
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		return nil, fmt.Errorf("read request body: %w", err)
	}
	if len(text) > maxRequest {
		return nil, errTooLarge
	}
	if len(text) == 0 {
		return form, nil
	}
	body, err := parseBody(r.Header.Get("Content-Type"), text)
	return append(form, body...), err
}

func parseBody(contentType string, text []byte) (impactapi.Params, error) {
	switch kind, _, _ := mime.ParseMediaType(contentType); kind {
	case "application/x-www-form-urlencoded":
		return impactapi.ParseForm(string(text))
	case "application/json":
		return parseJSON(text)
	}
	return nil, errBodyType
}

// parseJSON reads a flat object in its order. An array is a repeated name; numbers
// keep their digits.
func parseJSON(text []byte) (impactapi.Params, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("the JSON body must be an object")
	}
	var form impactapi.Params
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read JSON body: %w", err)
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("read JSON body: %w", err)
		}
		if form, err = appendValue(form, name.(string), value); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return form, err
}

func appendValue(form impactapi.Params, name string, value any) (impactapi.Params, error) {
	switch v := value.(type) {
	case nil:
		return form, nil
	case string:
		form.Add(name, v)
	case json.Number, bool:
		form.Add(name, fmt.Sprint(v))
	case []any:
		for _, one := range v {
			if _, nested := one.([]any); nested {
				return nil, fmt.Errorf("JSON value of %q is nested", name)
			}
			var err error
			if form, err = appendValue(form, name, one); err != nil {
				return nil, err
			}
		}
	default:
		return nil, fmt.Errorf("JSON value of %q is nested", name)
	}
	return form, nil
}
