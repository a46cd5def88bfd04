package segmentapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits of calls and their answers.
const (
	tries       = 5
	timeout     = time.Minute
	mostBytes   = 16 << 20
	mostPages   = 100_000
	longestWait = time.Minute // that an answer may ask for
)

// Options are what both clients have in common. The zero value is complete.
type Options struct {
	Client    *http.Client
	Wait      time.Duration // before the first repeat of a failed call; it doubles each time; 0 means 1 s
	UserAgent string
}

// caller calls one host.
type caller struct {
	base      string
	authorize func(*http.Request)
	options   Options
	http      http.Client

	mu   sync.Mutex
	rate Rate
}

// Rate is what the host said of its rate limit in the newest answer.
type Rate struct {
	Known     bool      `json:"known"`
	Remaining int       `json:"remaining"`
	Reset     time.Time `json:"reset,omitzero"`
}

func newCaller(base string, o Options, authorize func(*http.Request)) *caller {
	c := &caller{base: strings.TrimSuffix(base, "/"), authorize: authorize, options: o}
	if o.Client != nil {
		c.http = *o.Client
	}
	// The token is for one host.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// Error is an answer other than 200, or one that cannot be used.
type Error struct {
	Host   string
	Status int    // 0: none came, or it was none that is documented
	Type   string // Segment's word for it, if it is a plain word
	Err    error  // instead of a status
	after  time.Duration
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s answers %d", e.Host, e.Status)
	if e.Status == 0 {
		text = fmt.Sprintf("%s: %v", e.Host, e.Err)
	}
	if e.Type != "" {
		text += " (" + e.Type + ")"
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Refused reports whether the host refused the token.
func Refused(err error) bool {
	status := statusOf(err)
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// NotFound reports whether the host does not have what was asked for.
func NotFound(err error) bool { return statusOf(err) == http.StatusNotFound }

func statusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// errAnswer says that an answer is of no use.
var errAnswer = errors.New("the answer is not the JSON that is documented")

// get calls a path and decodes the answer into out. It waits and repeats the call if it
// fails for the moment.
func (c *caller) get(ctx context.Context, path string, query url.Values, accept string, out any) error {
	if err := c.breathe(ctx); err != nil {
		return err
	}
	wait := cmp.Or(c.options.Wait, time.Second)
	for try := 1; ; try++ {
		err := c.once(ctx, path, query, accept, out)
		var e *Error
		if !errors.As(err, &e) || !e.passing() || try == tries || ctx.Err() != nil {
			return err
		}
		if slept := sleep(ctx, min(max(wait, e.after), longestWait)); slept != nil {
			return slept
		}
		wait *= 2
	}
}

// passing reports whether the same call may succeed later.
func (e *Error) passing() bool {
	return e.Status == 0 && !errors.Is(e.Err, errAnswer) || e.Status == http.StatusTooManyRequests || e.Status >= http.StatusInternalServerError
}

// breathe waits until the host takes requests again, if its last answer said that it
// takes no more.
func (c *caller) breathe(ctx context.Context) error {
	r := c.Rate()
	if !r.Known || r.Remaining > 0 {
		return nil
	}
	return sleep(ctx, min(time.Until(r.Reset), longestWait))
}

// Rate returns what the host said of its rate limit in the newest answer.
func (c *caller) Rate() Rate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rate
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *caller) once(ctx context.Context, path string, query url.Values, accept string, out any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errors.New("no answer within a minute"))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return errors.New("the address of Segment's API is not valid")
	}
	c.authorize(req)
	req.Header.Set("Accept", accept)
	if c.options.UserAgent != "" {
		req.Header.Set("User-Agent", c.options.UserAgent)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return &Error{Host: req.URL.Host, Err: bare(ctx, err)}
	}
	defer res.Body.Close()
	c.note(res.Header)
	body, err := io.ReadAll(io.LimitReader(res.Body, mostBytes+1))
	switch {
	case err != nil:
		return &Error{Host: req.URL.Host, Err: bare(ctx, err)}
	case res.StatusCode != http.StatusOK:
		return refusal(res, body)
	case len(body) > mostBytes:
		return &Error{Host: req.URL.Host, Err: fmt.Errorf("%w: longer than 16 MiB", errAnswer)}
	case json.Unmarshal(body, out) != nil:
		return &Error{Host: req.URL.Host, Err: errAnswer}
	}
	return nil
}

// bare returns a transport's error without the address, which may hold a person's id.
func bare(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// note keeps the rate headers, X-RateLimit-Remaining and X-RateLimit-Reset, an RFC 5322
// date.
func (c *caller) note(h http.Header) {
	left, err := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rate = Rate{Known: true, Remaining: left, Reset: resetOf(h)}
}

func resetOf(h http.Header) time.Time {
	at, err := mail.ParseDate(h.Get("X-RateLimit-Reset"))
	if err != nil {
		return time.Time{}
	}
	return at
}

// refusal returns the error of an answer other than 200.
func refusal(res *http.Response, body []byte) error {
	var said struct {
		Errors []struct {
			Type string `json:"type"`
			Data struct {
				Wait float64 `json:"msBeforeNext"`
			} `json:"data"`
		} `json:"errors"`
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &said) // what it says is a help, not a condition
	e := &Error{Host: res.Request.URL.Host, Status: res.StatusCode, Type: plainWord(said.Error.Code)}
	if len(said.Errors) > 0 {
		e.Type = plainWord(said.Errors[0].Type)
		e.after = milliseconds(said.Errors[0].Data.Wait)
	}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		e.after = max(e.after, milliseconds(float64(seconds)*1000))
	}
	if res.StatusCode == http.StatusTooManyRequests {
		e.after = max(e.after, time.Until(resetOf(res.Header)))
	}
	return e
}

// milliseconds returns a duration of at most an hour.
func milliseconds(n float64) time.Duration {
	return time.Duration(min(max(n, 0), 3_600_000)) * time.Millisecond
}

// plainWord returns a word, or "" for a text that is none and may hold anything.
func plainWord(text string) string {
	for _, r := range text {
		if (r < 'a' || r > 'z') && r != '_' && r != '-' {
			return ""
		}
	}
	if len(text) > 40 {
		return ""
	}
	return text
}
