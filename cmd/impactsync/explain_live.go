package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/audit"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/segmentapi"
)

// live is what Segment says of a person now, beside what is held.
type live struct {
	audit.Live
	AskedBy     string             `json:"asked_by"` // the kind of id
	Differences []audit.Difference `json:"differences"`
}

// askLive asks Segment for a person. The text is what the user wrote: an address may be
// asked for, since it is not kept.
func (a *app) askLive(ctx context.Context, c *config.Config, db *state.DB, text string, e *state.Explanation) (*live, error) {
	api, err := profileAPI(c)
	if err != nil {
		return nil, err
	}
	id, err := liveID(text, e)
	if err != nil {
		return nil, usage("name the person by the address itself, which is asked for and not kept", "%w", err)
	}
	scope, err := auditScope(ctx, c, db)
	if err != nil {
		return nil, err
	}
	l := &live{AskedBy: id.Type}
	if l.Live, err = audit.Ask(ctx, api, id, true); err != nil {
		return nil, asked(ctx, err)
	}
	l.Differences = scope.Compare(e.Traits, &l.Live)
	return l, nil
}

// addLive adds what Segment says to what is known, of somebody who may not be known here.
func (a *app) addLive(ctx context.Context, c *config.Config, db *state.DB, text string, e *explained, known error) (err error) {
	if known != nil && !errors.Is(known, state.ErrNotFound) {
		return known
	}
	if e.Live, err = a.askLive(ctx, c, db, text, &e.Explanation); err != nil {
		return err
	}
	if !e.Live.Known {
		return known
	}
	if known != nil {
		e.Traits, e.Events, e.Attempts = []state.PersonTrait{}, []state.PersonEvent{}, []state.PersonAttempt{}
	}
	return nil
}

// liveID returns the id by which Segment is asked.
func liveID(text string, e *state.Explanation) (segmentapi.ID, error) {
	id, err := audit.IDOf(e.UserID, e.AnonymousID)
	if err == nil {
		return id, nil
	}
	who := segment.NewIdentity(text, "", "")
	switch {
	case who.UserID == "" && strings.Contains(text, "@"):
		return segmentapi.ID{Type: "email", Value: strings.TrimSpace(text)}, nil
	case e.EmailSHA1 != "" || who.UserID == "":
		return id, err
	}
	return segmentapi.ID{Type: "user_id", Value: text}, nil
}

func writeLive(w io.Writer, l *live) {
	if !l.Known {
		fmt.Fprintf(w, "\nSegment knows nobody by this %s.\n", strings.ReplaceAll(l.AskedBy, "_", " "))
	} else {
		fmt.Fprintln(w, "\nSegment says now:")
		table(w, func(w io.Writer) {
			writeLiveTraits(w, "audience", l.Audiences)
			writeLiveTraits(w, "computed trait", l.Computed)
			for _, id := range l.IDs {
				row(w, "  external id", id.Type, plain(id.Value))
			}
		})
	}
	if len(l.Differences) == 0 {
		fmt.Fprintln(w, "Nothing that is held here differs from that.")
		return
	}
	list(w, "\nDifferences:", []any{"TRAIT", "WANTED", "TOLD", "SEGMENT"}, l.Differences, func(d audit.Difference) []any {
		return []any{d.Key, valueText(d.Held), valueText(d.Told), valueText(d.Segment)}
	})
}

func writeLiveTraits(w io.Writer, class string, traits map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(traits)) {
		row(w, "  "+class, key, plain(segment.Redact(traits[key])))
	}
}
