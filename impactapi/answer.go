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

// wireBody is what answers of every kind hold: the case of keys does not count,
// and impact.com uses both errors and Errors, status and Status.
type wireBody struct {
	Status       loose    `xml:"Status"`
	Message      loose    `xml:"Message"`
	Title        loose    `xml:"-"`
	Errors       []notice `xml:"Errors>Error"`
	Warnings     []notice `xml:"Warnings>Warning"`
	QueuedURI    loose    `xml:"QueuedUri"`
	ActionID     loose    `xml:"ActionId"`
	ActionURI    loose    `xml:"ActionUri"`
	ClickID      loose    `xml:"-"`
	LandingPage  loose    `xml:"-"`
	SessionStart loose    `xml:"-"`

	keys       int  // that the object has, whatever they are
	documented bool // one of them is a page load's
	complaint  bool // one of them says that something went wrong
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
// that impact.com uses. What breaks off is read as far as it goes.
func parseBody(text []byte) (body wireBody, ok bool) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if len(text) == 0 {
		return body, false
	}
	switch text[0] {
	case '{':
		return parseJSON(text)
	case '<':
		return parseXML(text)
	}
	return body, false
}

// parseJSON reads an object key by key, so that a part of an answer tells what
// it can. It is not ok where not even the first key was to be read.
func parseJSON(text []byte) (body wireBody, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil { // the brace
		return body, false
	}
	for d.More() {
		key, err := d.Token()
		name, isText := key.(string)
		if err != nil || !isText {
			return body, body.keys > 0
		}
		var value json.RawMessage
		errValue := d.Decode(&value)
		body.set(strings.ToLower(name), value)
		if errValue != nil {
			return body, true
		}
	}
	_, err := d.Token()
	return body, err == nil || body.keys > 0
}

// set notes a key and its value, which is nil where the answer breaks off in it.
func (b *wireBody) set(name string, value json.RawMessage) {
	b.keys++
	switch name {
	case "status":
		b.Status = textOf(value)
	case "message":
		b.Message = textOf(value)
	case "title":
		b.Title = textOf(value)
	case "queueduri":
		b.QueuedURI = textOf(value)
	case "actionid":
		b.ActionID = textOf(value)
	case "actionuri":
		b.ActionURI = textOf(value)
	case "clickid":
		b.ClickID, b.documented = textOf(value), true
	case "landingpage":
		b.LandingPage, b.documented = textOf(value), true
	case "sessionstart":
		b.SessionStart, b.documented = textOf(value), true
	case "warnings":
		b.Warnings, b.documented = noticesOf(value), true
	case "errors":
		b.Errors, b.complaint = noticesOf(value), b.complaint || !blank(value)
	case "error", "fault", "exception":
		b.complaint = b.complaint || !blank(value)
	case "success", "ok":
		b.complaint = b.complaint || !strings.EqualFold(string(textOf(value)), "true")
	}
}

func textOf(value json.RawMessage) (l loose) {
	_ = json.Unmarshal(value, &l) // what is no text is blank
	return l
}

func noticesOf(value json.RawMessage) (all []notice) {
	if err := json.Unmarshal(value, &all); err != nil && !isTypeError(err) {
		return nil
	}
	return all
}

// blank reports whether a value says nothing: an empty list of errors is none.
func blank(value json.RawMessage) bool {
	switch string(bytes.Join(bytes.Fields(value), nil)) {
	case "null", "false", `""`, "[]", "{}", "0":
		return true
	}
	return false
}

// proof says by what an answer of 2xx shows that impact.com took the request.
type proof uint8

const (
	readable proof = iota // a look-up: any object
	queued                // a conversion
	opened                // a page load
)

// takenFor reports whether a body proves it. impact.com documents Status and
// QueuedUri for conversions, and for page loads four keys that are all optional:
// an object without any key is such an answer, too. A direct {ActionId,
// ActionUri} is not documented; a client in production copes with it, and it
// names an action that is there.
//
// https://integrations.impact.com/brand-api-reference/reference/conversions/conversions
func (b *wireBody) takenFor(p proof) bool {
	if p == readable {
		return true
	}
	if b.complains() {
		return false
	}
	switch {
	case b.Status != "" && strings.Contains(string(b.QueuedURI), "/"), b.ActionID != "" && b.ActionURI != "":
		return true
	}
	return p == opened && (b.documented || b.keys == 0)
}

// complains reports whether a body tells of an error.
func (b *wireBody) complains() bool {
	return b.complaint || len(b.Errors) > 0 || failing(string(b.Status))
}

// failing knows the words that can stand for a status and mean that it is none.
func failing(status string) bool {
	switch strings.ToUpper(status) {
	case "ERROR", "FAIL", "FAILED", "FAILURE", "REJECTED", "REFUSED", "DENIED", "INVALID", "FALSE":
		return true
	}
	return false
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
	envelope.keys = 1 // an envelope without anything is no answer to a page load
	return envelope.wireBody, true
}

// judge turns an answer into an error, or fills it in. It is the one place
// that knows what HTTP says.
func (c *Client) judge(a *answer, p proof, errRead error) *Error {
	body, ok := parseBody(a.text)
	a.body = body
	e := &Error{Status: a.status, Rate: a.rate, Sent: SentAnswered, Complaint: a.status < 300 && ok && body.complains()}
	switch {
	case a.status < 200:
		e.Message = "it is no final answer to a request: something in between is broken, a proxy or a load balancer"
	case a.status >= 300 && a.status < 400:
		e.Message = "redirects are not followed: check the configured URLs"
	case a.status >= 400, ok && strings.EqualFold(string(body.Status), "ERROR"):
		c.fill(e, body, a.text)
	case ok && body.takenFor(p):
		a.warnings = c.fields(body)
		if errRead != nil {
			a.warnings = append(a.warnings, FieldError{Level: "WARNING", Message: "the answer could not be read to its end: " + errRead.Error()})
		}
		return nil
	case ok:
		c.fill(e, body, a.text)
		e.Message = strings.TrimSuffix("the answer does not say that it was taken: "+e.Message, ": ")
	case errRead != nil:
		e.Message, e.Err = "the answer could not be read", errRead
	case len(bytes.TrimSpace(a.text)) == 0:
		e.Message = "an empty answer does not say that it was taken"
	default: // some other server: believing it would mark everything as delivered
		e.Message = "not an answer of impact.com, check the configured URLs: " + c.excerpt(a.text)
	}
	return e
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
