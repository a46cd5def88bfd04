package main

import (
	"context"
	"errors"

	"github.com/impactsync/impactsync/sync/catalogue"
	"github.com/impactsync/impactsync/sync/segmentapi"
)

// checkSegment checks the tokens of Segment's APIs, as far as there are any.
func (d *doctor) checkSegment(ctx context.Context) {
	s := &d.config.Segment
	if c := segmentCatalogue(d.config); c != nil {
		err := c.API.Space(ctx, s.SpaceID)
		if err == nil {
			d.ok("Segment", "the token may read the audiences of space %s", s.SpaceID)
		} else {
			d.failed("Segment", catalogue.Hint(err), err)
		}
		if err == nil && s.Suppressions {
			d.checkSuppressions(ctx, c)
		}
	}
	api, err := profileAPI(d.config)
	if err != nil {
		return // it is not configured
	}
	// Nobody has this id: a token that may read says so.
	_, err = api.Traits(ctx, segmentapi.ID{Type: "user_id", Value: "impactsync-doctor"}, segmentapi.ClassAudience)
	if err == nil || segmentapi.NotFound(err) {
		d.ok("Segment profiles", "the token may read the profiles of space %s", s.SpaceID)
		return
	}
	d.failed("Segment profiles", hintFor(asked(ctx, err)), err)
}

// errEnough ends a reading of which only the beginning matters.
var errEnough = errors.New("enough")

func (d *doctor) checkSuppressions(ctx context.Context, c *catalogue.Catalogue) {
	err := c.API.Suppressed(ctx, func(string) error { return errEnough })
	if err == nil || errors.Is(err, errEnough) {
		d.ok("Segment", "the token may read suppressed users")
		return
	}
	d.failed("Segment", "segment.suppressions: false leaves them out", err)
}
