package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/limit"
)

// Walk reads all pages of some windows of a list of impact.com's, within the limits of
// the API host. A window that has more rows than pages may hold is halved.
type Walk struct {
	Limit *limit.Host // of the API host
	Log   *slog.Logger
	Wait  time.Duration // the longest wait for room
}

// Windows are those that a walk reads, and what becomes of their rows.
type Windows interface {
	// Next returns the window of which a page is read next; false at the end.
	Next(context.Context) (state.ReadWindow, bool, error)
	// Get reads its next page. An error that is not impact.com's ends the walk.
	Get(context.Context, state.ReadWindow) (*impactapi.Page, error)
	// Read notes that the page was read to its end, and with how many requests.
	Read(context.Context, state.ReadWindow, *impactapi.Page, int) error
	// Halve replaces the window by its two halves.
	Halve(context.Context, state.ReadWindow) error
	// Failed notes how many requests were made in vain.
	Failed(context.Context, state.ReadWindow, int) error
}

// Over walks over all windows.
func (w Walk) Over(ctx context.Context, all Windows) error {
	for {
		next, more, err := all.Next(ctx)
		if err != nil || !more {
			return err
		}
		if err := w.page(ctx, all, next); err != nil {
			return err
		}
	}
}

func (w Walk) page(ctx context.Context, all Windows, at state.ReadWindow) error {
	var p *impactapi.Page
	requests, err := w.Limit.Ask(ctx, w.Wait, func() (a limit.Asked, err error) {
		if p, err = all.Get(ctx, at); err == nil {
			a = limit.Asked{Rate: p.Rate, Attempts: p.Attempts}
		}
		return a, err
	})
	switch {
	case impactapi.TooMany(err) && at.To.Sub(at.From) >= impactapi.MinWindow:
		w.Log.Debug("the window has more rows than pages may hold, or is refused: halved", "from", at.From, "to", at.To, "error", err)
		return errors.Join(all.Failed(ctx, at, requests), all.Halve(ctx, at))
	case err != nil:
		return errors.Join(fmt.Errorf("read page %d of impact.com's %s of %s to %s: %w", at.Page+1, at.Kind, day(at.From), day(at.To), refused(err)), all.Failed(ctx, at, requests))
	}
	return errors.Join(all.Read(ctx, at, p, requests), w.Limit.Sync(ctx, time.Second))
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// refused says what an error of a request means.
func refused(err error) error {
	var api *impactapi.Error
	switch {
	case !errors.As(err, &api):
	case api.Status == http.StatusForbidden:
		return fmt.Errorf("%w: %w", ErrScope, err)
	case api.Status == http.StatusTooManyRequests:
		return fmt.Errorf("%w: impact.com asked for quiet: %w; the next run goes on", limit.ErrNoRoom, err)
	}
	return err
}

// Cut cuts a time into windows that are short enough. They have whole seconds, as
// impact.com's parameters do, so that none is left out between them.
func Cut(kind string, from, to time.Time) (all []state.ReadWindow) {
	from, to = from.Truncate(time.Second), to.Truncate(time.Second)
	for from.Before(to) {
		end := from.Add(impactapi.MaxWindow)
		if end.After(to) {
			end = to
		}
		all = append(all, state.ReadWindow{Kind: kind, From: from, To: end})
		from = end
	}
	return all
}
