package state

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// FileNews is what impact.com's list says of a file.
type FileNews struct {
	ID          int64
	BatchID     string
	Status      string // impact.com's word
	Records     int64
	Errors      int64
	CompletedAt time.Time
}

// NoteFileNews stores what impact.com's list says of files, and that it was read for
// others.
func (d *DB) NoteFileNews(ctx context.Context, news []FileNews, looked []File) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error {
		for _, f := range looked {
			if _, err := t.Exec(`UPDATE files SET looked_at = ? WHERE id = ?`, t.now, f.ID); err != nil {
				return err
			}
		}
		for _, n := range news {
			if _, err := t.Exec(`UPDATE files SET shown_at = coalesce(shown_at, ?), batch_id = ?, impact_status = ?, records = ?, errors = ?, completed_at = ? WHERE id = ?`,
				t.now, null(n.BatchID), null(n.Status), n.Records, n.Errors, nanos(n.CompletedAt), n.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// FileError is what impact.com says of an order, or of an item of it.
type FileError struct {
	OrderID   string
	EventType string // its id or code; "" if impact.com does not say
	Sku       string // "": of the whole order
	ErrorType string // impact.com's word, such as Validation
	Reasons   string // impact.com's codes, with blanks between them
	Verdict   string // our reading of them
	Severity  int    // the worse, the more
}

// AddFileErrors stores errors of a file. What is known already is stored once.
func (d *DB) AddFileErrors(ctx context.Context, file int64, all []FileError) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error {
		for i := range all {
			e := &all[i]
			_, err := t.Exec(`INSERT INTO file_errors (order_id, file_id, event_type, sku, error_type, reasons, verdict, severity) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET error_type = excluded.error_type, reasons = excluded.reasons, verdict = excluded.verdict, severity = excluded.severity
				WHERE excluded.severity > file_errors.severity`,
				e.OrderID, file, e.EventType, e.Sku, null(e.ErrorType), null(e.Reasons), e.Verdict, e.Severity)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// settledAtOnce is how many orders of a file are settled in a commit.
const settledAtOnce = 200_000

// CompletedFile is how a file ended whose errors are stored.
type CompletedFile struct {
	Orders  int64 // that were open
	Refused int64
	Strange int64  // errors of orders that are not in the file
	Problem string // what is odd about it
}

// CompleteFile settles the orders of a file that impact.com completed: those with an
// error of at least this severity are refused, the others delivered. A process that
// dies meanwhile leaves the rest to the next one. What is odd about the file is kept.
func (d *DB) CompleteFile(ctx context.Context, id int64, worst int, fingerprint, odd string) (c CompletedFile, err error) {
	ctx = context.WithoutCancel(ctx)
	err = d.update(ctx, func(t *tx) (err error) {
		if _, err = t.Get(strangeErrors, []any{id}, &c.Strange); err != nil {
			return err
		}
		c.Problem = c.problem(odd)
		c.Refused, err = t.refuseFaults(id, worst, fingerprint)
		t.countRun("refused", c.Refused)
		c.Orders += c.Refused
		return err
	})
	for more := err == nil; more; {
		err = d.update(ctx, func(t *tx) error {
			n, left, err := t.closeSome(id)
			c.Orders += n
			if more = left; err != nil || more {
				return err
			}
			_, err = t.Exec(`UPDATE files SET status = 'complete', settled_at = ?, problem = ? WHERE id = ?`, t.now, null(c.Problem), id)
			return err
		})
		more = more && err == nil
	}
	return c, err
}

const strangeErrors = `SELECT count(*) FROM file_errors e WHERE e.file_id = ?1 AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.order_id = e.order_id AND +d.file = ?1)`

func (c *CompletedFile) problem(odd string) string {
	if c.Strange == 0 {
		return odd
	}
	return strings.TrimPrefix(odd+"; ", "; ") + fmt.Sprintf("impact.com's errors name orders that are not in the file: %d", c.Strange)
}

// closeSome settles some orders of a file as delivered.
func (t *tx) closeSome(id int64) (n int64, more bool, err error) {
	var upTo sql.NullInt64
	var completed sql.NullInt64
	if _, err := t.Get(`SELECT max(id) FROM (SELECT id FROM deliveries WHERE file = ?1 AND status IN (2, 5) ORDER BY id LIMIT ?2)`, []any{id, settledAtOnce}, &upTo); err != nil || !upTo.Valid {
		return 0, false, err
	}
	if _, err := t.Get(`SELECT completed_at FROM files WHERE id = ?`, []any{id}, &completed); err != nil {
		return 0, false, err
	}
	if err := t.countFileVerdicts(id, upTo.Int64); err != nil {
		return 0, false, err
	}
	n, err = t.closeFromFile(id, upTo.Int64, completed)
	t.countRun("delivered", n)
	return n, true, err
}

func (t *tx) countFileVerdicts(file, upTo int64) error {
	type said struct {
		verdict string
		n       int64
	}
	all, err := collect(t, `WITH w AS MATERIALIZED (`+worstOf+`) SELECT coalesce(w.verdict, 'counted'), count(*) FROM deliveries d LEFT JOIN w ON w.id = d.id
		WHERE d.file = ?1 AND d.status IN (2, 5) AND d.id <= ?2 GROUP BY 1`, []any{file, upTo}, func(s *said) []any { return []any{&s.verdict, &s.n} })
	for _, s := range all {
		t.countRun("looked_up", s.n)
		t.countRun("verdict_"+s.verdict, s.n)
	}
	return err
}

// NoteFileProblem stores why a file cannot be settled yet.
func (d *DB) NoteFileProblem(ctx context.Context, id int64, problem string) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error {
		_, err := t.Exec(`UPDATE files SET problem = ? WHERE id = ?`, null(problem), id)
		return err
	})
}

// ExpireFiles makes files unknown that were sent so long ago and are not settled, and
// returns their names. Their orders wait for somebody to decide.
func (d *DB) ExpireFiles(ctx context.Context, patience time.Duration) (names []string, err error) {
	return names, d.update(context.WithoutCancel(ctx), func(t *tx) error {
		late, err := collect(t, `SELECT id, name, coalesce(problem, CASE WHEN shown_at IS NULL THEN 'impact.com never showed it' ELSE 'impact.com did not complete it' END)
			FROM files WHERE status = 'sent' AND sent_at <= ?`, []any{t.now - int64(patience)},
			func(f *lateFile) []any { return []any{&f.id, &f.name, &f.why} })
		for _, f := range late {
			n, lost := t.loseFile(f.id, "in the file "+f.name+": "+f.why)
			_, stored := t.Exec(`UPDATE files SET status = 'unknown', problem = ? WHERE id = ?`, f.why, f.id)
			if err := errors.Join(lost, stored); err != nil {
				return err
			}
			t.countRun("unknown", n)
			names = append(names, f.name)
		}
		return err
	})
}

type lateFile struct {
	id        int64
	name, why string
}

// Errors of [DB.RetryFile].
var (
	// ErrFileOpen says that impact.com may still complete a file.
	ErrFileOpen = errors.New("impact.com may still complete it")
	// ErrFileSettled says that a file has no order that could be sent again.
	ErrFileSettled = errors.New("nothing of it is open")
)

// RetryFile makes the orders of a file due again whose fate is unknown, and returns how
// many. With anyway, it also does so for a file that impact.com may still complete.
func (d *DB) RetryFile(ctx context.Context, name string, anyway bool) (n int64, err error) {
	return n, d.update(ctx, func(t *tx) error {
		var id int64
		var status string
		found, err := t.Get(`SELECT id, status FROM files WHERE name = ?`, []any{name}, &id, &status)
		switch {
		case err != nil:
			return err
		case !found:
			return fmt.Errorf("%w: no file %q in the state (impactsync file list)", ErrNotFound, name)
		case status == FileSent && !anyway:
			return fmt.Errorf("file %s: %w", name, ErrFileOpen)
		case status != FileSent && status != FileUnknown:
			return fmt.Errorf("file %s is %s: %w", name, status, ErrFileSettled)
		}
		if n, err = t.retryFile(id); err != nil {
			return err
		}
		_, err = t.Exec(`UPDATE files SET status = 'retried', settled_at = ? WHERE id = ?`, t.now, id)
		return err
	})
}

// ConversionFiles returns the files, newest first.
func (d *DB) ConversionFiles(ctx context.Context, status string, limit int) (Table, error) {
	return d.table(ctx, `SELECT file, status, orders, open_orders, refused_orders, sent_at, completed_at, impact_status, errors, problem FROM conversion_files
		WHERE ?1 = '' OR status = ?1 ORDER BY id DESC LIMIT ?2`, status, cmp.Or(limit, -1))
}

// ConversionFile returns everything about a file, a line for each column, and what
// impact.com said of its orders, or [ErrNotFound].
func (d *DB) ConversionFile(ctx context.Context, name string, limit int) (file, errs Table, err error) {
	if file, err = d.table(ctx, `SELECT * FROM conversion_files WHERE file = ?`, name); err != nil {
		return file, errs, err
	}
	if len(file.Rows) == 0 {
		return file, errs, fmt.Errorf("%w: no file %q in the state (impactsync file list)", ErrNotFound, name)
	}
	errs, err = d.table(ctx, `SELECT order_id, sku, event_type, error_type, reasons, verdict FROM conversion_file_errors WHERE file = ? ORDER BY order_id, sku LIMIT ?`, name, cmp.Or(limit, -1))
	return file, errs, err
}

// pruneFiles deletes files that were settled before a time.
func (t *tx) pruneFiles(before int64) error {
	_, err := t.Exec(`DELETE FROM files WHERE settled_at < ? AND (tidied OR status <> 'withdrawn')`, before)
	return err
}

// forgetFileErrors removes what impact.com said of a person's orders in files.
func (t *tx) forgetFileErrors(profile int64) error {
	_, err := t.Exec(`DELETE FROM file_errors WHERE order_id IN (SELECT order_id FROM deliveries WHERE id IN (SELECT delivery_id FROM events_by_person WHERE profile_id = ?))`, profile)
	return err
}
