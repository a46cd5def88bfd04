package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/state"
	impactsync "github.com/impactsync/impactsync/sync"
	settled "github.com/impactsync/impactsync/sync/told"
)

// inWarehouse runs fn with the tables of the configuration, if what is settled of some
// trait is there.
func (a *app) inWarehouse(ctx context.Context, db *state.DB, look bool, fn func(*impactsync.Elsewhere) error) error {
	_, any, err := keptElsewhere(ctx, db)
	if err != nil || !any {
		return err
	}
	cfg, err := a.load()
	if err != nil {
		return err
	}
	return a.elsewhere(ctx, cfg, db, look, false, fn)
}

// checkElsewhere adds what is wrong with the tables: lost rows, among others. More rows
// than were counted are no loss: a run was killed, or a backup of the state was restored.
func (a *app) checkElsewhere(ctx context.Context, db *state.DB, problems []string) ([]string, error) {
	err := a.inWarehouse(ctx, db, true, func(*impactsync.Elsewhere) error { return nil })
	if errors.Is(err, settled.ErrGone) || errors.Is(err, settled.ErrForeign) || errors.Is(err, settled.ErrOld) {
		return append(problems, err.Error()), nil
	}
	return problems, err
}

// bringTrait brings home what a table has of a trait.
func (a *app) bringTrait(ctx context.Context, db *state.DB, key string) error {
	tables, err := db.Tables(ctx)
	t, there := tables[key]
	if err != nil || !there {
		return err
	}
	return a.inWarehouse(ctx, db, false, func(e *impactsync.Elsewhere) error { return e.BringAll(ctx, key, t.Place, false) })
}

// idsOf returns whom an id may mean.
func idsOf(id string) []state.Person {
	people := []state.Person{{UserID: id}, {AnonymousID: id}}
	if len(id) == 40 && strings.Trim(id, "0123456789abcdef") == "" {
		people = append(people, state.Person{EmailSHA1: id})
	}
	return people
}

// bringPerson brings home what tables have of a person.
func (a *app) bringPerson(ctx context.Context, db *state.DB, id string) error {
	return a.inWarehouse(ctx, db, true, func(e *impactsync.Elsewhere) error {
		return errors.Join(e.Bring(ctx, idsOf(id)), e.BringRiding(ctx, idsOf(id)))
	})
}

// forgetElsewhere removes from the tables who is forgotten. If a run works with them, it
// does that itself.
func (a *app) forgetElsewhere(ctx context.Context, db *state.DB) error {
	err := a.inWarehouse(ctx, db, false, func(e *impactsync.Elsewhere) error { return e.Flush(ctx) })
	if errors.Is(err, settled.ErrLeased) {
		a.log.Info("a run works with the tables in the warehouse: it, or the next one, removes the person there")
		return nil
	}
	return err
}

// addTold adds to a person what tables have of them.
func (a *app) addTold(ctx context.Context, db *state.DB, id string, e *explained, err error) error {
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return err
	}
	tables, failed := db.Tables(ctx)
	if failed != nil || len(tables) == 0 {
		return errors.Join(err, failed)
	}
	people := idsOf(idOf(id))
	if e.UserID != "" {
		people = append(people, state.Person{UserID: e.UserID})
	}
	var rows []state.Told
	failed = a.inWarehouse(ctx, db, true, func(w *impactsync.Elsewhere) (err error) {
		rows, err = w.About(ctx, people)
		return err
	})
	if failed != nil {
		if err != nil { // the person may be known there
			return failed
		}
		a.log.Warn("the warehouse with what impact.com was told cannot be asked; this is what is under way", "error", failed)
		return nil
	}
	if err != nil && len(rows) > 0 { // only the warehouse knows the person
		e.Explanation = state.Explanation{Traits: []state.PersonTrait{}, Events: []state.PersonEvent{}, Attempts: []state.PersonAttempt{}}
	}
	for _, r := range rows {
		known := slices.ContainsFunc(e.Traits, func(t state.PersonTrait) bool { return t.Key == r.Trait })
		if known || e.UserID+e.AnonymousID+e.EmailSHA1 != "" && r.Person.UserID != e.UserID {
			continue
		}
		if err = nil; e.UserID+e.AnonymousID+e.EmailSHA1 == "" {
			e.UserID, e.AnonymousID, e.EmailSHA1 = r.Person.UserID, r.Person.AnonymousID, r.Person.EmailSHA1
		}
		value := r.Value
		e.Traits = append(e.Traits, state.PersonTrait{
			Key: r.Trait, Wanted: &value, Delivered: &value, Status: "settled", ChangedAt: r.At.UTC().Format(time.RFC3339), Origin: "warehouse, schema " + tables[r.Trait].Place,
		})
	}
	return err
}
