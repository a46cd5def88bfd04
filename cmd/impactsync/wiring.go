package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/progress"
	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/catalogue"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/audiences"
	"github.com/impactsync/impactsync/sync/source/events"
	"github.com/impactsync/impactsync/sync/source/suppressions"
	"github.com/impactsync/impactsync/sync/transport"
)

// wiring is what the configuration describes, without the state.
type wiring struct {
	impactsync.Config
	opened []io.Closer
}

// wire builds it. Its errors are the configuration's: nothing was changed yet.
func wire(ctx context.Context, c *config.Config) (*wiring, error) {
	w := &wiring{Config: engineConfig(c)}
	var err error
	if w.Mapper, err = mapping.New(settings(c)); err != nil {
		return nil, usage("", "destination: %w", err)
	}
	if w.Client, err = newClient(c); err != nil {
		return nil, usage("", "destination: %w", err)
	}
	if w.Files, err = conversionFiles(c); err != nil {
		return nil, err
	}
	if err := w.open(ctx, c); err != nil {
		return nil, errors.Join(unopened(err), w.close())
	}
	return w, nil
}

// open opens the sources and the lists of suppressed people.
func (w *wiring) open(ctx context.Context, c *config.Config) error {
	w.Catalogue = segmentCatalogue(c)
	shared := places{}
	w.opened = append(w.opened, closer(func() error { return closePlaces(shared) }))
	for _, s := range c.Sources {
		feed, err := openFeed(ctx, c, s, w.Catalogue, shared)
		if err != nil {
			return err
		}
		w.Feeds, w.opened = append(w.Feeds, feed), append(w.opened, feed)
	}
	if p := c.Privacy; p.SuppressionList != "" {
		files, err := suppressions.Open(ctx, p.SuppressionList)
		if err != nil {
			return err
		}
		w.Suppressions, w.opened = append(w.Suppressions, files), append(w.opened, files)
	}
	if p := c.Privacy; p.SegmentToken != "" {
		w.Suppressions = append(w.Suppressions, &suppressions.API{Base: p.SegmentURL, Token: string(p.SegmentToken)})
	}
	return nil
}

func (w *wiring) close() error {
	w.Client.Close()
	var errs []error
	for _, c := range w.opened {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// unopened gives the failure to open a source its exit code. A folder that is
// missing may be mounted by the next run; all else is the configuration's fault.
func unopened(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &failure{code: impactsync.ExitFailed, err: err}
	}
	return usage("", "%w", err)
}

// closer closes something.
type closer func() error

// Close implements [io.Closer].
func (c closer) Close() error { return c() }

func openFeed(ctx context.Context, c *config.Config, s config.Source, known *catalogue.Catalogue, shared places) (impactsync.Feed, error) {
	switch s.Kind {
	case config.KindEvents:
		return openEvents(ctx, c, s, known)
	case config.KindWarehouse:
		return openWarehouse(c, s, known, shared)
	}
	return openAudiences(ctx, c, s)
}

func openEvents(ctx context.Context, c *config.Config, s config.Source, known *catalogue.Catalogue) (impactsync.Feed, error) {
	cfg := events.Config{
		Name: s.Name, URL: s.URL, Include: s.Traits.Include, Exclude: s.Traits.Exclude,
		HonourIntegrations: s.HonourIntegrations, StartAt: s.StartAt, ListFrom: listFrom(c, s), MaxLine: s.MaxLineBytes, FollowLinks: s.FollowLinks, Placeholders: placeholders(c),
	}
	if s.AllAudiences {
		cfg.Audiences = known.Takes
	}
	src, err := events.New(ctx, cfg)
	if err != nil {
		return impactsync.Feed{}, err
	}
	place := fmt.Sprint(src.URL(), " since ", s.StartAt.Unix(), ", all ", listFrom(c, s).IsZero())
	return impactsync.Feed{Source: src, MaxAge: s.MaxAge, Since: src.Since, Place: place, Fetch: src.Fetch}, nil
}

func openAudiences(ctx context.Context, c *config.Config, s config.Source) (impactsync.Feed, error) {
	patterns := make(map[string]audiences.Audience, len(s.Audiences))
	for _, a := range s.Audiences {
		said := rule(a)
		patterns[a.Pattern] = audiences.Audience{Name: a.Name, Key: a.Key, List: a.List, Value: a.Value, Parts: a.Parts, OnMissing: a.OnMissing, Columns: audiences.Columns(a.Columns), Rule: &said}
	}
	src, err := audiences.New(ctx, audiences.Config{Name: s.Name, URL: s.URL, Audiences: patterns, MaxLine: s.MaxLineBytes, FollowLinks: s.FollowLinks, Placeholders: placeholders(c)})
	return impactsync.Feed{Source: src, MaxAge: s.MaxAge, Lists: true}, err
}

// listFrom returns a time before which no message of a source can count any more, nor
// two days later, whatever the clocks said: events are too old then. Changes of traits and
// refunds count however old they are.
func listFrom(c *config.Config, s config.Source) time.Time {
	if len(s.Traits.Include) > 0 || s.AllAudiences || c.Refunds != nil {
		return time.Time{}
	}
	return time.Now().Add(-c.MaxEventAge - 48*time.Hour)
}

// placeholders returns the ids that are nobody's.
func placeholders(c *config.Config) *segment.Placeholders {
	return segment.NewPlaceholders(c.PlaceholderIDs, c.TrustedIDs)
}

func newClient(c *config.Config) (*impactapi.Client, error) {
	d := c.Destination
	name, _ := build()
	return impactapi.New(impactapi.Config{
		AccountSID: d.AccountSID, AuthToken: string(d.APIKey), TrackingURL: d.TrackingURL, APIURL: d.APIURL,
		UserAgent:   "impactsync/" + name + " (+https://github.com/impactsync/impactsync)",
		Connections: c.Delivery.Workers, RequestTimeout: c.Delivery.RequestTimeout,
		ReturnThrottled: true, // the engine's limiter decides
		// Whoever drops or holds conversions without an answer does not want them repeated within the call either.
		NeverRetryUnknown: state.Policy(c.Delivery.Unknown.Conversions) != state.Resend,
	})
}

func settings(c *config.Config) mapping.Settings {
	d := c.Destination
	name, _ := build()
	return mapping.Settings{
		CampaignID: d.CampaignID, EventTypeID: d.EventTypeID, EventTypeIDs: d.EventTypeIDs, IOSAppID: d.IOSAppID, AndroidAppID: d.AndroidAppID,
		ActionEventNames: d.ActionEventNames.Named(), InstallEventNames: d.InstallEventNames.Named(), PageLoadEventNames: d.PageLoadEventNames.Named(),
		OnlyActionEventNames: d.ActionEventNames.Replaces(), OnlyInstallEventNames: d.InstallEventNames.Replaces(), OnlyPageLoadEventNames: d.PageLoadEventNames.Replaces(),
		EnablePageEvents: d.EnablePageEvents, EnableScreenEvents: d.EnableScreenEvents, EnableIdentifyEvents: d.EnableIdentifyEvents,
		CustomParameterMapping: d.CustomParameterMapping, CustomMappingForProducts: d.CustomMappingForProducts,
		ClickIDNames: d.ClickIDNames, UndocumentedParameters: d.UndocumentedParameters,
		PageURL: d.PageURL, DefaultCurrency: c.DefaultCurrency, AccountCurrency: c.DefaultCurrency == "", Version: name, Placeholders: placeholders(c),
		Refunds:       refundSettings(c.Refunds),
		UnusableItems: d.UnusableItems, OrderDiscount: d.OrderDiscount, MissingOrderID: d.MissingOrderID, DecimalSign: d.DecimalSign,
	}
}

// refundSettings returns what messages about refunds mean; nil: they are not read.
func refundSettings(r *config.Refunds) *mapping.RefundSettings {
	if r == nil {
		return nil
	}
	s := &mapping.RefundSettings{
		Refunds: r.RefundEventNames.Named(), Cancels: r.CancelEventNames.Named(), Updates: r.UpdateEventNames.Named(), ID: r.RefundID,
		OnlyRefunds: r.RefundEventNames.Replaces(), OnlyCancels: r.CancelEventNames.Replaces(), OnlyUpdates: r.UpdateEventNames.Replaces(),
	}
	for _, m := range r.Meanings {
		s.Meanings = append(s.Meanings, mapping.Meaning(m))
	}
	return s
}

// refunds returns what is done about orders that are taken back; nil: nothing.
func refunds(c *config.Config) *impactsync.Refunds {
	r := c.Refunds
	if r == nil {
		return nil
	}
	return &impactsync.Refunds{
		RefundRules: state.RefundRules{
			Mode: state.RefundMode(r.Mode), Wait: r.Wait, Margin: r.Margin, OpenEnded: r.OpenEnded,
			Fingerprint: fmt.Sprint(r.Mode, r.Wait, r.Margin, r.OpenEnded),
		},
		CampaignID: c.Destination.CampaignID, Code: r.Reason, PerRun: r.PerRun,
	}
}

// engineConfig returns the settings of the engine.
func engineConfig(c *config.Config) impactsync.Config {
	name, _ := build()
	d := c.Delivery
	return impactsync.Config{
		Version: name, Guards: guards(c), Point: point,
		CheckCredentials: true, AppInstall: c.Destination.AppInstall, MaxEventAge: c.MaxEventAge, RequiredCategories: c.Consent.RequiredCategories,
		SuppressedFalse: c.Privacy.Suppressed == config.SuppressedSendFalse,
		Workers:         d.Workers, Coalesce: d.Coalesce, AttributionWait: d.AttributionWait,
		Rates: impactsync.Rates{PageLoadsPerSecond: d.PageLoadsPerSecond, ConversionsPerHour: d.ConversionsPerHour}, Verify: c.Conversions.VerifyShare(), Refunds: refunds(c),
		Unknown: map[state.Kind]state.Policy{
			state.PageLoad: state.Policy(d.Unknown.PageLoads), state.Conversion: state.Policy(d.Unknown.Conversions),
		},
		Orders: impactsync.Reconcile{
			Campaign: c.Destination.CampaignID, Every: c.Reconcile.Every, Window: c.Reconcile.Window, After: c.Reconcile.After, Share: c.Reconcile.ShareOfQuota(),
			Types: c.Reconcile.EventTypes, Reattribution: c.Reconcile.ReattributionCodes,
		},
	}
}

// conversionFiles returns how conversions go by files.
func conversionFiles(c *config.Config) (impactsync.Files, error) {
	f := c.Conversions.File
	files := impactsync.Files{Route: impactsync.Route(c.Conversions.Route), Patience: c.Conversions.Patience, Orders: f.Orders, UnknownAfter: f.UnknownAfter}
	var err error
	if files.Route != impactsync.ByAPI || len(f.HostKeys) > 0 {
		files.Place, err = transport.New(transport.Config{URL: f.URL, PrivateKey: string(f.PrivateKey), HostKeys: f.HostKeys})
	}
	if err != nil {
		return files, usage("", "conversions.file: %w", err)
	}
	return files, nil
}

// withEngine builds the engine, and runs do with it on the state that open opens.
func (a *app) withEngine(ctx context.Context, c *config.Config, trait string, open func(fn func(*state.DB) error) error, do func(*impactsync.Engine) error) error {
	w, err := wire(ctx, c)
	if err != nil {
		return err
	}
	err = open(func(db *state.DB) error {
		bars := progress.New(a.stderr, a.bars(), a.pulse.Beat)
		w.State, w.Log, w.Progress = db, a.logger(bars), a.phases.Watch(bars.Progress()) // logs and bars share the terminal
		bars.Log(w.Log)
		w.Next = a.next
		e, err := impactsync.New(w.Config)
		if err == nil {
			err = do(e)
		}
		bars.Close()
		if err == nil && trait != "" {
			err = a.knows(ctx, db, trait)
		}
		return err
	})
	return errors.Join(impactsync.Cause(ctx, err), w.close())
}

// knows warns of a trait key that no input has: nothing could be sent for it.
func (a *app) knows(ctx context.Context, db *state.DB, key string) error {
	s, err := db.Status(context.WithoutCancel(ctx), 0)
	if err == nil && !slices.ContainsFunc(s.Audiences, func(t state.AudienceStatus) bool { return t.Key == key }) {
		a.log.Warn("no input has this trait key; impactsync status lists the keys there are", "audience", key)
	}
	return err
}

// binding returns the destination that a state of this configuration belongs to.
// What is not known of it is not compared.
func binding(c *config.Config) *state.Binding {
	d := c.Destination
	b := &state.Binding{
		AccountSID: d.AccountSID, CampaignID: d.CampaignID,
		Official: impactapi.Official(d.TrackingURL) && impactapi.Official(d.APIURL), Hosts: d.TrackingURL + " and " + d.APIURL,
	}
	if d.TrackingURL == "" || d.APIURL == "" || d.AccountSID == "" && d.CampaignID == "" { // the last: defaults alone
		b.Hosts = ""
	}
	return b
}
