package suppressions

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/segmentapi"
)

// API reads the suppressed users of a workspace from Segment's Public API, GET
// /suppressions (https://docs.segmentapis.com/tag/Deletion-and-Suppression).
// Client and Wait may be zero.
type API struct {
	Base   string // https://api.segmentapis.com, or https://eu1.api.segmentapis.com
	Token  string
	Client *http.Client
	Wait   time.Duration // before the first repeat of a failed call; it doubles each time; 0 means 1 s
}

// Each calls fn with each suppressed user id, page by page. A call that fails for
// the moment (429, 5xx, no connection) is repeated up to four times. Errors never
// hold the token.
func (a *API) Each(ctx context.Context, fn func(segment.Identity) error) error {
	public := segmentapi.NewPublic(a.Base, a.Token, segmentapi.Options{Client: a.Client, Wait: a.Wait})
	err := public.Suppressed(ctx, func(id string) error { return fn(segment.NewIdentity(id, "", "")) })
	if segmentapi.Refused(err) {
		return fmt.Errorf("%w: privacy.segmentToken is not the token of a workspace owner, or the workspace is in another region (privacy.segmentURL)", err)
	}
	return err
}
