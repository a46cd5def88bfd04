package impactapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

// How much of an answer is read. Lists of campaigns carry long descriptions.
const (
	maxBody = 64 << 10
	maxList = 8 << 20
)

// call is one method of the client on its way out.
type call struct {
	method     string
	path       string // for errors, without the account SID
	url        *url.URL
	headers    http.Header
	form       Params
	once       bool  // is not sent again if the first may have arrived, whatever was answered
	repeatable bool  // may be sent again if the first may have arrived
	limit      int64 // bytes of the answer to read
	proof      proof // what a 2xx answer must have

	// list reads the body of a 200, which may be large, while it comes; nil: the body
	// is read as a whole. It has longer than the request time-out for that.
	list func(io.Reader) error
}

// answer is a 2xx answer.
type answer struct {
	path     string
	status   int
	text     []byte
	body     body
	warnings []FieldError
	rate     Rate
	attempts int
}

var errRequestTimeout = errors.New("no answer within the request time-out")

// attempt sends one HTTP request. The error is complete except for what only the
// sequence of attempts can tell.
func (c *Client) attempt(ctx context.Context, k *call, form []byte) (*answer, *Error) {
	if ctx.Err() != nil {
		return nil, &Error{Method: k.method, Path: k.path, Sent: SentNothing, Err: context.Cause(ctx)}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.patience(k), errRequestTimeout)
	defer cancel()
	var w watch
	res, err := c.transport.RoundTrip(k.request(httptrace.WithClientTrace(ctx, w.hooks()), form))
	if err != nil {
		return nil, &Error{Method: k.method, Path: k.path, Sent: w.sent(), Err: explain(ctx, err)}
	}
	if k.list != nil && res.StatusCode == http.StatusOK {
		return c.readList(ctx, k, res)
	}
	text, errRead := c.read(ctx, res, k.limit)
	now := answeredAt(res.Header, time.Now())
	a := &answer{path: k.path, status: res.StatusCode, text: text, rate: parseRate(res.Header, now)}
	if e := c.judge(a, k.proof, errRead); e != nil {
		e.Method, e.Path = k.method, k.path
		e.RetryAfter = askedWait(res.StatusCode, res.Header, now)
		return nil, e
	}
	return a, nil
}

// listTimeout is how long one page of a list may take: it has thousands of rows.
const listTimeout = 2 * time.Minute

// patience returns how long one request of a call may take.
func (c *Client) patience(k *call) time.Duration {
	if k.list != nil {
		return max(c.config.RequestTimeout, listTimeout)
	}
	return c.config.RequestTimeout
}

// readList reads the body of a list while it comes.
func (c *Client) readList(ctx context.Context, k *call, res *http.Response) (*answer, *Error) {
	defer res.Body.Close()
	rate := parseRate(res.Header, answeredAt(res.Header, time.Now()))
	if err := k.list(res.Body); err != nil {
		return nil, &Error{
			Method: k.method, Path: k.path, Status: res.StatusCode, Message: "the list could not be read to its end", Rate: rate,
			Sent: SentAnswered, Err: explain(ctx, err),
		}
	}
	return &answer{path: k.path, status: res.StatusCode, rate: rate}, nil
}

// explain adds the cause of the context's end to an error, to distinguish our own
// time-out from the caller's.
func explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && ctx.Err() != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

func (k *call) request(ctx context.Context, form []byte) *http.Request {
	req := &http.Request{
		Method: k.method, URL: k.url, Host: k.url.Host, Header: k.headers,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if form != nil {
		body := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(form)), nil }
		req.Body, _ = body()
		req.GetBody = body // for an idle connection that turns out to be closed before the first byte
		req.ContentLength = int64(len(form))
	}
	return req.WithContext(ctx)
}

// watch learns from net/http whether the request got a connection. net/http
// itself resends a POST only if nothing of it was written, and then asks for
// a connection again, so the last request for one counts.
type watch struct {
	asked, got atomic.Bool
}

func (w *watch) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			w.got.Store(false)
			w.asked.Store(true)
		},
		GotConn: func(httptrace.GotConnInfo) { w.got.Store(true) },
	}
}

// sent returns the state of a request without an answer. If there was a connection,
// it is unknown what was written and read: a time-out may come while net/http
// writes.
func (w *watch) sent() SentState {
	if w.asked.Load() && !w.got.Load() {
		return SentNothing
	}
	return SentUnknown
}

// read reads the body of an answer until the context ends. It does not read the body
// of a 101, which is the bare connection and does not end with the context.
func (c *Client) read(ctx context.Context, res *http.Response, limit int64) ([]byte, error) {
	defer res.Body.Close()
	if res.StatusCode < http.StatusOK {
		return nil, nil
	}
	if _, ends := c.transport.(*http.Transport); !ends { // with the context; another transport may not
		defer context.AfterFunc(ctx, func() { _ = res.Body.Close() })()
	}
	text, err := readAll(res.Body, limit)
	if err != nil && !errors.Is(err, errTooLong) {
		err = explain(ctx, err)
	}
	return text, err
}

var errTooLong = errors.New("answer too long")

// readAll reads to the end, so that the connection can be reused, but no further
// than the limit; the connection of a longer answer is closed.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(text)) > limit {
		return text[:limit], errTooLong
	}
	return text, err
}
