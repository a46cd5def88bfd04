package impactapi

import (
	"bytes"
	"cmp"
	"errors"
	"net/http"
	"strings"
	"unicode"
)

// proof is what an answer of 2xx must have to show that impact.com took the request.
type proof uint8

const (
	readable proof = iota // a look-up: any object
	queued                // a conversion
	opened                // a page load
)

// takenFor reports whether a body has the proof. impact.com documents Status and
// QueuedUri for conversions, and for page loads four keys that are all optional:
// an object without any key is such an answer, too. {ActionId, ActionUri} is not
// documented; another client in production accepts it, and it names an action that
// exists.
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

// complains reports whether a body reports an error.
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

// judge completes an answer, or returns the error that it means. Only judge knows
// the meaning of HTTP statuses.
func (c *Client) judge(a *answer, p proof, errRead error) *Error {
	b, ok := parseBody(a.text)
	a.body = b
	e := &Error{Status: a.status, Rate: a.rate, Sent: SentAnswered, Complaint: a.status < 300 && ok && b.complains()}
	if errRead != nil && !errors.Is(errRead, errTooLong) && a.status >= 200 && a.status < 300 {
		e.Sent = SentUnknown // what broke off may have said that it was taken
	}
	switch {
	case a.status < 200:
		e.Message = "not a final answer: something in between is broken, such as a proxy or a load balancer"
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

// fill sets what the answer says about the failure.
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

// maxExcerpt is how many characters of foreign text an error shows.
const maxExcerpt = 200

func (c *Client) excerpt(text []byte) string { return c.clean(string(text)) }

// clean makes foreign text fit to be logged: printable, one line, short, without
// credentials and addresses. It cuts last, since it would not recognise a cut address.
func (c *Client) clean(s string) string {
	return cut(redactTokens(c.name(s)), maxExcerpt)
}

// name is clean for parameter names. Callers compare them, so they are not cut, and
// may look like a token.
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
