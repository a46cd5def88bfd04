package impactapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"strings"
	"unicode"
)

// wireBody is what answers of every kind hold: encoding/json ignores the case
// of keys, and impact.com uses both errors and Errors, status and Status.
type wireBody struct {
	Status       loose    `xml:"Status"`
	Message      loose    `xml:"Message"`
	Title        loose    `xml:"-"`
	Errors       []notice `xml:"Errors>Error"`
	Warnings     []notice `xml:"Warnings>Warning"`
	QueuedURI    loose    `json:"QueuedUri" xml:"QueuedUri"`
	ClickID      loose    `json:"clickId" xml:"-"`
	LandingPage  loose    `json:"landingPage" xml:"-"`
	SessionStart loose    `json:"sessionStart" xml:"-"`
}

type notice struct {
	Field   loose `xml:"Field"`
	Level   loose `xml:"Level"`
	Message loose `xml:"Message"`
}

// UnmarshalJSON takes the documented object, and a bare text in its place.
func (n *notice) UnmarshalJSON(text []byte) error {
	if text[0] != '{' {
		return json.Unmarshal(text, &n.Message)
	}
	type plain notice
	err := json.Unmarshal(text, (*plain)(n))
	if isTypeError(err) {
		return nil
	}
	return err
}

// loose is a JSON string, number or boolean as text; anything else is blank.
type loose string

// UnmarshalJSON never refuses: one odd field must not hide the others.
func (l *loose) UnmarshalJSON(text []byte) error {
	*l = ""
	switch c := text[0]; {
	case c == '"':
		var s string
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		*l = loose(s)
	case c == '-' || isDigit(c) || c == 't' || c == 'f':
		*l = loose(text)
	}
	return nil
}

func isTypeError(err error) bool {
	var wrong *json.UnmarshalTypeError
	return errors.As(err, &wrong)
}

// parseBody reads JSON or XML and reports whether it was either, in a shape
// that impact.com uses.
func parseBody(text []byte) (body wireBody, ok bool) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return body, false
	}
	switch text[0] {
	case '{':
		err := json.Unmarshal(text, &body)
		return body, err == nil || isTypeError(err)
	case '<':
		return parseXML(text)
	}
	return body, false
}

func parseXML(text []byte) (wireBody, bool) {
	var envelope struct {
		XMLName xml.Name `xml:"ImpactRadiusResponse"`
		wireBody
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.Strict = false // impact.com was seen not to escape ampersands
	if err := d.Decode(&envelope); err != nil {
		return wireBody{}, false
	}
	return envelope.wireBody, true
}

// judge turns an answer into an error, or fills it in. It is the one place
// that knows what HTTP says.
func (c *Client) judge(a *answer, errRead error) *Error {
	body, ok := parseBody(a.text)
	a.body = body
	e := &Error{Status: a.status, Rate: a.rate, Sent: SentAnswered}
	switch {
	case a.status >= 300 && a.status < 400:
		e.Message = "redirects are not followed: check the configured URLs"
		return e
	case a.status < 200 || a.status >= 400 || ok && strings.EqualFold(string(body.Status), "ERROR"):
		c.fill(e, body, a.text)
		return e
	case ok:
		a.warnings = c.fields(body)
		return nil
	case errRead != nil && looksOurs(a.text):
		a.warnings = []FieldError{{Level: "WARNING", Message: "the answer could not be read to its end: " + errRead.Error()}}
		return nil
	case len(bytes.TrimSpace(a.text)) == 0:
		return nil
	}
	// Some other server: believing it would mark everything as delivered.
	e.Message = "not an answer of impact.com, check the configured URLs: " + c.excerpt(a.text)
	return e
}

// looksOurs tells the beginning of an answer of impact.com from a web page.
func looksOurs(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) == 0 || text[0] == '{' ||
		bytes.HasPrefix(text, []byte("<?xml")) || bytes.HasPrefix(text, []byte("<ImpactRadius"))
}

func (c *Client) fill(e *Error, body wireBody, text []byte) {
	e.Fields = c.fields(body)
	e.Message = c.clean(cmp.Or(string(body.Message), string(body.Title)))
	if e.Message == "" && len(e.Fields) == 0 {
		e.Message = c.excerpt(text)
	}
	if strings.EqualFold(e.Message, http.StatusText(e.Status)) {
		e.Message = ""
	}
}

// fields is errors, then warnings, as impact.com words them.
func (c *Client) fields(body wireBody) []FieldError {
	if len(body.Errors)+len(body.Warnings) == 0 {
		return nil
	}
	all := make([]FieldError, 0, len(body.Errors)+len(body.Warnings))
	add := func(notices []notice, level string) {
		for _, n := range notices {
			all = append(all, FieldError{
				Field:   c.name(string(n.Field)),
				Level:   strings.ToUpper(c.clean(cmp.Or(string(n.Level), level))),
				Message: c.clean(string(n.Message)),
			})
		}
	}
	add(body.Errors, "ERROR")
	add(body.Warnings, "WARNING")
	return all
}

// maxExcerpt is how many characters of somebody else's text an error shows.
const maxExcerpt = 200

func (c *Client) excerpt(text []byte) string { return c.clean(string(text)) }

// clean makes foreign text fit to be logged: printable, one line, short, no
// credentials, no addresses. It cuts last, or a cut address would escape.
func (c *Client) clean(s string) string {
	return cut(redactTokens(c.name(s)), maxExcerpt)
}

// name is clean for parameter names: callers compare them, so they stay whole
// and may look like a token.
func (c *Client) name(s string) string {
	s = oneLine(s)
	for _, secret := range []string{c.config.AuthToken, c.config.AccountSID} {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "[token]")
		}
	}
	return redactEmails(s)
}

func cut(s string, characters int) string {
	runes := []rune(s)
	return string(runes[:min(len(runes), characters)])
}

func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
