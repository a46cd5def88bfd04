package state

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"github.com/impactsync/impactsync/state/internal/sqlite"
)

// Counts is the partition of what is due: every due row is in exactly one.
type Counts struct {
	Pending    int64 `json:"pending"`
	InFlight   int64 `json:"in_flight"`
	RetryLater int64 `json:"retry_later"`
	Refused    int64 `json:"refused"`
	Unknown    int64 `json:"unknown"`
	Held       int64 `json:"held"`
}

// Open returns how much still has to be sent: all that is due and neither refused nor
// held.
func (c Counts) Open() int64 { return c.Pending + c.InFlight + c.RetryLater + c.Unknown }

func (c *Counts) add(name string, n int64) {
	for i, p := range []*int64{nil, &c.Pending, &c.InFlight, &c.RetryLater, &c.Refused, &c.Unknown, &c.Held} {
		if p != nil && statusNames[i] == name {
			*p += n
		}
	}
}

// AudienceStatus is a line of the view audiences.
type AudienceStatus struct {
	Key       string `json:"key"`
	Name      string `json:"name,omitempty"`
	Class     string `json:"class"`
	Source    string `json:"source"`
	Wanted    int64  `json:"members_wanted"`
	Delivered int64  `json:"members_delivered"`
	Pending   int64  `json:"pending"`
	Held      int64  `json:"held"`
	Refused   int64  `json:"refused"`
	Guard     string `json:"guard,omitempty"` // its words, where it holds something
	LastList  string `json:"last_list_at,omitempty"`
}

// RunStatus is a line of the view recent_runs.
type RunStatus struct {
	Run       int64  `json:"run"`
	Kind      string `json:"kind"`
	StartedAt string `json:"started_at"`
	EndedAt   string `json:"ended_at,omitempty"`
	ExitCode  *int64 `json:"exit_code"`
	Found     int64  `json:"found"`
	Delivered int64  `json:"delivered"`
	Refused   int64  `json:"refused"`
	Rejected  int64  `json:"rejected"`
	Held      int64  `json:"held"`
	Pending   int64  `json:"pending"`
	Note      string `json:"note,omitempty"`
	LastSeen  string `json:"last_seen_at"`     // its last sign of life
	Killed    bool   `json:"killed,omitempty"` // it did not end, and nobody holds the lock any more
}

// SourceStatus says how old the newest input of a source is.
type SourceStatus struct {
	Name    string    `json:"name"`
	Newest  time.Time `json:"newest_at,omitzero"`
	ReadAt  time.Time `json:"read_at,omitzero"` // zero: it was never listed to its end
	Missing string    `json:"missing,omitempty"`
}

// UnlistedStatus counts messages whose name no setting mentions.
type UnlistedStatus struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// Status is what an operator wants to know first.
type Status struct {
	StoreID     string           `json:"store_id"`
	Runs        []RunStatus      `json:"runs"`
	Traits      Counts           `json:"traits"`
	PageLoads   Counts           `json:"page_loads"`
	Conversions Counts           `json:"conversions"`
	Oldest      time.Time        `json:"oldest_undelivered_at,omitzero"`
	Audiences   []AudienceStatus `json:"audiences"`
	Sources     []SourceStatus   `json:"sources"`
	Held        []HeldSet        `json:"held"`
	Unlisted    []UnlistedStatus `json:"unlisted"`
	Warnings    []Warning        `json:"warnings"`
	Unusable    []UnusableInput  `json:"unusable_objects"`
	Hosts       []HostStatus     `json:"hosts"`
	Verdicts    []VerdictStatus  `json:"verdicts"`
	Crowds      []Crowd          `json:"crowds"`
	Refunds     []RefundCount    `json:"refunds,omitempty"`
}

// UnusableInput is an object that cannot be read to its end.
type UnusableInput struct {
	Source  string `json:"source"`
	Object  string `json:"object"`
	Problem string `json:"problem"`
}

// Status returns a summary. Its cost grows with what is held, not with the number of
// people.
func (d *DB) Status(ctx context.Context, runs int) (s Status, err error) {
	now := d.now()
	err = d.view(ctx, func(v *view) error {
		for _, step := range []func() (err error){
			func() error { return v.Scan(`SELECT store_id FROM store`, nil, &s.StoreID) },
			func() (err error) { s.Runs, err = v.runs(runs); d.killed(s.Runs); return },
			func() (err error) { s.Traits, s.PageLoads, s.Conversions, err = v.due(); return },
			func() (err error) { s.Oldest, err = v.oldest(); return },
			func() (err error) { s.Held, err = v.held(now); return },
			func() (err error) { s.Audiences, err = v.audiences(s.Held); return },
			func() (err error) { s.Sources, err = v.sources(); return },
			func() (err error) { s.Unlisted, err = v.unlisted(); return },
			func() (err error) { s.Warnings, err = v.warnings(); return },
			func() (err error) { s.Unusable, err = v.unusable(); return },
			func() (err error) { s.Verdicts, err = v.verdicts(); return },
			func() (err error) { s.Crowds, err = v.crowds(); return },
			func() (err error) { s.Refunds, err = v.refundCounts(); return },
			func() (err error) { s.Hosts, err = v.hosts(now); return },
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	return s, err
}

// Due counts what is due in all, by kind.
func (d *DB) Due(ctx context.Context) (traits, pageLoads, conversions Counts, err error) {
	err = d.view(ctx, func(v *view) error {
		traits, pageLoads, conversions, err = v.due()
		return err
	})
	return traits, pageLoads, conversions, err
}

func (v *view) due() (traits, pageLoads, conversions Counts, err error) {
	err = v.Each(`SELECT scope, name, value FROM counters`, nil, func(rows *sql.Rows) error {
		var scope, n int64
		var name string
		if err := rows.Scan(&scope, &name, &n); err != nil {
			return err
		}
		switch scope {
		case scopePageLoads:
			pageLoads.add(name, n)
		case scopeConversions:
			conversions.add(name, n)
		default:
			traits.add(name, n)
		}
		return nil
	})
	return traits, pageLoads, conversions, err
}

func (v *view) runs(most int) ([]RunStatus, error) {
	return collect(v, `SELECT run, kind, started_at, coalesce(ended_at, ''), exit_code, found, delivered, refused, rejected, held, pending, note, last_seen_at
		FROM recent_runs ORDER BY run DESC LIMIT ?`, []any{most}, func(r *RunStatus) []any {
		return []any{&r.Run, &r.Kind, &r.StartedAt, &r.EndedAt, &r.ExitCode, &r.Found, &r.Delivered, &r.Refused, &r.Rejected, &r.Held, &r.Pending, &r.Note, &r.LastSeen}
	})
}

// oldest returns when the oldest of what is still to be sent happened. It looks
// into the indexes of what is due once for each of their parts, and not at all
// that is due.
func (v *view) oldest() (at time.Time, err error) {
	return at, v.Scan(`WITH statuses (st) AS (VALUES (1), (2), (3), (5)), bits (b) AS (VALUES (0), (1))
		SELECT min(at) FROM (
			SELECT (SELECT min(event_at) FROM deliveries WHERE kind = k AND status = st AND status > 0 AND has_click = b) AS at
			FROM statuses, bits, (SELECT 'page_load' AS k UNION ALL VALUES ('conversion'))
			UNION ALL SELECT (SELECT min(wanted_at) FROM trait_due WHERE status = st AND is_exit = b) FROM statuses, bits)`, nil, moment{&at})
}

// killed marks a run that did not end and cannot be under way.
func (d *DB) killed(runs []RunStatus) {
	for i := range runs {
		if r := &runs[i]; r.EndedAt == "" && d.run != r.Run {
			r.Killed = !sqlite.Held(d.path)
		}
	}
}

func (v *view) audiences(held []HeldSet) ([]AudienceStatus, error) {
	all, err := collect(v, `SELECT key, name, class, source, members_wanted, members_delivered, pending, held, refused, coalesce(last_list_at, '')
		FROM audiences ORDER BY key`, nil, func(a *AudienceStatus) []any {
		return []any{&a.Key, &a.Name, &a.Class, &a.Source, &a.Wanted, &a.Delivered, &a.Pending, &a.Held, &a.Refused, &a.LastList}
	})
	for i := range all {
		all[i].Guard = wordsOn(held, all[i].Key)
	}
	return all, err
}

func (v *view) sources() ([]SourceStatus, error) {
	return collect(v, `SELECT name, newest_at, read_at, missing FROM source_reads ORDER BY name`, nil,
		func(s *SourceStatus) []any { return []any{&s.Name, moment{&s.Newest}, moment{&s.ReadAt}, &s.Missing} })
}

func (v *view) unlisted() ([]UnlistedStatus, error) {
	return collect(v, `SELECT kind, name, count FROM unlisted ORDER BY kind, count DESC, name LIMIT 100`, nil,
		func(u *UnlistedStatus) []any { return []any{&u.Kind, &u.Name, &u.Count} })
}

func (v *view) warnings() ([]Warning, error) {
	return collect(v, `SELECT kind, field, level, message, count FROM warnings ORDER BY count DESC LIMIT 20`, nil,
		func(w *Warning) []any { return []any{&w.Kind, &w.Field, &w.Level, &w.Message, &w.Count} })
}

func (v *view) unusable() ([]UnusableInput, error) {
	return collect(v, `SELECT source, name, problem FROM objects WHERE problem IS NOT NULL ORDER BY read_at DESC LIMIT 20`, nil,
		func(u *UnusableInput) []any { return []any{&u.Source, &u.Object, &u.Problem} })
}

func (v *view) verdicts() ([]VerdictStatus, error) {
	return collect(v, `SELECT verdict, coalesce(error_type, ''), coalesce(reasons, ''), count(*) FROM verdicts GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 20`, nil,
		func(c *VerdictStatus) []any { return []any{&c.Verdict, &c.ErrorType, &c.Reasons, &c.Count} })
}

// RunCounts returns everything that a run counted.
func (d *DB) RunCounts(ctx context.Context, run int64) (map[string]int64, error) {
	return read(ctx, d, func(v *view) (map[string]int64, error) {
		return pairs[int64](v, `SELECT name, value FROM run_counters WHERE run = ?`, run)
	})
}

// NextAttempt returns when the first delivery to a host that waits for a retry may go,
// or the zero time.
func (d *DB) NextAttempt(ctx context.Context, host string) (time.Time, error) {
	query := `SELECT min(next_attempt_at) FROM deliveries WHERE status IN (3, 5) AND kind = 'conversion'`
	if host == HostTracking {
		query = `SELECT min(at) FROM (SELECT min(next_attempt_at) AS at FROM deliveries WHERE status IN (3, 5) AND kind = 'page_load'
			UNION ALL SELECT min(next_attempt_at) FROM trait_due WHERE next_attempt_at IS NOT NULL)`
	}
	return read(ctx, d, func(v *view) (at time.Time, err error) {
		return at, v.Scan(query, nil, moment{&at})
	})
}

// TraitsOf returns the wanted values of a person, for mappings that send them with
// conversions, and the delivered value if the guard holds the wanted one; "" for one that
// is gone.
func (d *DB) TraitsOf(ctx context.Context, profile int64) (map[string]string, error) {
	return read(ctx, d, func(v *view) (map[string]string, error) {
		return pairs[string](v, `SELECT key, coalesce(`+valueText("value")+`, '') FROM (SELECT t.key, CASE v.status WHEN 6 THEN v.delivered ELSE v.wanted END AS value
			FROM traits t CROSS JOIN trait_rows v ON v.trait_id = t.id AND v.profile_id = ?)`, profile)
	})
}

// Table is a page of a view: the names of the columns and the rows as text.
type Table struct {
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Refused returns the refused deliveries, newest first.
func (d *DB) Refused(ctx context.Context, f Filter) (Table, error) {
	return d.table(ctx, `SELECT id, kind, user_id, anonymous_id, detail, class, reason, refused_at, email_sha1 FROM refused_deliveries
		WHERE (?1 = '' OR class = ?1) AND (?2 = '' OR detail LIKE ?2 || '=%') AND (?3 = 0 OR refused_at < strftime('%Y-%m-%dT%H:%M:%S', ?3 / 1000000000, 'unixepoch'))
		ORDER BY refused_at DESC LIMIT ?4`, f.Class, f.Trait, unix(f.Before), cmp.Or(f.Limit, -1))
}

// Rejected returns the rejected input, newest first.
func (d *DB) Rejected(ctx context.Context, f Filter) (Table, error) {
	return d.table(ctx, `SELECT source, object, line, reason, seen_at FROM rejected_input
		WHERE (?1 = '' OR source = ?1) ORDER BY id DESC LIMIT ?2`, f.Source, cmp.Or(f.Limit, -1))
}

func (d *DB) table(ctx context.Context, query string, args ...any) (t Table, err error) {
	return t, d.view(ctx, func(v *view) error {
		return v.Each(query, args, func(rows *sql.Rows) error {
			if t.Columns == nil {
				if t.Columns, err = rows.Columns(); err != nil {
					return err
				}
			}
			cells := make([]sql.NullString, len(t.Columns))
			dest := make([]any, len(cells))
			for i := range cells {
				dest[i] = &cells[i]
			}
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			row := make([]string, len(cells))
			for i, c := range cells {
				row[i] = c.String
			}
			t.Rows = append(t.Rows, row)
			return nil
		})
	})
}
