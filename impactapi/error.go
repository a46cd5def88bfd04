package impactapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// FieldError is impact.com's, or this package's, word on one parameter.
type FieldError struct {
	Field   string // parameter name; blank when it is about the whole request
	Level   string // "ERROR" or "WARNING"; blank counts as an error
	Message string // impact.com's own text, with addresses and tokens cut out
}

// String is "Field: message".
func (f FieldError) String() string {
	if f.Field == "" {
		return f.Message
	}
	return f.Field + ": " + f.Message
}

// SentState says how much of a request may have reached impact.com.
type SentState uint8

// The states of a request that failed.
const (
	// SentUnknown means that the request may have arrived; no answer came. Time-outs,
	// resets and everything unclear. It is the zero value on purpose.
	SentUnknown SentState = iota
	// SentNothing means that no connection was opened, so impact.com has seen nothing.
	SentNothing
	// SentAnswered means that an HTTP answer came; its status says the rest.
	SentAnswered
)

// String is one of "unknown", "nothing", "answered".
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

// Error is the failure of a call: an answer outside 2xx, one of 2xx that does not
// say that impact.com took the request, or none at all. Its text never holds credentials or e-mail addresses.
type Error struct {
	Method, Path string        // what was called; the account SID stands as {AccountSID}
	Status       int           // HTTP status; 0 when there was no answer
	Message      string        // the answer's own message, or its first printable characters
	Fields       []FieldError  // what impact.com said of single parameters
	RetryAfter   time.Duration // wait that impact.com asked for; 0 for none
	Rate         Rate          // quota as of this answer
	Sent         SentState     // of the last attempt
	// EarlierDoubt says that an attempt before the last one, within this call,
	// ended unknown or in a 5xx: impact.com may hold the request whatever the
	// last answer was.
	EarlierDoubt bool
	// Attempts are the HTTP requests of this call that impact.com may have counted:
	// none where no connection was opened.
	Attempts int
	Err      error // the cause when there was no answer
	// Complaint says that an answer below 300 itself tells of an error: impact.com,
	// or what stands before it, did not take the request.
	Complaint bool
}

// Error names method, path, status, impact.com's message and its fields.
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

// Unwrap returns the cause when there was no answer.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether the same request may succeed later: no answer
// came, or the answer was 408, 429 or 5xx (520 included), or Unclear. It does not
// say that repeating is harmless; see Doubtful.
//
// https://integrations.impact.com/impact-agency/reference/errors
func Retryable(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	return e.retryable()
}

// Unclear reports whether an answer came that is neither a success nor a
// failure: a status below 300, and a body that does not say that impact.com took
// the request. A page of somebody else's, a maintenance notice, an error in a
// 200, nothing at all, or 101 from a broken proxy. Repeating it at once is of no
// use, and it concerns this request alone until others are answered alike.
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
// attempt ended without an answer, or in anything but 2xx and 4xx. impact.com
// was seen to answer 500 to a request that it had carried out. nil, a
// *ValidationError, ErrNoCredentials and a connection that never opened are
// not doubtful; an error that is not of this package is.
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

// doubtful is Doubtful of the last attempt alone.
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
