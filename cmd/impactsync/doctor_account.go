package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
)

// shownActions is how far back the account's actions are looked at.
const shownActions = 7 * 24 * time.Hour

// typeShown is what the account's actions show of an event type.
type typeShown struct {
	tracker, name, code string
	actions, locking    int
	currencies          map[string]bool
}

// checkActions looks at a page of the account's latest actions: whether the token may
// read them, and which event types they show.
func (d *doctor) checkActions(ctx context.Context, client *impactapi.Client) {
	shown := map[string]*typeShown{}
	now := time.Now()
	w := impactapi.Window{CampaignID: d.config.Destination.CampaignID, From: now.Add(-shownActions), To: now}
	page, err := client.Actions(ctx, w, func(a *impactapi.Action) error {
		t := shown[a.TrackerID]
		if t == nil {
			t = &typeShown{tracker: a.TrackerID, name: a.TrackerName, code: a.EventCode, currencies: map[string]bool{}}
			shown[a.TrackerID] = t
		}
		t.actions++
		t.currencies[a.Currency] = true
		if !a.LockingAt.IsZero() {
			t.locking++
		}
		return nil
	})
	reversing := d.config.Refunds != nil && d.config.Refunds.Mode != string(state.RefundReport)
	if !d.scope("Actions", "impactsync reconcile and refunds", d.config.Reconcile.Every > 0 || reversing, err) {
		return
	}
	if r := page.Rate; r.Known && r.Remaining >= 0 {
		d.ok("quota", "impact.com says: %d of %d requests left", r.Remaining, r.Limit)
	}
	for _, id := range slices.Sorted(maps.Keys(shown)) {
		d.ok("event type", "%s", shown[id])
	}
	d.checkEventTypes(shown)
	w.From, w.PageSize = now.Add(-time.Minute), 2000
	_, err = client.ActionUpdates(ctx, w, func(*impactapi.ActionUpdate) error { return nil })
	d.scope("ActionUpdates", "the reason of reversals in impactsync reconcile", d.config.Reconcile.Every > 0, err)
}

// checkFileList looks whether the token may read what became of files.
func (d *doctor) checkFileList(ctx context.Context, client *impactapi.Client) {
	if d.config.Conversions.Route == string(impactsync.ByAPI) {
		return
	}
	now := time.Now()
	_, err := client.FileSubmissions(ctx, now.Add(-time.Minute), now, 1, func(impactapi.FileSubmission) error { return nil })
	d.scope("FTPFileSubmissions", "conversions by file: nobody learns what became of them", true, err)
}

// String describes an event type.
func (t *typeShown) String() string {
	text := fmt.Sprintf("%s %s", t.tracker, cmp.Or(t.name, "without a name"))
	if t.code != "" {
		text += ", code " + t.code
	}
	text += fmt.Sprintf(": %s of the last 7 days, in %s", count(int64(t.actions), "action"), strings.Join(slices.Sorted(maps.Keys(t.currencies)), ", "))
	switch t.locking {
	case t.actions:
	case 0:
		text += "; without a locking date, so an update of an order may approve or reject it"
	default:
		text += fmt.Sprintf("; %d of them with a locking date", t.locking)
	}
	return text
}

// checkEventTypes says which event types of the configuration no action shows. impact.com
// has no list of event types to compare with.
func (d *doctor) checkEventTypes(shown map[string]*typeShown) {
	if len(shown) == 0 {
		d.ok("event types", "no actions in the last 7 days: nothing to compare with")
		return
	}
	dest := d.config.Destination
	named := map[string]string{}
	if dest.EventTypeID != "" {
		named["destination.eventTypeId"] = dest.EventTypeID
	}
	for event, id := range dest.EventTypeIDs {
		named["destination.eventTypeIds."+event] = id
	}
	for event, id := range d.config.Reconcile.EventTypes {
		named["reconcile.eventTypes."+event] = id
	}
	for _, key := range slices.Sorted(maps.Keys(named)) {
		if shown[named[key]] == nil {
			d.warn("event types", "compare it with the event types above, and with impact.com, Settings, Event Types; one that is new or rare has no actions", "%s names %s, and no action of the last 7 days has it", key, named[key])
		}
	}
}

// scope reports whether a call was allowed, and what for.
func (d *doctor) scope(resource, feature string, needed bool, err error) bool {
	var api *impactapi.Error
	check := "scope " + resource
	switch {
	case err == nil:
		d.ok(check, "allowed")
		return true
	case errors.As(err, &api) && api.Status == http.StatusForbidden && needed:
		d.warn(check, "allow it: impact.com, Settings, Technical, API", "the token may not read %s (403); needed for %s", resource, feature)
	case errors.As(err, &api) && api.Status == http.StatusForbidden:
		d.ok(check, "not allowed (403); only needed for %s", feature)
	case errors.As(err, &api) && api.Status == http.StatusUnauthorized: // said by the credentials
	default:
		d.warn(check, "run doctor again later", "cannot be checked: %v", err)
	}
	return false
}
