package impactapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// FieldError is what impact.com, or this package, says about one parameter.
type FieldError struct {
	Field   string // parameter name; blank if it is about the whole request
	Level   string // "ERROR" or "WARNING"; blank counts as an error
	Message string // impact.com's own text, without addresses and tokens
}

// String returns "Field: message".
func (f FieldError) String() string {
	if f.Field == "" {
		return f.Message
	}
	return f.Field + ": " + f.Message
}

// SentState is how much of a request may have reached impact.com.
type SentState uint8

// The states of a request that failed.
const (
	// SentUnknown means that no answer came, or a 2xx that broke off, and the request may have arrived:
	// time-outs, resets and everything unclear. It is the zero value on purpose.
	SentUnknown SentState = iota
	// SentNothing means that no connection was opened, so impact.com has seen nothing.
	SentNothing
	// SentAnswered means that an HTTP answer came; its status says the rest.
	SentAnswered
)

// String returns "unknown", "nothing" or "answered".
func (s SentState) String() string {
	switch s {
	case SentNothing:
		return "nothing"
	case SentAnswered:
		return "answered"
	default:
		return "unknown"
	}
}

// Error is the failure of a call: an answer outside 2xx, an answer of 2xx that does
// not say that impact.com took the request, or no answer. Its text never contains
// credentials or e-mail addresses.
type Error struct {
	Method, Path string        // what was called, with {AccountSID} for the account SID
	Status       int           // HTTP status; 0 if there was no answer
	Message      string        // the answer's own message, or its first printable characters
	Fields       []FieldError  // what impact.com said about single parameters
	RetryAfter   time.Duration // wait that impact.com asked for; 0 for none
	Rate         Rate          // quota as of this answer
	Sent         SentState     // of the last attempt
	// EarlierDoubt reports that an earlier attempt of this call ended without an
	// answer or with 5xx: impact.com may hold the request whatever the last answer
	// was.
	EarlierDoubt bool
	// Attempts is how many HTTP requests of this call impact.com may have counted:
	// none if no connection was opened.
	Attempts int
	Err      error // the cause if there was no answer
	// Complaint reports that an answer below 300 reports an error itself: impact.com,
	// or something before it, did not take the request.
	Complaint bool
}

// Error returns method, path, status, impact.com's message and its fields.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", e.Method, e.Path)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d", e.Status)
		if text := http.StatusText(e.Status); text != "" {
			b.WriteString(" " + text)
		}
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "; %s", f)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the cause if there was no answer.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether the same request may succeed later: no answer came, or
// the answer was 408, 429, 5xx (including 520) or Unclear. It does not say that
// repeating is harmless; see Doubtful.
//
// https://integrations.impact.com/impact-agency/reference/errors
func Retryable(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	return e.retryable()
}

// Unclear reports whether the answer was neither a success nor a failure: a status
// below 300, and a body that does not say that impact.com took the request, such as
// a page of another server, a maintenance notice, an error in a 200, an empty body,
// or 101 from a broken proxy. Repeating the request at once is of no use. It concerns
// this request alone, until others are answered alike.
func Unclear(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.unclear()
}

func (e *Error) unclear() bool { return e.Status > 0 && e.Status < 300 }

func (e *Error) retryable() bool {
	if e.unclear() {
		return true
	}
	switch e.Status {
	case 0, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return e.Status >= 500
}

// Doubtful reports whether impact.com may hold what the failed call sent: an
// attempt ended without an answer, or with anything but 2xx and 4xx. impact.com
// was seen to answer 500 to a request that it had carried out. nil, a
// *ValidationError, ErrNoCredentials and a connection that never opened are
// not doubtful; an error from outside this package is.
func Doubtful(err error) bool {
	var invalid *ValidationError
	if err == nil || errors.Is(err, ErrNoCredentials) || errors.As(err, &invalid) {
		return false
	}
	var e *Error
	if !errors.As(err, &e) {
		return true
	}
	return e.EarlierDoubt || e.doubtful()
}

// doubtful is Doubtful for the last attempt alone.
func (e *Error) doubtful() bool {
	switch e.Sent {
	case SentNothing:
		return false
	case SentAnswered:
		return e.Status < 400 || e.Status >= 500
	default:
		return true
	}
}
