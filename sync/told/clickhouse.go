package told

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// clickhouse implements [Table] for an engine without transactions and without changes
// of rows: each row has a version, and the newest of a key counts. A batch that was
// written in part is written again, with a newer version.
//
// The tables of a cluster are the same: Create leaves tables alone that are there, such as
// told as a Distributed one.
type clickhouse struct {
	*table

	version int64 // of the newest row; -1: not known. Guarded by mu.
}

func newClickHouse(t *table) *clickhouse { return &clickhouse{table: t, version: -1} }

// Create implements [Table].
func (t *clickhouse) Create(ctx context.Context, owner Owner) error {
	err := t.Check(ctx, owner)
	if !errors.Is(err, ErrGone) {
		return err
	}
	err = t.engine.Write(ctx,
		sqlengine.Statement{Text: "CREATE TABLE IF NOT EXISTS " + t.told + " (trait String, kind String, id String, value String, told_at DateTime, anonymous_id String, email_sha1 String, gone UInt8, version UInt64) ENGINE = ReplacingMergeTree(version) ORDER BY (trait, kind, id)"},
		sqlengine.Statement{Text: "CREATE TABLE IF NOT EXISTS " + t.meta + " (what String, holder String, value String, lease_until DateTime, version UInt64) ENGINE = ReplacingMergeTree(version) ORDER BY (what, holder)"})
	if err != nil {
		return t.notMade(err)
	}
	if err := t.unowned(ctx); err != nil {
		return err
	}
	if err := t.note(ctx, "owner", "", []string{strconv.Itoa(version), owner.StoreID, owner.Destination}, "now()", 1); err != nil {
		return err
	}
	return t.Check(ctx, owner)
}

// note adds a row to the meta data.
func (t *clickhouse) note(ctx context.Context, what, holder string, value []string, until string, version int64) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	p := t.g.Param
	return t.explain(t.engine.Write(ctx, sqlengine.Statement{
		Text: "INSERT INTO " + t.meta + " (what, holder, value, lease_until, version) SELECT " + p(1) + ", " + p(2) + ", " + p(3) + ", " + until + ", " + p(4), Args: []any{what, holder, string(text), version},
	}))
}

// noted returns the newest value of the meta data.
func (t *clickhouse) noted(ctx context.Context, what string) (value []string, err error) {
	all, err := t.texts(ctx, "SELECT argMax(value, version) FROM "+t.meta+" WHERE what = "+t.g.Param(1)+" GROUP BY what", what)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return value, json.Unmarshal([]byte(all[0]), &value)
}

// Check implements [Table].
func (t *clickhouse) Check(ctx context.Context, owner Owner) error {
	value, err := t.noted(ctx, "owner")
	if err == nil {
		_, err = t.texts(ctx, "SELECT trait FROM "+t.told+" WHERE 1 = 0")
	}
	if err != nil {
		return err
	}
	if len(value) != 3 {
		return fmt.Errorf("%w: %s does not say whose it is", ErrGone, t.meta)
	}
	return checkOwner(value, owner, t.meta)
}

// live are the holders of leases that have not run out, with the end.
func (t *clickhouse) live(ctx context.Context) ([][]string, error) {
	return t.records(ctx, 2, "SELECT holder, toString(toUInt32(until) * 1000000) FROM (SELECT holder, argMax(lease_until, version) AS until FROM "+t.meta+" WHERE what = 'lease' GROUP BY holder) WHERE until > now() ORDER BY holder")
}

// Lease implements [Table]. Nothing can be compared and set, so two that come at the same
// moment both see the other, and none gets it.
func (t *clickhouse) Lease(ctx context.Context, holder string, ttl time.Duration) (func(context.Context) error, error) {
	holder += "#" + rand.Text()
	turn := int64(0)
	hold := func(ctx context.Context, seconds int64) error { // now() has no fraction of a second
		turn++
		return t.note(ctx, "lease", holder, nil, "now() + "+strconv.FormatInt(seconds, 10), turn)
	}
	if err := t.another(ctx, holder); err != nil {
		return nil, err
	}
	err := hold(ctx, seconds(ttl)+1)
	if err == nil {
		err = t.another(ctx, holder)
	}
	if err != nil {
		return nil, errors.Join(err, hold(ctx, 0))
	}
	// A plan, which has no lease, may take a difference now.
	if err := t.clear(ctx, scratch, scratchBase(time.Now().AddDate(0, 0, -1))); err != nil {
		return nil, errors.Join(err, hold(ctx, 0))
	}
	t.take(holder)
	stop := renew(ctx, ttl, func(ctx context.Context) error { return hold(ctx, seconds(ttl)+1) })
	return func(ctx context.Context) error {
		stop()
		t.take("")
		return hold(ctx, 0)
	}, nil
}

func (t *clickhouse) take(holder string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holder, t.version = holder, -1
}

// another returns [ErrLeased] if another holder has a lease.
func (t *clickhouse) another(ctx context.Context, holder string) error {
	all, err := t.live(ctx)
	for _, one := range all {
		if one[0] != holder {
			return leasedBy(one[0], one[1])
		}
	}
	return err
}

// newest is the newest row of each key that fulfils a condition.
func (t *clickhouse) newest(where string) string {
	return "SELECT trait, kind, id, x.1 AS value, x.2 AS told_at, x.3 AS anonymous_id, x.4 AS email_sha1 FROM (SELECT trait, kind, id, argMax((value, told_at, anonymous_id, email_sha1, gone), version) AS x FROM " +
		t.told + where + " GROUP BY trait, kind, id) WHERE x.5 = 0"
}

// change adds rows under a lease, with a new version, and notes a token.
func (t *clickhouse) change(ctx context.Context, token string, rows []Row) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.holder == "" {
		return errUnleased
	}
	all, err := t.live(ctx)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one[0] != t.holder {
			return lostTo(one[0])
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("%w: the lease of this process ran out", ErrLeased)
	}
	if t.version < 0 {
		newest, err := t.texts(ctx, "SELECT toString(max(version)) FROM "+t.told)
		if err != nil {
			return err
		}
		if t.version, err = strconv.ParseInt(strings.Join(newest, ""), 10, 64); err != nil {
			return err
		}
	}
	t.version++ // of what was written in part, too
	if err := t.insert(ctx, rows, t.version); err != nil {
		return err
	}
	return t.note(ctx, "token", "", []string{token}, "now()", t.version)
}

// appended is a row as it is added.
type appended struct {
	Trait       string `json:"trait"`
	Kind        string `json:"kind"`
	ID          string `json:"id"`
	Value       string `json:"value"`
	At          int64  `json:"told_at"`
	AnonymousID string `json:"anonymous_id"`
	EmailSHA1   string `json:"email_sha1"`
	Gone        int    `json:"gone"`
	Version     int64  `json:"version"`
}

// clickhouseBatch is how many rows an INSERT has.
const clickhouseBatch = 20_000

// Write implements [Table]. Rows are added as they come: only the newest of a key counts,
// so nothing has to be put in place of anything, and some without the others do no harm.
func (t *clickhouse) Write(ctx context.Context, token string, rows iter.Seq2[Row, error]) error {
	if last, err := t.noted(ctx, "token"); err != nil || len(last) == 1 && last[0] == token {
		return err
	}
	var batch []Row
	none := true
	for row, err := range rows {
		if err != nil {
			return err
		}
		none = false
		if batch = append(batch, row); len(batch) == clickhouseBatch {
			if err := t.change(ctx, "", newest(batch)); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	if none {
		return nil
	}
	return t.change(ctx, token, newest(batch))
}

// newest returns the last row of each trait and key.
func newest(rows []Row) []Row {
	type name struct {
		trait string
		key   Key
	}
	last := make(map[name]int, len(rows))
	for i, r := range rows {
		last[name{r.Trait, r.Key}] = i
	}
	if len(last) == len(rows) {
		return rows
	}
	var all []Row
	for i, r := range rows {
		if last[name{r.Trait, r.Key}] == i {
			all = append(all, r)
		}
	}
	return all
}

func (t *clickhouse) insert(ctx context.Context, rows []Row, version int64) error {
	if len(rows) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString("INSERT INTO " + t.told + " (trait, kind, id, value, told_at, anonymous_id, email_sha1, gone, version) FORMAT JSONEachRow\n")
	out := json.NewEncoder(&b)
	for i := range rows {
		r := &rows[i]
		one := appended{r.Trait, r.Key.Kind, r.Key.ID, r.Value, r.At.Unix(), r.AnonymousID, r.EmailSHA1, 0, version}
		if r.Gone {
			one.Gone = 1
		}
		if err := out.Encode(one); err != nil {
			return err
		}
	}
	return t.explain(t.engine.Write(ctx, sqlengine.Statement{Text: b.String()}))
}

// Forget implements [Table]. Rows that say that others are gone hide the old ones at
// once. The engine then removes both; of a Distributed table, it cannot.
func (t *clickhouse) Forget(ctx context.Context, keys []Key) error {
	found, err := t.Of(ctx, keys)
	if err != nil {
		return err
	}
	for i := range found {
		found[i].Gone, found[i].Value, found[i].AnonymousID, found[i].EmailSHA1 = true, "", "", ""
	}
	if err := t.change(ctx, "", found); err != nil {
		return err
	}
	engines, err := t.texts(ctx, "SELECT engine FROM system.tables WHERE database = "+t.g.Param(1)+" AND name = "+t.g.Param(2), t.schema, toldTable)
	if err != nil || len(engines) == 1 && engines[0] == "Distributed" {
		return err
	}
	// A server changes one part after another: first the rows go, and only when none is
	// left what says that they do not count.
	if err := t.erase(ctx, keys, " AND gone = 0"); err != nil {
		return err
	}
	if done, err := t.erased(ctx); err != nil || !done {
		return err
	}
	return t.erase(ctx, keys, "")
}

// erase has the server remove rows of people some time later.
func (t *clickhouse) erase(ctx context.Context, keys []Key, which string) error {
	for some := range slices.Chunk(keys, mostKeys) {
		text, args := t.keysIn(some, "kind", "id")
		if err := t.engine.Write(ctx, sqlengine.Statement{Text: "ALTER TABLE " + t.told + " DELETE WHERE " + text + which, Args: args}); err != nil {
			return t.explain(err)
		}
	}
	return nil
}

// eraseWait is how long a person who is forgotten waits for the server.
const eraseWait = 30 * time.Second

// erased waits until the server has removed what it was to remove. It is false if that
// takes longer, or if the server does not let itself be asked.
func (t *clickhouse) erased(ctx context.Context) (bool, error) {
	for end := time.Now().Add(eraseWait); time.Now().Before(end); {
		left, err := t.texts(ctx, "SELECT mutation_id FROM system.mutations WHERE database = "+t.g.Param(1)+" AND table = "+t.g.Param(2)+" AND is_done = 0", t.schema, toldTable)
		if errors.Is(err, sqlengine.ErrDenied) {
			return false, nil // the rows are hidden all the same
		}
		if err != nil || len(left) == 0 {
			return err == nil, err
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false, nil
}

// keysIn is a condition for columns with one of some keys.
func (t *clickhouse) keysIn(keys []Key, kind, id string) (text string, args []any) {
	all := make([]string, len(keys))
	for i, key := range keys {
		all[i] = "(" + t.g.Param(len(args)+1) + ", " + t.g.Param(len(args)+2) + ")"
		args = append(args, key.Kind, key.ID)
	}
	return "(" + kind + ", " + id + ") IN (" + strings.Join(all, ", ") + ")", args
}
