package impactapi

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"
)

// do sends a call until it has a final answer or no retry is left. The error is the
// last attempt's, with what the earlier ones left in doubt.
func (c *Client) do(ctx context.Context, k *call) (*answer, error) {
	var form []byte
	if k.form != nil {
		form = k.form.AppendForm(make([]byte, 0, k.form.formSize()))
	}
	started, opened, doubt := time.Now(), 0, false
	for retries := 0; ; retries++ {
		a, err := c.attempt(ctx, k, form)
		if err == nil || err.Sent != SentNothing { // without a connection it does not count towards the quota
			opened++
		}
		if err == nil {
			a.attempts = opened
			return a, nil
		}
		err.Attempts, err.EarlierDoubt = opened, doubt
		wait := c.pause(err, retries)
		if retries == c.config.MaxRetries || !c.repeats(k, err) || time.Since(started)+wait > c.config.MaxElapsed || !sleep(ctx, wait) {
			return nil, err
		}
		doubt = doubt || err.doubtful()
	}
}

// repeats reports whether a failed attempt is repeated within the call. After a wait
// longer than MaxWait, the caller decides.
func (c *Client) repeats(k *call, e *Error) bool {
	switch {
	case k.once && e.doubtful():
		return false
	case !e.retryable(), e.unclear(), e.Sent == SentUnknown && !k.repeatable, e.RetryAfter > c.config.MaxWait:
		return false
	}
	return e.Status != http.StatusTooManyRequests || !c.config.ReturnThrottled
}

// firstPause is the wait before the first retry; each one is twice as long.
const firstPause = 500 * time.Millisecond

// pause returns the wait before the next attempt: what the answer asked for, else a
// growing one; with jitter, since all workers are told the same time.
func (c *Client) pause(e *Error, retries int) time.Duration {
	if e.RetryAfter > 0 {
		return e.RetryAfter + rand.N(e.RetryAfter/4+1)
	}
	wait := min(firstPause<<min(retries, 20), c.config.MaxWait)
	return min(wait/2+rand.N(wait+1), c.config.MaxWait)
}

// sleep waits and reports whether it waited to the end. It does not begin a wait
// that would outlast the context's deadline.
func sleep(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}
