package state

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"strings"
	"time"
)

// Level says what a line of a file is.
type Level string

// The levels of files. impact.com's documents give each a header of its own, so no
// file mixes them.
const (
	ItemLevel  Level = "item"  // a line for each item of an order
	OrderLevel Level = "order" // a line for each order
)

// Statuses of files, as the view conversion_files shows them.
const (
	FileWriting   = "writing"   // its orders are claimed; nothing has its name yet
	FileLeaving   = "leaving"   // it is whole, and about to get its name
	FileSent      = "sent"      // it has its name; impact.com did not complete it yet
	FileComplete  = "complete"  // impact.com completed it, and its orders are settled
	FileUnknown   = "unknown"   // impact.com never showed it; nothing is sent again by itself
	FileWithdrawn = "withdrawn" // it never got its name, and its orders are due again
	FileRetried   = "retried"   // somebody made its orders due again
)

// FileClaim says which orders may go into files.
type FileClaim struct {
	Most            int           // orders in one attempt
	Last            bool          // those that the API would get last, instead of the first
	MaxAge          time.Duration // older orders go by the API; 0 means any age
	AttributionWait time.Duration // as in [Want]
	Place           string        // where the files go, for people
}

// ClaimedFiles is one attempt to send orders by files: two files, of which one may stay
// empty. All claimed orders are in Items until [DB.FileTurn] moves them.
type ClaimedFiles struct {
	Items, Orders File
	Claimed       int64

	attempt int64
}

// File is a file of conversions.
type File struct {
	ID     int64
	Name   string
	Level  Level
	Status string
	Place  string
	Orders int64
	Bytes  int64

	SentAt, LookedAt time.Time
	Completed        bool // by impact.com; its orders may not be settled yet
	Tidied           bool // of a withdrawn file: nothing of it is left in its place
}

// ClaimFiles claims orders that are due for an attempt to send them by files, in one
// transaction. Only orders are taken that were not tried before, or that somebody made
// due again: what the API began, the API ends. It returns nil if there are none.
func (d *DB) ClaimFiles(ctx context.Context, c FileClaim) (*ClaimedFiles, error) {
	var claimed *ClaimedFiles
	err := d.update(context.WithoutCancel(ctx), func(t *tx) (err error) {
		t.d.seq++
		f := &ClaimedFiles{attempt: t.d.seq}
		if f.Items, err = t.newFile(ItemLevel, c.Place); err != nil {
			return err
		}
		if f.Orders, err = t.newFile(OrderLevel, c.Place); err != nil {
			return err
		}
		if f.Claimed, err = t.claimForFile(f.Items.ID, c); err != nil {
			return err
		}
		if f.Claimed == 0 {
			_, err = t.Exec(`DELETE FROM files WHERE id IN (?, ?)`, f.Items.ID, f.Orders.ID)
			return err
		}
		claimed = f
		return nil
	})
	return claimed, err
}

// newFile stores a file under a name that no other has, here or in the files of
// another state.
func (t *tx) newFile(level Level, place string) (File, error) {
	at := time.Unix(0, t.now).UTC()
	f := File{Level: level, Status: FileWriting, Place: place}
	f.Name = fmt.Sprintf("conversions_%s_%d_%s_%s.csv", at.Format("20060102T150405Z"), t.d.run, strings.ToLower(rand.Text()[:8]), level)
	var err error
	f.ID, err = t.Insert(`INSERT INTO files (name, level, status, place, run, attempt, claimed_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		f.Name, level, f.Status, place, t.d.run, t.d.seq, t.now)
	return f, err
}

// FileTurn records which claimed orders the files do not get, and returns the next ones
// after an id, at most so many. The caller writes them in that order.
func (d *DB) FileTurn(ctx context.Context, f *ClaimedFiles, left []LeftOut, after int64, most int) (next []*Claim, err error) {
	return next, d.update(context.WithoutCancel(ctx), func(t *tx) error {
		if err := t.leaveOut(f, left); err != nil {
			return err
		}
		if most == 0 {
			return nil
		}
		// The fourth parameter lets no order wait: that was looked at when it was claimed.
		args := []any{f.Items.ID, after, most, int64(math.MaxInt64)}
		for r, err := range each(t, fileOrders, args, (*dueEvent).dest) {
			if err != nil {
				return err
			}
			if err := t.correctOwner(&r); err != nil {
				return err
			}
			claim := r.claimed()
			next = append(next, &claim)
		}
		return nil
	})
}

var fileOrders = selectDue + `WHERE d.file = ?1 AND d.status = 2 AND d.id > ?2 ORDER BY d.id LIMIT ?3`

// LeftOut is an order that was claimed for a file of items and is not in it.
type LeftOut struct {
	Delivery    int64
	Why         LeftOutWhy
	Class       string // of a refusal, as in [Outcome]
	Error       string
	Fingerprint string
}

// LeftOutWhy says what becomes of an order that a file does not get.
type LeftOutWhy int

// What becomes of an order that a file of items does not get.
const (
	WithoutItems LeftOutWhy = iota // it is in the file of orders
	ByAPI                          // no file can hold it
	NotSendable                    // our own rules refuse it
	TooOldToSend                   // it is older than maxEventAge
)

func (t *tx) leaveOut(f *ClaimedFiles, left []LeftOut) error {
	var moved, byAPI []int64
	for i := range left {
		l := &left[i]
		claim := &Claim{Kind: Conversion, Delivery: l.Delivery, Attempt: f.attempt}
		switch l.Why {
		case WithoutItems:
			moved = append(moved, l.Delivery)
		case ByAPI:
			byAPI = append(byAPI, l.Delivery)
		case NotSendable:
			t.countRun("refused", 1)
			if err := t.refuseInFile(l); err != nil {
				return err
			}
		case TooOldToSend:
			t.countRun("too_old", 1)
			if err := t.giveUpEvent(&Outcome{Claim: claim}, "too_old", false); err != nil {
				return err
			}
		}
	}
	if err := t.moveToFile(f.Orders.ID, moved); err != nil {
		return err
	}
	return t.releaseFromFile(byAPI)
}

// CloseFiles records that files are whole and about to get their names, which the
// caller gives them next. A file without orders is forgotten.
func (d *DB) CloseFiles(ctx context.Context, files ...FileSize) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error {
		for _, f := range files {
			query := `UPDATE files SET status = 'leaving', orders = ?2, lines = ?3, bytes = ?4 WHERE id = ?1`
			args := []any{f.ID, f.Orders, f.Lines, f.Bytes}
			if f.Orders == 0 {
				query, args = `DELETE FROM files WHERE id = ?1`, args[:1]
			}
			if _, err := t.Exec(query, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// FileSize is how large a file became.
type FileSize struct {
	ID, Orders, Lines, Bytes int64
}

// FileSent records that a file has its name, or may have it.
func (d *DB) FileSent(ctx context.Context, id int64, problem string) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error {
		_, err := t.Exec(`UPDATE files SET status = 'sent', sent_at = ?, problem = ? WHERE id = ? AND status = 'leaving'`, t.now, null(problem), id)
		t.countRun("files_sent", 1)
		return err
	})
}

// WithdrawFile makes the orders of a file due again that certainly never got its name.
func (d *DB) WithdrawFile(ctx context.Context, id int64, why string) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error { return t.withdraw(id, why) })
}

func (t *tx) withdraw(id int64, why string) error {
	n, err := t.Exec(`UPDATE files SET status = 'withdrawn', settled_at = ?, problem = ? WHERE id = ? AND status IN ('writing', 'leaving')`, t.now, null(why), id)
	if err != nil || n == 0 {
		return err
	}
	return t.takeOutOfFile(id)
}

// FileTidied records that nothing of a withdrawn file is left in its place.
func (d *DB) FileTidied(ctx context.Context, id int64) error {
	return d.update(context.WithoutCancel(ctx), func(t *tx) error {
		_, err := t.Exec(`UPDATE files SET tidied = 1 WHERE id = ?`, id)
		return err
	})
}

// recoverFiles withdraws what a dead process was writing. What was about to get its
// name may have it: see [DB.OpenFiles].
func (t *tx) recoverFiles() error {
	ids, err := collect(t, `SELECT id FROM files WHERE status = 'writing'`, nil, itself[int64])
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := t.withdraw(id, "the process ended before it was whole"); err != nil {
			return err
		}
	}
	return nil
}

// OpenFiles returns the files of some statuses, the oldest first.
func (d *DB) OpenFiles(ctx context.Context, statuses ...string) ([]File, error) {
	return read(ctx, d, func(v *view) ([]File, error) {
		return collect(v, `SELECT id, name, level, status, place, orders, bytes, sent_at, looked_at, completed_at IS NOT NULL, tidied FROM files WHERE status IN (SELECT value FROM json_each(?)) ORDER BY id`,
			[]any{asJSON(statuses)}, func(f *File) []any {
				return []any{&f.ID, &f.Name, &f.Level, &f.Status, &f.Place, &f.Orders, &f.Bytes, moment{&f.SentAt}, moment{&f.LookedAt}, &f.Completed, &f.Tidied}
			})
	})
}

// ByRoad counts the conversions that are due, by the road that they go.
type ByRoad struct {
	Undecided int64 // pending, and neither claimed for a file nor unfit for one
	ByAPI     int64 // pending, and no file can hold them
	InFiles   int64 // impact.com did not complete their files yet
	Unknown   int64 // impact.com never showed their files
}

// Roads counts the conversions that are due by the road that they go.
func (d *DB) Roads(ctx context.Context) (r ByRoad, err error) {
	return r, d.view(ctx, func(v *view) error {
		var pending int64
		err := v.Scan(`SELECT (SELECT coalesce(sum(value), 0) FROM counters WHERE scope = -1 AND name = 'pending'),
			(SELECT count(*) FROM deliveries WHERE file = 0 AND status = 1),
			(SELECT count(*) FROM deliveries WHERE file > 0 AND status = 2),
			(SELECT count(*) FROM deliveries WHERE file > 0 AND status = 5)`, nil, &pending, &r.ByAPI, &r.InFiles, &r.Unknown)
		r.Undecided = pending - r.ByAPI
		return err
	})
}
