package impactapi

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// do sends a call until it is answered for good or patience runs out. The
// loop is our own, not backoff.Retry, because that one forgets the last error
// when the context ends, and with it whether the request may have arrived.
func (c *Client) do(ctx context.Context, k *call) (*answer, error) {
	var form []byte
	if k.form != nil {
		form = k.form.AppendForm(make([]byte, 0, k.form.formSize()))
	}
	r := c.newRetries(k)
	for {
		a, err := c.attempt(ctx, k, form)
		r.attempts++
		if err == nil || err.Sent != SentNothing {
			r.opened++
		}
		if err == nil {
			a.attempts = r.opened
			return a, nil
		}
		err.Attempts, err.EarlierDoubt = r.opened, r.doubt
		wait, again := r.next(err)
		if !again || !sleep(ctx, wait) {
			return nil, err
		}
		r.doubt = r.doubt || err.doubtful()
	}
}

// retries decides, for one call, whether and when to try again.
type retries struct {
	config     *Config
	repeatable bool
	backoff    backoff.ExponentialBackOff
	started    time.Time
	attempts   int
	opened     int  // attempts that got a connection: the others cost no quota
	doubt      bool // an attempt so far may have been taken
}

func (c *Client) newRetries(k *call) *retries {
	r := &retries{config: &c.config, repeatable: k.repeatable, started: time.Now()}
	r.backoff = backoff.ExponentialBackOff{
		InitialInterval:     500 * time.Millisecond,
		RandomizationFactor: 0.5,
		Multiplier:          2,
		MaxInterval:         c.config.MaxWait,
	}
	r.backoff.Reset()
	return r
}

// next returns the wait before the next attempt, or false for none: what the
// answer asked for, else the next step of the back-off. A wait longer than
// MaxWait is the caller's to plan.
func (r *retries) next(e *Error) (time.Duration, bool) {
	if r.attempts > r.config.MaxRetries || !e.retryable() || e.unclear() || e.Sent == SentUnknown && !r.repeatable {
		return 0, false
	}
	if e.Status == http.StatusTooManyRequests && r.config.ReturnThrottled {
		return 0, false
	}
	wait := min(r.backoff.NextBackOff(), r.config.MaxWait)
	if e.RetryAfter > 0 {
		if e.RetryAfter > r.config.MaxWait {
			return 0, false
		}
		// All workers are told the same moment; spread them.
		wait = e.RetryAfter + rand.N(e.RetryAfter/4+1)
	}
	return wait, time.Since(r.started)+wait <= r.config.MaxElapsed
}

// sleep waits and reports whether the wait was completed. A wait that would
// outlast the context's deadline is not begun.
func sleep(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
