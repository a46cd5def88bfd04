package impactapi

import (
	"bytes"
	"cmp"
	"net/http"
	"strings"
	"unicode"
)

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
func (b body) takenFor(p proof) bool {
	switch {
	case p == readable:
		return true
	case b.complains():
		return false
	case b.text("status") != "" && strings.Contains(b.text("queueduri"), "/"), b.text("actionid") != "" && b.text("actionuri") != "":
		return true
	}
	return p == opened && (len(b) == 0 || b.has("clickid", "landingpage", "sessionstart", "warnings"))
}

// complains reports whether a body tells of an error.
func (b body) complains() bool {
	for _, key := range []string{"errors", "error", "fault", "exception"} {
		if !blank(b[key]) {
			return true
		}
	}
	for _, key := range []string{"success", "ok"} {
		if b.has(key) && !strings.EqualFold(b.text(key), "true") {
			return true
		}
	}
	return failing(b.text("status"))
}

// failing reports whether a status is one of the words for a failure.
func failing(status string) bool {
	switch strings.ToUpper(status) {
	case "ERROR", "FAIL", "FAILED", "FAILURE", "REJECTED", "REFUSED", "DENIED", "INVALID", "FALSE":
		return true
	}
	return false
}

// judge turns an answer into an error, or fills it in. It is the one place
// that knows what HTTP says.
func (c *Client) judge(a *answer, p proof, errRead error) *Error {
	b, ok := parseBody(a.text)
	a.body = b
	e := &Error{Status: a.status, Rate: a.rate, Sent: SentAnswered, Complaint: a.status < 300 && ok && b.complains()}
	switch {
	case a.status < 200:
		e.Message = "it is no final answer to a request: something in between is broken, a proxy or a load balancer"
	case a.status >= 300 && a.status < 400:
		e.Message = "redirects are not followed: check the configured URLs"
	case a.status >= 400, ok && strings.EqualFold(b.text("status"), "ERROR"):
		c.fill(e, a)
	case ok && b.takenFor(p):
		a.warnings = c.fields(b)
		if errRead != nil {
			a.warnings = append(a.warnings, FieldError{Level: "WARNING", Message: "the answer could not be read to its end: " + errRead.Error()})
		}
		return nil
	case ok:
		c.fill(e, a)
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

// fill takes over what the answer says of the failure.
func (c *Client) fill(e *Error, a *answer) {
	e.Fields = c.fields(a.body)
	e.Message = c.clean(cmp.Or(a.body.text("message"), a.body.text("title")))
	if e.Message == "" && len(e.Fields) == 0 {
		e.Message = c.excerpt(a.text)
	}
	if strings.EqualFold(e.Message, http.StatusText(e.Status)) {
		e.Message = ""
	}
}

// fields returns the errors, then the warnings, as impact.com words them.
func (c *Client) fields(b body) (all []FieldError) {
	for _, kind := range []struct{ key, level string }{{"errors", "ERROR"}, {"warnings", "WARNING"}} {
		for _, notice := range b.list(kind.key) {
			all = append(all, FieldError{
				Field:   c.name(notice.text("field")),
				Level:   strings.ToUpper(c.clean(cmp.Or(notice.text("level"), kind.level))),
				Message: c.clean(notice.text("message")),
			})
		}
	}
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
