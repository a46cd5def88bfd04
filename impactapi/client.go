package impactapi

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The defaults of Config's zero values.
const (
	DefaultTrackingURL    = "https://trkapi.impact.com"
	DefaultAPIURL         = "https://api.impact.com"
	DefaultUserAgent      = "impactapi (+https://github.com/impactsync/impactsync)"
	DefaultConnections    = 64
	DefaultRequestTimeout = 10 * time.Second
	DefaultMaxRetries     = 3
	DefaultMaxElapsed     = time.Minute
	DefaultMaxWait        = 30 * time.Second
)

// Config says whom to call and how patiently. A zero field means its default.
// A Config holds a credential; it prints without the token.
type Config struct {
	// AccountSID and AuthToken are the credentials of the API host; page loads
	// need none. Both or neither.
	AccountSID, AuthToken string

	// TrackingURL and APIURL are bases to which impact.com's paths are added;
	// they may have a path of their own. Plain http is refused for impact.com's
	// hosts, which do not speak it.
	TrackingURL, APIURL string

	// Version asks for a version of the API (header IR-Version); 0 means the
	// version that the token was created with.
	Version int

	UserAgent string

	// Connections is how many idle connections are kept per host. It should be the
	// number of concurrent callers, so that they need no new connections.
	Connections int

	// Transport carries the requests; nil means one that verifies TLS and uses
	// the proxies of the environment. With a transport that does not report to
	// net/http/httptrace, every failure without an answer is SentUnknown.
	Transport http.RoundTripper

	RequestTimeout time.Duration // one HTTP request, answer included
	MaxRetries     int           // requests after the first of a call; negative for none
	MaxElapsed     time.Duration // no retry starts later than this after the call
	MaxWait        time.Duration // longest wait between two requests; if impact.com asks for more, the call ends

	// RetryUnknown also repeats page loads of which it is unknown whether they
	// arrived. impact.com cannot tell a repeated page load from a second visit;
	// conversions, which have an OrderId, are repeated without it.
	RetryUnknown bool

	// ReturnThrottled makes 429 end a call at once, for callers with a rate
	// limiter of their own, which would not know of a retry.
	ReturnThrottled bool

	// NeverRetryUnknown also does not repeat conversions of which it is unknown
	// whether they arrived.
	NeverRetryUnknown bool
}

// String returns the account and the hosts, never the token.
func (c Config) String() string {
	return fmt.Sprintf("impact.com account %q at %s and %s", c.AccountSID,
		cmp.Or(c.TrackingURL, DefaultTrackingURL), cmp.Or(c.APIURL, DefaultAPIURL))
}

// GoString is String, so that %#v shows no token either.
func (c Config) GoString() string { return c.String() }

// LogValue returns the Config for slog, without the token.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("accountSid", c.AccountSID),
		slog.String("trackingURL", cmp.Or(c.TrackingURL, DefaultTrackingURL)),
		slog.String("apiURL", cmp.Or(c.APIURL, DefaultAPIURL)),
	)
}

// Client calls impact.com for one brand account. It is safe for concurrent
// use and should be shared, because it owns the connections.
type Client struct {
	config    Config
	pageLoads *url.URL
	installs  *url.URL
	api       *url.URL // base
	transport http.RoundTripper
	// Header sets, shared by all requests: net/http does not write to them.
	openForm   http.Header // a form without credentials
	signedForm http.Header // a form with credentials
	signed     http.Header // no body, with credentials
}

// New returns a client; it does not call impact.com. The error joins every
// problem of the config.
func New(config Config) (*Client, error) {
	config = withDefaults(config)
	tracking, errTracking := parseBase("TrackingURL", config.TrackingURL)
	api, errAPI := parseBase("APIURL", config.APIURL)
	if err := errors.Join(errTracking, errAPI, checkLimits(config), checkCredentials(config)); err != nil {
		return nil, err
	}
	c := &Client{config: config, pageLoads: tracking.JoinPath("PageLoad"), installs: tracking.JoinPath("AppInstall"), api: api, transport: config.Transport}
	if c.transport == nil {
		c.transport = newTransport(config.Connections)
	}
	c.setHeaders()
	return c, nil
}

// String returns the account and the hosts, never the token.
func (c *Client) String() string { return c.config.String() }

// GoString is String, so that %#v shows no token either.
func (c *Client) GoString() string { return c.config.String() }

// LogValue returns the Client for slog, without the token.
func (c *Client) LogValue() slog.Value { return c.config.LogValue() }

// Close closes the idle connections. It does not affect calls under way.
func (c *Client) Close() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

func withDefaults(c Config) Config {
	c.TrackingURL = cmp.Or(c.TrackingURL, DefaultTrackingURL)
	c.APIURL = cmp.Or(c.APIURL, DefaultAPIURL)
	c.UserAgent = cmp.Or(c.UserAgent, DefaultUserAgent)
	c.Connections = cmp.Or(c.Connections, DefaultConnections)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, DefaultRequestTimeout)
	c.MaxRetries = max(cmp.Or(c.MaxRetries, DefaultMaxRetries), 0)
	c.MaxElapsed = cmp.Or(c.MaxElapsed, DefaultMaxElapsed)
	c.MaxWait = cmp.Or(c.MaxWait, DefaultMaxWait)
	return c
}

func checkLimits(c Config) error {
	var problems []error
	if c.RetryUnknown && c.NeverRetryUnknown {
		problems = append(problems, errors.New("config: RetryUnknown and NeverRetryUnknown exclude each other"))
	}
	if c.Version < 0 {
		problems = append(problems, fmt.Errorf("config: Version is %d: want a version such as 14, or 0", c.Version))
	}
	if c.Connections < 0 {
		problems = append(problems, fmt.Errorf("config: Connections is %d: want a positive number", c.Connections))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"RequestTimeout", c.RequestTimeout}, {"MaxElapsed", c.MaxElapsed}, {"MaxWait", c.MaxWait}} {
		if d.value < 0 {
			problems = append(problems, fmt.Errorf("config: %s is %v: want a positive duration", d.name, d.value))
		}
	}
	return errors.Join(problems...)
}

func checkCredentials(c Config) error {
	switch {
	case (c.AccountSID == "") != (c.AuthToken == ""):
		return errors.New("config: AccountSID and AuthToken belong together: set both, or neither to send only page loads")
	case strings.TrimSpace(c.AccountSID) != c.AccountSID || strings.TrimSpace(c.AuthToken) != c.AuthToken:
		return errors.New("config: AccountSID or AuthToken starts or ends with white space: remove it")
	case strings.ContainsAny(c.AccountSID, ":/?#% \r\n\t"):
		return fmt.Errorf("config: invalid AccountSID %q: want 34 characters starting with IR", c.AccountSID)
	}
	return nil
}

func parseBase(name, base string) (*url.URL, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("config: %s is not an http or https URL: want one such as %s", name, DefaultAPIURL)
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, fmt.Errorf("config: %s has credentials, a query or a fragment: want only scheme, host and path", name)
	case u.Scheme == "http" && Official(base):
		return nil, fmt.Errorf("config: %s %q is plain http: impact.com accepts only https", name, base)
	}
	return u.JoinPath("/"), nil // JoinPath makes relative paths of a base without one
}

// Official reports whether a base URL is on one of impact.com's own hosts, under its
// present name or its former one, Impact Radius.
func Official(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	host := "." + strings.ToLower(u.Hostname())
	return strings.HasSuffix(host, ".impact.com") || strings.HasSuffix(host, ".impactradius.com")
}

func newTransport(connections int) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        2 * connections,
		MaxIdleConnsPerHost: connections,
		// Shorter than servers' usual time-out: if the server closes a connection
		// just as we write, the fate of a page load is unknown.
		IdleConnTimeout:        30 * time.Second,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

func (c *Client) setHeaders() {
	c.openForm = http.Header{
		"Accept":       {"application/json"},
		"User-Agent":   {c.config.UserAgent},
		"Content-Type": {"application/x-www-form-urlencoded"},
	}
	if c.config.Version > 0 {
		c.openForm["Ir-Version"] = []string{strconv.Itoa(c.config.Version)}
	}
	pair := base64.StdEncoding.EncodeToString([]byte(c.config.AccountSID + ":" + c.config.AuthToken))
	c.signedForm = c.openForm.Clone()
	c.signedForm["Authorization"] = []string{"Basic " + pair}
	c.signed = c.signedForm.Clone()
	delete(c.signed, "Content-Type")
}
