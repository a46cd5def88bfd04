package told

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// stream ranges over the rows of a statement, as texts; NULL is "". A row is valid until
// the next one.
func (t *table) stream(ctx context.Context, columns int, statement string, args ...any) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		if err := t.each(ctx, columns, statement, args, func(record []string) bool { return yield(record, nil) }); err != nil {
			yield(nil, t.explain(err))
		}
	}
}

// each calls fn with each row until it returns false.
func (t *table) each(ctx context.Context, columns int, statement string, args []any, fn func([]string) bool) (err error) {
	rows, err := t.engine.Query(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values, dest, record := make([]sql.NullString, columns), make([]any, columns), make([]string, columns)
	for i := range values {
		dest[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		for i := range values {
			record[i] = values[i].String
		}
		if !fn(record) {
			return nil
		}
	}
	return rows.Err()
}

// columns are those of a row, as [rowOf] takes them.
func (g *grammar) columns() string {
	return "t.trait, t.kind, t.id, t.value, " + g.Text(g.Micros("t.told_at")) + ", t.anonymous_id, t.email_sha1"
}

const rowColumns = 7

// rowOf returns the row of a record.
func rowOf(record []string) (Row, error) {
	micros, err := strconv.ParseInt(record[4], 10, 64)
	return Row{
		Trait: record[0], Key: Key{record[1], record[2]}, Value: record[3], At: time.UnixMicro(micros).UTC(),
		AnonymousID: record[5], EmailSHA1: record[6],
	}, err
}

// rowsOf ranges over the rows of a statement.
func rowsOf(records iter.Seq2[[]string, error]) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for record, err := range records {
			var row Row
			if err == nil {
				row, err = rowOf(record)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// Rows implements [Table].
func (t *table) Rows(ctx context.Context, trait string) iter.Seq2[Row, error] {
	return rowsOf(t.stream(ctx, rowColumns, "SELECT "+t.g.columns()+" FROM "+t.told+" t WHERE t.trait = "+t.g.Param(1), trait))
}

// Counts implements [Table].
func (t *table) Counts(ctx context.Context) (map[string]Counts, error) {
	return t.counts(ctx, t.told)
}

// counts returns the rows of each trait of a table.
func (t *table) counts(ctx context.Context, from string) (map[string]Counts, error) {
	all, err := t.records(ctx, 3, "SELECT trait, "+t.g.Text("COUNT(*)")+", "+t.g.Text("SUM(CASE WHEN value = 'false' THEN 0 ELSE 1 END)")+" FROM "+from+" GROUP BY trait")
	counts := make(map[string]Counts, len(all))
	for _, one := range all {
		n, errRows := strconv.ParseInt(one[1], 10, 64)
		told, errTold := strconv.ParseInt(one[2], 10, 64)
		if err := errors.Join(errRows, errTold); err != nil {
			return nil, err
		}
		counts[one[0]] = Counts{Rows: n, Told: told}
	}
	return counts, err
}

// Of implements [Table].
func (t *table) Of(ctx context.Context, keys []Key) ([]Row, error) {
	return t.byKeys(ctx, keys, withKeys("SELECT "+t.g.columns()+" FROM (SELECT DISTINCT r.kind, r.id FROM "+t.g.rows(t.g.Param(1))+") k CROSS JOIN ("+t.g.traitsOf(t.told)+") n JOIN "+t.told+" t ON t.trait = n.trait AND t.kind = k.kind AND t.id = k.id"))
}

// traitsOf returns a statement that gives the traits of told.
func (g *grammar) traitsOf(told string) string {
	if g.traits == "" {
		return "SELECT DISTINCT trait FROM " + told
	}
	return fmt.Sprintf(g.traits, told)
}

// Riding implements [Table].
func (t *table) Riding(ctx context.Context, keys []Key) ([]Row, error) {
	return t.byKeys(ctx, keys, withKeys("SELECT "+t.g.columns()+" FROM "+t.told+" t JOIN (SELECT DISTINCT r.kind, r.id FROM "+t.g.rows(t.g.Param(1))+") k ON k.kind = '"+AnonymousID+"' AND k.id = t.anonymous_id OR k.kind = '"+EmailSHA1+"' AND k.id = t.email_sha1"))
}

// mostKeys is how many keys a statement takes.
const mostKeys = 1000

// byKeys returns the rows of statements for some keys at a time.
func (t *table) byKeys(ctx context.Context, keys []Key, statement func([]Key) (sqlengine.Statement, error)) (all []Row, err error) {
	seen := map[[3]string]bool{} // in several of them
	for some := range slices.Chunk(keys, mostKeys) {
		s, err := statement(some)
		if err != nil {
			return nil, err
		}
		for row, err := range rowsOf(t.stream(ctx, rowColumns, s.Text, s.Args...)) {
			if err != nil {
				return nil, err
			}
			if name := [3]string{row.Trait, row.Key.Kind, row.Key.ID}; !seen[name] {
				seen[name] = true
				all = append(all, row)
			}
		}
	}
	return all, nil
}

// withKeys adds keys as the parameter of a statement.
func withKeys(text string) func([]Key) (sqlengine.Statement, error) {
	type jsonKey struct {
		Kind string `json:"kind"`
		ID   string `json:"id"`
	}
	return func(keys []Key) (sqlengine.Statement, error) {
		all := make([]jsonKey, len(keys))
		for i, key := range keys {
			all[i] = jsonKey(key)
		}
		param, err := json.Marshal(all)
		return sqlengine.Statement{Text: text, Args: []any{string(param)}}, err
	}
}
