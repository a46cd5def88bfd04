package main

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/cmd/internal/config"
	impactsync "github.com/impactsync/impactsync/sync"
	"github.com/impactsync/impactsync/sync/catalogue"
	"github.com/impactsync/impactsync/sync/mapping"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/warehouse"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/sqlengine/bigquery"
	"github.com/impactsync/impactsync/sync/sqlengine/clickhouse"
	"github.com/impactsync/impactsync/sync/sqlengine/postgres"
	settled "github.com/impactsync/impactsync/sync/told"
)

// engines open the databases of kind warehouse, by what their DSN begins with.
var engines = map[string]sqlengine.Opener{
	"postgres":   postgres.Open,
	"postgresql": postgres.Open,
	"redshift":   postgres.Open,

	"bigquery":    bigquery.Open,
	"clickhouse":  clickhouse.Open,
	"clickhouses": clickhouse.Open,
}

func openEngine(s config.Source) (sqlengine.Engine, error) {
	scheme, _, found := strings.Cut(string(s.DSN), "://")
	open := engines[scheme]
	if open == nil && (scheme == "snowflake" || scheme == "databricks") {
		return nil, fmt.Errorf("source %q: dsn: the driver of %s is large, and only in the program impactsync-warehouse, which is this one otherwise: run that", s.Name, scheme)
	}
	if !found || open == nil { // not shown: it is a secret
		known := slices.Sorted(maps.Keys(engines))
		return nil, fmt.Errorf("source %q: dsn: it does not begin with one of %s://", s.Name, strings.Join(known, "://, "))
	}
	e, err := open(sqlengine.Config{DSN: string(s.DSN), Timeout: s.Timeout})
	if err != nil {
		return nil, fmt.Errorf("source %q: dsn: %w", s.Name, err)
	}
	return e, nil
}

// openWarehouse opens a source of kind warehouse.
func openWarehouse(c *config.Config, s config.Source, known *catalogue.Catalogue, places places) (impactsync.Feed, error) {
	e, err := openEngine(s)
	if err != nil {
		return impactsync.Feed{}, err
	}
	if s.Reader == config.ReaderEvents {
		return openMessages(c, s, e)
	}
	cfg := warehouse.Config{Name: s.Name, Engine: e, Reader: s.Reader, Schemas: s.Schemas, From: s.From, Manifest: s.Manifest, Placeholders: placeholders(c)}
	for _, a := range s.Audiences {
		said := rule(a)
		t := warehouse.Trait{
			Key: a.Key, Name: a.Name, Column: a.Column, OnMissing: a.OnMissing, Class: segment.ClassAudience, Rule: &said,
			Query: a.Query, Ref: a.Ref, IDs: [3]string{a.Columns.UserID, a.Columns.AnonymousID, a.Columns.Email},
		}
		if a.Value == "computed" {
			t.Class = segment.ClassComputed
		}
		cfg.Traits = append(cfg.Traits, t)
	}
	if s.AllAudiences {
		cfg.More = func() []warehouse.Trait { return allAudiences(&s, known) }
	}
	src, err := warehouse.New(cfg)
	if err != nil {
		return impactsync.Feed{}, errors.Join(err, e.Close())
	}
	feed := impactsync.Feed{Source: src, MaxAge: s.MaxAge, Lists: true}
	if s.Diff == config.DiffWarehouse {
		if feed.Told, err = places.of(s); err != nil {
			return impactsync.Feed{}, errors.Join(err, src.Close())
		}
	}
	return feed, nil
}

// places are the tables of what impact.com was told, by their schema: sources of the same
// warehouse share them.
type places map[string]*impactsync.Place

func (p places) of(s config.Source) (*impactsync.Place, error) {
	if at := p[s.ToldSchema]; at != nil {
		return at, nil
	}
	e, err := openEngine(s)
	if err != nil {
		return nil, err
	}
	t, err := settled.New(e, s.ToldSchema)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("source %q: diff: %w", s.Name, err), e.Close())
	}
	p[s.ToldSchema] = &impactsync.Place{Name: s.ToldSchema, Table: t}
	return p[s.ToldSchema], nil
}

// openPlaces opens the tables that the configuration names.
func openPlaces(c *config.Config) (all []*impactsync.Place, err error) {
	opened := places{}
	for _, s := range c.Sources {
		if s.Diff != config.DiffWarehouse {
			continue
		}
		if _, err := opened.of(s); err != nil {
			return nil, errors.Join(usage("", "%w", err), closePlaces(opened))
		}
	}
	return slices.Collect(maps.Values(opened)), nil
}

func closePlaces(all places) error {
	var errs []error
	for _, at := range all {
		errs = append(errs, at.Table.Close())
	}
	return errors.Join(errs...)
}

// allAudiences returns the audiences of the space. One that is not known here yet may be
// connected to something else than the database.
func allAudiences(s *config.Source, known *catalogue.Catalogue) (all []warehouse.Trait) {
	for _, one := range known.Audiences() {
		excluded := slices.ContainsFunc(s.Traits.Exclude, func(p string) bool { ok, _ := path.Match(p, one.Key); return ok })
		if !excluded {
			all = append(all, warehouse.Trait{Key: one.Key, Name: one.Name, Column: one.Key, Class: segment.ClassAudience, Optional: !known.Knows(one.Key)})
		}
	}
	return all
}

// openMessages opens a source that reads messages from a database.
func openMessages(c *config.Config, s config.Source, e sqlengine.Engine) (impactsync.Feed, error) {
	m, err := mapping.New(settings(c))
	if err != nil {
		return impactsync.Feed{}, errors.Join(usage("", "destination: %w", err), e.Close())
	}
	r := m.Reads()
	src := warehouse.NewMessages(warehouse.MessagesConfig{
		Name: s.Name, Engine: e, Schemas: s.Schemas,
		Reads:   warehouse.Reads{Types: r.Types, Events: r.Events, Refunds: r.Refunds, Paths: r.Paths, ClickURLs: r.ClickURLs, ClickIDs: r.ClickIDs, Consent: c.Consent.RequiredCategories},
		StartAt: s.StartAt, MaxAge: c.MaxEventAge, Overlap: s.Overlap, Newest: s.MaxAge > 0, Placeholders: placeholders(c),
	})
	return impactsync.Feed{Source: src, MaxAge: s.MaxAge}, nil
}
