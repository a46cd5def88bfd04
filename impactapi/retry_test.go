package impactapi

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// script answers one request after the other; requests past its end panic the
// handler, which closes the connection.
func script(steps ...http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if len(steps) == 0 {
			panic(http.ErrAbortHandler)
		}
		step := steps[0]
		steps = steps[1:]
		step(w, r)
	}
}

func reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

var (
	taken    = answerWith(200, pageLoadAnswer)
	busy     = answerWith(503, "")
	refused  = answerWith(400, `{"errors":[{"field":"PageUrl","message":"no"}]}`)
	tooMany  = func(headers ...string) http.HandlerFunc { return answerWith(429, "", headers...) }
	silently = func(_ http.ResponseWriter, r *http.Request) { time.Sleep(time.Minute) }
)

// bubble runs a subtest in which time stands still until everybody waits.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { t.Parallel(); synctest.Test(t, f) })
}

func TestWaits(t *testing.T) {
	t.Parallel()

	bubble(t, "5xx is tried again after growing waits", func(t *testing.T) {
		c := onWire(t, Config{}, script(busy, busy, busy, taken))
		start := time.Now()
		got, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
		require.NoError(t, err)
		require.Equal(t, 4, got.Attempts)
		within(t, 1750*time.Millisecond, 3500*time.Millisecond, time.Since(start))
	})

	bubble(t, "and no more often than MaxRetries", func(t *testing.T) {
		c := onWire(t, Config{MaxRetries: 2}, script(busy, busy, busy, taken))
		_, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, 3, e.Attempts)
		require.True(t, e.EarlierDoubt)
	})

	bubble(t, "429 waits as long as the answer asks for", func(t *testing.T) {
		c := onWire(t, Config{}, script(tooMany("Retry-After", "20"), taken))
		start := time.Now()
		_, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
		require.NoError(t, err)
		within(t, 20*time.Second, 5*time.Second, time.Since(start))
	})

	bubble(t, "429 is the caller's with ReturnThrottled", func(t *testing.T) {
		c := onWire(t, Config{ReturnThrottled: true}, script(tooMany("Retry-After", "2")))
		_, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, 1, e.Attempts)
		require.Equal(t, 2*time.Second, e.RetryAfter)
	})

	bubble(t, "a longer wait than MaxWait is the caller's", func(t *testing.T) {
		c := onWire(t, Config{}, script(tooMany("X-RateLimit-Limit", "1000", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "700")))
		start := time.Now()
		_, err := c.SendConversion(t.Context(), ready(NewConversion, validConversion()))
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, 700*time.Second, e.RetryAfter)
		require.Equal(t, Rate{Limit: 1000, Reset: 700 * time.Second, Known: true}, e.Rate)
		require.False(t, Doubtful(err))
		require.Zero(t, time.Since(start))
	})

	bubble(t, "no retry starts after MaxElapsed", func(t *testing.T) {
		c := onWire(t, Config{MaxRetries: 100, MaxElapsed: 5 * time.Second}, answerWith(500, ""))
		start := time.Now()
		_, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
		require.Error(t, err)
		require.Less(t, time.Since(start), 5*time.Second)
	})

	bubble(t, "a wait that would outlast the caller's deadline is not begun", func(t *testing.T) {
		c := onWire(t, Config{}, script(tooMany("Retry-After", "20"), taken))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.SendPageLoad(ctx, ready(NewPageLoad, validPageLoad()))
		require.ErrorContains(t, err, "429")
		require.Zero(t, time.Since(start))
	})

	bubble(t, "a cancelled caller gets the last answer at once", func(t *testing.T) {
		c := onWire(t, Config{}, answerWith(503, "", "Retry-After", "20"))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := c.SendPageLoad(ctx, ready(NewPageLoad, validPageLoad()))
		require.ErrorContains(t, err, "503")
		require.Equal(t, time.Second, time.Since(start))
	})
}

func TestWhatIsRepeated(t *testing.T) {
	t.Parallel()

	bubble(t, "a kept connection that the server has closed meanwhile is no failure", func(t *testing.T) {
		c := onWire(t, Config{MaxRetries: -1}, taken)
		for range 3 {
			_, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
			require.NoError(t, err)
			time.Sleep(10 * time.Second) // the server keeps connections for 5
		}
	})

	bubble(t, "4xx is not tried again", func(t *testing.T) {
		c := onWire(t, Config{}, script(refused, taken))
		_, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, 1, e.Attempts)
	})

	bubble(t, "a page load of unknown fate is not repeated", func(t *testing.T) {
		for _, fate := range []http.HandlerFunc{reset, silently} {
			c := onWire(t, Config{}, script(fate, taken))
			_, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, SentUnknown, e.Sent)
			require.Equal(t, 1, e.Attempts)
			time.Sleep(time.Minute)
		}
	})

	bubble(t, "unless the config says so", func(t *testing.T) {
		c := onWire(t, Config{RetryUnknown: true}, script(reset, taken))
		got, err := c.SendPageLoad(t.Context(), ready(NewPageLoad, validPageLoad()))
		require.NoError(t, err)
		require.Equal(t, 2, got.Attempts)
	})

	bubble(t, "a conversion of unknown fate is, and a refusal then leaves doubt", func(t *testing.T) {
		c := onWire(t, Config{}, script(reset, refused))
		_, err := c.SendConversion(t.Context(), ready(NewConversion, validConversion()))
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, 400, e.Status)
		require.True(t, e.EarlierDoubt)
		require.True(t, Doubtful(err))
	})

	bubble(t, "but not when the config forbids it", func(t *testing.T) {
		c := onWire(t, Config{NeverRetryUnknown: true}, script(reset, taken))
		_, err := c.SendConversion(t.Context(), ready(NewConversion, validConversion()))
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, 1, e.Attempts)
	})

	bubble(t, "and not when impact.com chooses the order id", func(t *testing.T) {
		c := onWire(t, Config{}, script(reset, taken))
		p := validConversion()
		set(&p, "OrderId", GeneratedOrderID)
		_, err := c.SendConversion(t.Context(), ready(NewConversion, p))
		require.True(t, Doubtful(err))
	})

	bubble(t, "a caller that was cancelled before has sent nothing", func(t *testing.T) {
		c := onWire(t, Config{}, taken)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := c.SendPageLoad(ctx, ready(NewPageLoad, validPageLoad()))
		require.ErrorIs(t, err, context.Canceled)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, SentNothing, e.Sent)
		require.Zero(t, e.Attempts)
		require.True(t, Retryable(err))
	})
}
