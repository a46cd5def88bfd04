package impactapi

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testSID   = "IRtestAccount"
	testToken = "secretTokenOfTheTest"
)

// wire is a network of pipes: real connections, real HTTP, and a clock that
// testing/synctest can hold.
type wire struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case conn := <-w.accepted:
		return conn, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error   { close(w.closed); return nil }
func (w *wire) Addr() net.Addr { return &net.TCPAddr{} }

func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case w.accepted <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// onWire returns a client whose two hosts are the handler, below a base path.
// It works inside a synctest bubble.
func onWire(t *testing.T, config Config, handler http.HandlerFunc) *Client {
	t.Helper()
	w := &wire{accepted: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: http.StripPrefix("/base", handler), IdleTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(w) }()

	transport := newTransport(4)
	transport.DialContext = w.dial
	config.Transport = transport
	config.AccountSID, config.AuthToken = testSID, testToken
	config.TrackingURL, config.APIURL = "http://tracking.test/base/", "http://api.test/base"
	c, err := New(config)
	require.NoError(t, err)
	t.Cleanup(func() {
		c.Close()
		_ = server.Close()
		<-done
	})
	return c
}

func validPageLoad() Params {
	return Params{
		{"CampaignId", "1000"}, {"EventDate", "2026-11-01T12:00:00Z"},
		{"PageUrl", "https://www.example.com/"}, {"CustomProfileId", "anon-1"},
	}
}

func validConversion() Params {
	return Params{
		{"CampaignId", "1000"}, {"EventDate", "2026-11-01T12:00:00+01:00"},
		{"OrderId", "o-1"}, {"EventTypeCode", "sale"}, {"CustomerId", "c-1"},
	}
}

// ready returns a valid request.
func ready[T any](check func(Params) (T, error), p Params) T {
	request, err := check(p)
	if err != nil {
		panic(err)
	}
	return request
}

// set gives a parameter another value, and adds it where there is none.
func set(p *Params, name, value string) {
	for i := range *p {
		if (*p)[i].Name == name {
			(*p)[i].Value = value
			return
		}
	}
	p.Add(name, value)
}

func validatePageLoad(p Params) error {
	_, err := NewPageLoad(p)
	return err
}

func validateConversion(p Params) error {
	_, err := NewConversion(p)
	return err
}

func answerWith(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

const pageLoadAnswer = `{"clickId":"click-1","sessionStart":"2026-11-01T12:00:00Z","warnings":[]}`

func within(t *testing.T, want, slack, got time.Duration) {
	t.Helper()
	require.GreaterOrEqual(t, got, want)
	require.LessOrEqual(t, got, want+slack)
}
