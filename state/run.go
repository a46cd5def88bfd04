package state

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"time"
)

// RunInfo describes a run that begins.
type RunInfo struct {
	Kind        string // run, adopt, plan
	Version     string
	Fingerprint string          // of mapping and configuration: what another one refused is tried again
	Unknown     map[Kind]Policy // for events whose answer never came
	KeepEvents  time.Duration   // how long an event's key is remembered
	Guards      Guards
	Routes      []Route // what the configuration sends of messages; nil: not said
	People      PeopleRules
	Feeds       func(source, key string) bool // whether a source feeds a trait, by the configuration; nil: all do
	MaxEventAge time.Duration                 // older events are not sent; 0: all are
	// Next returns when the schedule starts the next run after a time; nil: there is none.
	Next func(after time.Time) time.Time
}

// BeginRun opens a run and returns its number. It ends a run that died and makes
// unknown what that left in flight, applies today's policy to the events that [Hold]
// kept, makes refusals of another configuration due again, and deletes what is too
// old to matter.
func (d *DB) BeginRun(ctx context.Context, info RunInfo) (run int64, err error) {
	d.next = info.Next
	err = d.update(ctx, func(t *tx) error {
		if err := t.checkHashKey(); err != nil {
			return err
		}
		if err := t.endDead(); err != nil {
			return err
		}
		if _, err := t.Get(`SELECT coalesce(max(started_at), 0) FROM runs WHERE kind = ?`, []any{restoreKind}, &d.restored); err != nil {
			return err
		}
		if err := t.setClock(); err != nil {
			return err
		}
		host, _ := os.Hostname()
		run, err = t.Insert(`INSERT INTO runs (kind, started_at, heartbeat_at, pid, host, version, next_run_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			info.Kind, t.now, t.now, os.Getpid(), host, info.Version, nanos(d.nextRun()))
		if err != nil {
			return err
		}
		d.run, d.seq = run, run<<32
		if err := errors.Join(t.recover(info), t.keepPeople(info.People)); err != nil {
			return err
		}
		if err := errors.Join(t.releaseRefused(info.Fingerprint), t.keepRoutes(info.Routes)); err != nil {
			return err
		}
		return t.prune(info.KeepEvents)
	})
	if err != nil {
		d.run = 0
		return 0, err
	}
	d.guards, d.maxEventAge, d.feeds, d.used = info.Guards, info.MaxEventAge, info.Feeds, nil
	return run, nil
}

// nextRun returns when the schedule starts the next run, or the zero time.
func (d *DB) nextRun() time.Time {
	if d.next == nil {
		return time.Time{}
	}
	return d.next(d.now())
}

// longestWait is longer than any retry waits, unless the clock was ahead.
const longestWait = 2 * time.Hour

// setClock makes up for a clock that was set back. What is new must not count as
// older than what came before, and nothing may wait until the clock is where it was:
// no retry, no conversion for its page loads, and no request for the hour to end.
func (t *tx) setClock() error {
	if _, err := t.Get(`SELECT coalesce(max(max(started_at, heartbeat_at)), 0) FROM runs`, nil, &t.d.latest); err != nil {
		return err
	}
	latest := t.now + int64(longestWait)
	return errors.Join(t.clampRetries(latest), t.clampEvents(latest), t.clampRequests(), t.clampReversals())
}

// recover makes unknown what a dead process left in flight. There is at most
// what it had claimed and not settled.
func (t *tx) recover(info RunInfo) error {
	if err := t.recoverReversals(); err != nil {
		return err
	}
	rows, err := t.dueWhere(`v.status = 2`)
	if err != nil {
		return err
	}
	for _, old := range rows {
		next := old
		next.status, next.attempt = statusUnknown, sql.NullInt64{}
		if old.sent.String == falseText { // a true before it may have been unanswered, too
			next.sent = sql.NullString{}
		}
		if err := t.failed(old, next, &Outcome{Result: Unknown, Error: diedError, Next: time.Unix(0, t.now)}); err != nil {
			return err
		}
	}
	t.countRun("recovered", int64(len(rows)))
	if err := t.recoverFiles(); err != nil {
		return err
	}
	for _, kind := range []Kind{PageLoad, Conversion} {
		policy, told := info.Unknown[kind]
		if told && policy != Hold {
			n, err := t.applyPolicy(policy, `kind = ?1 AND `+heldUnanswered, kind)
			if err != nil {
				return err
			}
			t.countRun("released", n)
		}
		n, err := t.applyPolicy(policy, `kind = ?1 AND status = 2 AND status > 0 AND coalesce(file, 0) = 0`, kind)
		if err != nil {
			return err
		}
		t.countRun("recovered", n)
	}
	return nil
}

// releaseRefused makes due what was refused under another mapping or configuration.
func (t *tx) releaseRefused(fingerprint string) error {
	rows, err := t.dueWhere(`v.status = 4 AND v.fingerprint IS NOT ?`, fingerprint)
	if err != nil {
		return err
	}
	if err := t.putMoved(rows); err != nil {
		return err
	}
	// What impact.com took in part of a file would be sent as a whole.
	_, err = t.releaseEvents(`status = 4 AND status > 0 AND fingerprint IS NOT ?1 AND NOT (doubt AND coalesce(file, 0) > 0)`, fingerprint)
	return err
}

// keepHistory is how long attempts, rejected input and delivered page loads
// can be looked at.
const keepHistory = 30 * 24 * time.Hour

// keepRefunds is how long a refund that is settled is remembered.
const keepRefunds = 400 * 24 * time.Hour

// prune deletes what is too old to matter. If events are to be remembered for ever
// (0), nothing is.
func (t *tx) prune(keepEvents time.Duration) error {
	if keepEvents <= 0 {
		return nil
	}
	history, keys := t.now-int64(keepHistory), t.now-int64(keepEvents)
	for _, q := range []struct {
		query string
		at    int64
	}{
		{`DELETE FROM failed_attempts WHERE at < ?`, history},
		{`DELETE FROM rejected WHERE seen_at < ?`, history},
		{`DELETE FROM requests_sent WHERE minute < ?`, t.now/int64(time.Minute) - 24*60},
		{`UPDATE approvals_given SET used = 0 WHERE used IS NULL AND expires_at < ?`, t.now},
		{`DELETE FROM guard_verdicts WHERE at < ? AND id NOT IN (SELECT max(id) FROM guard_verdicts GROUP BY scope, direction)`, history},
	} {
		if _, err := t.Exec(q.query, q.at); err != nil {
			return err
		}
	}
	return errors.Join(t.pruneEvents(history, keys), t.pruneKeys(keys), t.pruneTraits(), t.pruneRefunds(t.now-int64(keepRefunds)), t.pruneFiles(keys))
}

// EndRun closes the run with its exit code.
func (d *DB) EndRun(ctx context.Context, exitCode int, note string) error {
	ctx = context.WithoutCancel(ctx)
	err := d.update(ctx, func(t *tx) error {
		if err := t.closeTraits(d.run); err != nil {
			return err
		}
		_, err := t.Exec(`UPDATE runs SET ended_at = ?1, heartbeat_at = ?1, exit_code = ?2, note = ?3, next_run_at = ?5,
			pending = (SELECT coalesce(sum(value), 0) FROM counters WHERE name IN ('pending', 'in_flight', 'retry_later', 'unknown')),
			held = (SELECT coalesce(sum(value), 0) FROM counters WHERE name = 'held') WHERE run = ?4`, t.now, exitCode, note, d.run, nanos(d.nextRun()))
		return err
	})
	d.run = 0
	return errors.Join(err, d.file.Trim(ctx), d.file.InPlace())
}

// Count adds n to a counter of the run.
func (d *DB) Count(ctx context.Context, name string, n int64) error {
	return d.update(ctx, func(t *tx) error {
		t.countRun(name, n)
		return nil
	})
}
