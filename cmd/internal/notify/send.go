package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Webhook is an address that takes notices.
type Webhook struct {
	Name   string
	Format string
	URL    string
	Token  string // of format json a bearer token, of pagerduty the routing key
}

// Sender sends notices and pings. Its zero value works.
type Sender struct {
	Client    *http.Client // nil: one that checks certificates as usual
	UserAgent string
	Wait      time.Duration // before the second attempt, twice that before the third, and so on; 0: 1 s
}

// attempts is how often something is sent, unless the context ends before.
const attempts = 4

// Send sends a notice. If the receiver cannot be reached, is busy or has a fault of
// its own, it tries again. Errors name neither the address nor the token.
func (s *Sender) Send(ctx context.Context, w *Webhook, n Notice) error {
	body, err := w.body(n)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if w.Format == JSON && w.Token != "" {
		header.Set("Authorization", "Bearer "+w.Token)
	}
	return s.post(ctx, w.URL, header, body)
}

// The kinds of ping: what is added to the address.
const (
	Start   = "/start"
	Success = ""
	Fail    = "/fail"
	Log     = "/log" // says something and changes nothing
)

// Ping tells a monitor such as healthchecks.io that a run begins or how it ended. The
// run's id, a UUID, connects both; text is shown there.
func (s *Sender) Ping(ctx context.Context, address, kind, run, text string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("the address to ping is no URL")
	}
	u = u.JoinPath(kind)
	if run != "" {
		q := u.Query()
		q.Set("rid", run)
		u.RawQuery = q.Encode()
	}
	return s.post(ctx, u.String(), http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, []byte(text))
}

// post sends a body until it is taken, is refused, or too many attempts have failed.
func (s *Sender) post(ctx context.Context, address string, header http.Header, body []byte) error {
	wait := s.Wait
	if wait == 0 {
		wait = time.Second
	}
	for attempt := 1; ; attempt++ {
		again, after, err := s.once(ctx, address, header, body)
		if err == nil || !again || attempt == attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (no time is left for another attempt)", err)
		case <-time.After(max(wait, after)):
		}
		wait *= 2
	}
}

// once makes one attempt. Again says whether another may help, and after how long.
func (s *Sender) once(ctx context.Context, address string, header http.Header, body []byte) (again bool, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return false, 0, errors.New("the address is no URL")
	}
	req.Header = header.Clone()
	req.Header.Set("User-Agent", s.UserAgent)
	res, err := s.client().Do(req)
	if err != nil {
		return ctx.Err() == nil && !errors.As(err, new(*tls.CertificateVerificationError)), 0, unnamed(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // for the connection's next use
	switch {
	case res.StatusCode < 300:
		return false, 0, nil
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode >= 500:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return true, time.Duration(min(max(seconds, 0), 60)) * time.Second, fmt.Errorf("it answered %s", res.Status)
	}
	return false, 0, fmt.Errorf("it answered %s", res.Status)
}

// unnamed returns an error of net/http without the address, which is a secret.
func unnamed(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

func (s *Sender) client() *http.Client {
	if s.Client != nil {
		return s.Client
	}
	return &client
}

// client follows no redirect: what it is given may not go to somebody else.
var client = http.Client{
	Timeout:       10 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}
