package state

import (
	"context"
	"time"
)

// Kinds of rows that are read of impact.com's actions.
const (
	ActionRows = "actions"
	ChangeRows = "changes"
)

// Reading is one reading of impact.com's actions.
type Reading struct {
	ID       int64
	Since    time.Time
	Started  time.Time // what is submitted later is not in it
	Missed   int64     // rows that moved between pages and were not seen
	Requests int64
	Actions  int64 // rows that were read, repeated ones too
	Resumed  bool
}

// ReadWindow is how far one window of a reading was read.
type ReadWindow struct {
	Reading  int64
	Kind     string
	From, To time.Time
	Pass     int64 // numbers the passes over windows
	Tries    int   // passes over this one that were begun anew
	Page     int   // that was read to its end; 0: none
	Total    int   // the most rows that impact.com said to be in it, in this pass
	Distinct int   // rows seen in this pass
}

// resumable is how old a reading may be that is gone on with.
const resumable = 24 * time.Hour

// BeginReading goes on with a reading that was not ended and covers a time, or begins a
// new one. A new one has no windows yet.
func (d *DB) BeginReading(ctx context.Context, since time.Time) (r Reading, err error) {
	err = d.update(ctx, func(t *tx) error {
		r = Reading{Since: since, Started: time.Unix(0, t.now), Resumed: true}
		found, err := t.Get(`SELECT id, since_at, started_at, missed, requests, actions FROM reconcile_reads
			WHERE ended_at IS NULL AND since_at <= ? AND started_at BETWEEN ? AND ? AND EXISTS (SELECT 1 FROM reconcile_windows w WHERE w.read_id = id) ORDER BY id DESC LIMIT 1`,
			[]any{since.UnixNano(), t.now - int64(resumable), t.now}, &r.ID, moment{&r.Since}, moment{&r.Started}, &r.Missed, &r.Requests, &r.Actions)
		if err != nil || found {
			return err
		}
		r.Resumed = false
		if _, err := t.Exec(`DELETE FROM reconcile_windows`); err != nil { // of readings that were given up
			return err
		}
		r.ID, err = t.Insert(`INSERT INTO reconcile_reads (since_at, started_at) VALUES (?, ?)`, since.UnixNano(), t.now)
		return err
	})
	return r, err
}

// AddWindows adds windows to a reading. Passes are numbered by the state.
func (d *DB) AddWindows(ctx context.Context, all ...ReadWindow) error {
	return d.update(ctx, func(t *tx) error { return t.addWindows(all) })
}

func (t *tx) addWindows(all []ReadWindow) error {
	for _, w := range all {
		_, err := t.Exec(`INSERT INTO reconcile_windows (read_id, kind, from_at, to_at, pass) VALUES (?, ?, ?, ?, `+nextPass+`)`,
			w.Reading, w.Kind, w.From.UnixNano(), w.To.UnixNano())
		if err != nil {
			return err
		}
	}
	return nil
}

// nextPass is a number that no pass has had: rows of actions remember theirs.
const nextPass = `(SELECT 1 + max(coalesce((SELECT max(pass) FROM reconcile_windows), 0), coalesce((SELECT max(read_in) FROM actions), 0)))`

// Halves returns the two halves of a window, of which no page was read.
func (w ReadWindow) Halves() (first, second ReadWindow) {
	middle := w.From.Add(w.To.Sub(w.From) / 2).Truncate(time.Second)
	first, second = w, w
	first.To, second.From = middle, middle
	first.Page, second.Page = 0, 0
	return first, second
}

// SplitWindow replaces a window by its two halves.
func (d *DB) SplitWindow(ctx context.Context, w ReadWindow) error {
	first, second := w.Halves()
	return d.update(ctx, func(t *tx) error {
		if _, err := t.Exec(`DELETE FROM reconcile_windows WHERE read_id = ? AND kind = ? AND from_at = ?`, w.key()...); err != nil {
			return err
		}
		return t.addWindows([]ReadWindow{first, second})
	})
}

func (w *ReadWindow) key() []any { return []any{w.Reading, w.Kind, w.From.UnixNano()} }

// NextWindow returns the oldest window of a reading that is not read to its end, those of
// actions first.
func (d *DB) NextWindow(ctx context.Context, r Reading) (w ReadWindow, found bool, err error) {
	w = ReadWindow{Reading: r.ID}
	err = d.view(ctx, func(v *view) error {
		found, err = v.Get(`SELECT kind, from_at, to_at, pass, tries, page, total, distinct_rows FROM reconcile_windows WHERE read_id = ? AND done = 0 ORDER BY kind, from_at LIMIT 1`,
			[]any{r.ID}, &w.Kind, moment{&w.From}, moment{&w.To}, &w.Pass, &w.Tries, &w.Page, &w.Total, &w.Distinct)
		return err
	})
	return w, found, err
}

// PageRead is one page of a window that was read to its end.
type PageRead struct {
	Rows     int
	Total    int // of the window, as impact.com said; -1: not said
	Last     bool
	Requests int
}

// mostTries is how often a window is read anew because rows moved between its pages.
const mostTries = 2

// NotePage stores that a page was read to its end. At the end of the last one it
// compares what was seen with what impact.com said: if rows are missing, since they
// moved while the pages were read, the window is read anew, a few times at most. It
// returns how many are missing.
func (d *DB) NotePage(ctx context.Context, w ReadWindow, p PageRead) (missing int, err error) {
	err = d.update(ctx, func(t *tx) error {
		if _, err := t.Get(`SELECT total, distinct_rows, tries FROM reconcile_windows WHERE read_id = ? AND kind = ? AND from_at = ?`, w.key(), &w.Total, &w.Distinct, &w.Tries); err != nil {
			return err
		}
		w.Total = max(w.Total, p.Total)
		if p.Last {
			missing = max(w.Total-w.Distinct, 0)
		}
		if err := t.noteRows(w, p); err != nil {
			return err
		}
		if missing > 0 && w.Tries < mostTries {
			_, err := t.Exec(`UPDATE reconcile_windows SET page = 0, total = 0, distinct_rows = 0, tries = tries + 1, pass = `+nextPass+` WHERE read_id = ? AND kind = ? AND from_at = ?`, w.key()...)
			return err
		}
		if _, err := t.Exec(`UPDATE reconcile_reads SET missed = missed + ? WHERE id = ?`, missing, w.Reading); err != nil {
			return err
		}
		_, err := t.Exec(`UPDATE reconcile_windows SET page = ?4, total = ?5, done = ?6 WHERE read_id = ?1 AND kind = ?2 AND from_at = ?3`, append(w.key(), w.Page+1, w.Total, p.Last)...)
		return err
	})
	return missing, err
}

// noteRows counts what a page took.
func (t *tx) noteRows(w ReadWindow, p PageRead) error {
	if w.Kind == ActionRows {
		t.countRun("actions_read", int64(p.Rows))
	}
	if err := t.noteListRequests(w.Reading, p.Requests); err != nil {
		return err
	}
	_, err := t.Exec(`UPDATE reconcile_reads SET actions = actions + ? WHERE id = ?`, p.Rows*int(one(w.Kind == ActionRows)), w.Reading)
	return err
}

// NoteListRequests counts requests that read no page to its end.
func (d *DB) NoteListRequests(ctx context.Context, w ReadWindow, requests int) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error { return t.noteListRequests(w.Reading, requests) })
}

func (t *tx) noteListRequests(reading int64, n int) error {
	t.countRun("requests", int64(n))
	if err := t.noteRequests(hostActions, n); err != nil {
		return err
	}
	if err := t.noteRequests(HostAPI, n); err != nil {
		return err
	}
	_, err := t.Exec(`UPDATE reconcile_reads SET requests = requests + ? WHERE id = ?`, n, reading)
	return err
}

// EndReading stores that all windows of a reading were read, and returns it as it was.
func (d *DB) EndReading(ctx context.Context, r Reading) (Reading, error) {
	err := d.update(ctx, func(t *tx) error {
		if _, err := t.Exec(`UPDATE reconcile_reads SET ended_at = ? WHERE id = ?`, t.now, r.ID); err != nil {
			return err
		}
		if _, err := t.Exec(`DELETE FROM reconcile_windows WHERE read_id = ?`, r.ID); err != nil {
			return err
		}
		_, err := t.Get(`SELECT missed, requests, actions FROM reconcile_reads WHERE id = ?`, []any{r.ID}, &r.Missed, &r.Requests, &r.Actions)
		return err
	})
	return r, err
}

// ListRequestsSent returns the number of requests of the last hour that read lists of
// actions, to the minute.
func (d *DB) ListRequestsSent(ctx context.Context) (int64, error) {
	h, err := d.HostStatus(ctx, hostActions)
	return h.SentLastHour, err
}

// LastReading returns when the actions were read last to the end, or the zero time.
func (d *DB) LastReading(ctx context.Context) (at time.Time, err error) {
	err = d.view(ctx, func(v *view) error { return v.lastReading(&at) })
	return at, err
}

func (v *view) lastReading(at *time.Time) error {
	return v.Scan(`SELECT max(started_at) FROM reconcile_reads WHERE judged_at IS NOT NULL`, nil, moment{at})
}

// WindowsEnd returns where the windows of a kind end that a reading has, or the zero time.
func (d *DB) WindowsEnd(ctx context.Context, r Reading, kind string) (at time.Time, err error) {
	err = d.view(ctx, func(v *view) error {
		return v.Scan(`SELECT max(to_at) FROM reconcile_windows WHERE read_id = ? AND kind = ?`, []any{r.ID, kind}, moment{&at})
	})
	return at, err
}
