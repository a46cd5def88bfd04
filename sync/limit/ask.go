package limit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/impactsync/impactsync/impactapi"
)

// ErrNoRoom says that a host takes no more requests for now: the quota for them is used
// up, or the host wants quiet. The next run goes on.
var ErrNoRoom = errors.New("no room for more requests now")

// tries is how often a question is asked whose answer breaks off, or is none.
const tries = 3

// Asked is how a question ended that the host answered with 2xx.
type Asked struct {
	Rate     impactapi.Rate
	Attempts int // requests that it took
}

// Ask asks the host something: with room that it waits for up to most, and again if the
// answer breaks off or is none. It returns how many requests that took, also with an
// error. An error of get that is no *impactapi.Error ends it at once.
func (h *Host) Ask(ctx context.Context, most time.Duration, get func() (Asked, error)) (requests int, err error) {
	for try := 1; ; try++ {
		if !h.Turn(ctx, most) {
			return requests, h.noRoom(ctx)
		}
		n, err := h.ask(get)
		requests += n
		if err == nil || try == tries || ctx.Err() != nil || !impactapi.Unclear(err) {
			return requests, err
		}
	}
}

// ask asks once, learns from the answer, and releases the room.
func (h *Host) ask(get func() (Asked, error)) (requests int, err error) {
	a, err := get()
	requests = a.Attempts
	var api *impactapi.Error
	if errors.As(err, &api) {
		requests = api.Attempts
		h.Failed(api)
	} else if err == nil {
		h.Answered(a.Rate)
	}
	h.Settle(requests)
	return requests, err
}

func (h *Host) noRoom(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	_, why := h.Wait()
	if why == "" {
		why = "the host is asked by others, or was given up"
	}
	return fmt.Errorf("%w: %s; the next run goes on", ErrNoRoom, why)
}
