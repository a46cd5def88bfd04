package told

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"iter"
	"strings"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// incoming is how the name of a table begins in which the rows of one write come
// together. A random text follows, so that what another process left, or still adds, is
// in no other write.
const incoming = "told_incoming_"

// incomingColumns are those of such a table. The row with the highest turn counts, of
// several with the same key.
var incomingColumns = []string{"trait", "kind", "id", "value", "seconds", "anonymous_id", "email_sha1", "gone", "turn"}

func (g *grammar) incoming(name string) sqlengine.Statement {
	types := map[string]string{"seconds": g.integer, "turn": g.integer, "gone": "boolean"}
	columns := make([]string, len(incomingColumns))
	for i, column := range incomingColumns {
		columns[i] = column + " " + cmp.Or(types[column], g.text)
	}
	return sqlengine.Statement{Text: "CREATE " + g.brief + "TABLE " + name + " (" + strings.Join(columns, ", ") + ")"}
}

// Write implements [Table].
func (t *table) Write(ctx context.Context, token string, rows iter.Seq2[Row, error]) error {
	return t.change(ctx, token, rows, t.put)
}

// Forget implements [Table].
func (t *table) Forget(ctx context.Context, keys []Key) error {
	rows := func(yield func(Row, error) bool) {
		for _, key := range keys {
			if !yield(Row{Key: key}, nil) {
				return
			}
		}
	}
	return t.change(ctx, "", rows, t.forget)
}

// change brings rows into a table of their own, and then runs statements with it that
// take effect as long as the lease is held, and nothing of them twice in a row with the
// same token.
func (t *table) change(ctx context.Context, token string, rows iter.Seq2[Row, error], statements func(holder, from string) []sqlengine.Statement) error {
	t.mu.Lock()
	holder := t.holder
	t.mu.Unlock()
	if holder == "" {
		return errUnleased
	}
	if done, err := t.held(ctx, holder); err != nil || token != "" && done == token {
		return err
	}
	at := sqlengine.Table{Schema: t.schema, Name: incoming + strings.ToLower(rand.Text())}
	name := sqlengine.Name(t.g, at)
	made, err := t.gather(ctx, at, rows)
	if !made {
		return err
	}
	if err == nil {
		err = t.explain(t.engine.Write(ctx, t.fence(holder, token, statements(holder, name))...))
	}
	err = cmp.Or(err, t.explain(t.engine.Write(context.WithoutCancel(ctx), sqlengine.Statement{Text: "DROP TABLE IF EXISTS " + name})))
	_, lost := t.held(ctx, holder)
	if err == nil || errors.Is(lost, ErrLeased) { // who took it dropped the table
		return lost
	}
	return err
}

// gather brings rows into a table that it makes; it makes none for no rows.
func (t *table) gather(ctx context.Context, at sqlengine.Table, rows iter.Seq2[Row, error]) (made bool, err error) {
	err = errors.New("given up") // unless it comes to its end
	var load sqlengine.Load
	defer func() {
		if load != nil {
			err = t.explain(load.End(err))
		}
	}()
	var turn int64
	for r, failed := range rows {
		if failed != nil {
			return made, failed
		}
		if !made {
			if err := t.engine.Write(ctx, t.g.incoming(sqlengine.Name(t.g, at))); err != nil {
				return false, t.explain(err)
			}
			made, load = true, t.load(ctx, at)
		}
		turn++
		if err := load.Add(r.Trait, r.Key.Kind, r.Key.ID, r.Value, r.At.Unix(), r.AnonymousID, r.EmailSHA1, r.Gone, turn); err != nil {
			return made, err
		}
	}
	return made, nil
}

func (t *table) load(ctx context.Context, at sqlengine.Table) sqlengine.Load {
	if e, ok := t.engine.(sqlengine.Loader); ok {
		return e.Load(ctx, at, incomingColumns)
	}
	columns := strings.Join(incomingColumns, ", ")
	return &inserts{ctx: ctx, table: t, text: "INSERT INTO " + sqlengine.Name(t.g, at) + " (" + columns + ")\nSELECT r." + strings.Join(incomingColumns, ", r.") + " FROM " + t.g.rows(t.g.Param(1))}
}

// inserts are statements with many rows each, in JSON, for engines that are not a
// [sqlengine.Loader].
type inserts struct {
	ctx context.Context
	*table
	text string
	rows []byte
}

// Add implements [sqlengine.Load].
func (i *inserts) Add(values ...any) error {
	row, err := sqlengine.JSONRow(incomingColumns, values)
	if err == nil && len(i.rows)+len(row)+2 > i.g.most {
		err = i.flush()
	}
	i.rows = append(append(i.rows, ','), row...)
	return err
}

// End implements [sqlengine.Load].
func (i *inserts) End(err error) error {
	if err != nil {
		return err
	}
	return i.flush()
}

func (i *inserts) flush() error {
	if len(i.rows) == 0 {
		return nil
	}
	i.rows[0] = '[' // instead of the first comma
	text := string(append(i.rows, ']'))
	i.rows = i.rows[:0]
	return i.engine.Write(i.ctx, sqlengine.Statement{Text: i.text, Args: []any{text}})
}

// held returns the token of what was written last, or [ErrLeased] if another has taken
// the lease.
func (t *table) held(ctx context.Context, holder string) (token string, err error) {
	all, err := t.records(ctx, 2, "SELECT holder, token FROM "+t.meta)
	switch {
	case err != nil:
		return "", err
	case len(all) != 1:
		return "", notOne(t.meta, len(all))
	case all[0][0] != holder:
		return "", lostTo(all[0][0])
	}
	return all[0][1], nil
}

// fence adds to statements one that notes a token: last, when all of the rows are there.
// Where it locks the lease it comes first, and keeps others from it until the end; since
// the lease is not renewed meanwhile, that comes last.
func (t *table) fence(holder, token string, all []sqlengine.Statement) []sqlengine.Statement {
	note := sqlengine.Statement{Text: "UPDATE " + t.meta + " SET token = " + t.g.Param(1) + " WHERE holder = " + t.g.Param(2), Args: []any{token, holder}}
	if !t.g.locks {
		return append(all, note)
	}
	t.mu.Lock()
	ttl := t.ttl
	t.mu.Unlock()
	return append(append([]sqlengine.Statement{note}, all...), t.lengthened(holder, ttl, ""))
}

// fenced is a condition of what is written: the lease is still this one's.
func (t *table) fenced(param int) string {
	return "EXISTS (SELECT 1 FROM " + t.meta + " m WHERE m.holder = " + t.g.Param(param) + ")"
}

// The columns of told, and those of rows for it.
const (
	ownColumns = "trait, kind, id, value, told_at, anonymous_id, email_sha1"
	sameKey    = "t.trait = r.trait AND t.kind = r.kind AND t.id = r.id"
)

func (g *grammar) values() string {
	return "r.trait, r.kind, r.id, r.value, " + g.at("r.seconds") + ", r.anonymous_id, r.email_sha1"
}

// put returns the statements that put the rows of a table in place of those of the same
// key.
func (t *table) put(holder, from string) []sqlengine.Statement {
	newest := "(\nSELECT n.* FROM (SELECT i.*, ROW_NUMBER() OVER (PARTITION BY i.trait, i.kind, i.id ORDER BY i.turn DESC) AS place FROM " + from + " i) n WHERE n.place = 1 AND " + t.fenced(1) + "\n) r"
	if t.g.merges {
		return under(holder, "MERGE INTO "+t.told+" t USING "+newest+"\nON "+sameKey+"\n"+
			"WHEN MATCHED AND r.gone THEN DELETE\n"+
			"WHEN MATCHED AND (t.value <> r.value OR t.told_at <> "+t.g.at("r.seconds")+" OR t.anonymous_id <> r.anonymous_id OR t.email_sha1 <> r.email_sha1) THEN UPDATE SET value = r.value, told_at = "+t.g.at("r.seconds")+", anonymous_id = r.anonymous_id, email_sha1 = r.email_sha1\n"+
			"WHEN NOT MATCHED AND NOT r.gone THEN INSERT ("+ownColumns+") VALUES ("+t.g.values()+")")
	}
	return under(holder, t.remove(from, sameKey), "INSERT INTO "+t.told+" ("+ownColumns+")\nSELECT "+t.g.values()+" FROM "+newest+" WHERE NOT r.gone")
}

// forget returns the statements that remove the rows of a table's keys, of all traits.
func (t *table) forget(holder, from string) []sqlengine.Statement {
	if t.g.merges {
		return under(holder, "MERGE INTO "+t.told+" t USING (SELECT DISTINCT n.trait, i.kind, i.id FROM "+from+" i CROSS JOIN ("+t.g.traitsOf(t.told)+") n WHERE "+t.fenced(1)+") r\nON "+sameKey+"\nWHEN MATCHED THEN DELETE")
	}
	return under(holder, t.remove(from, "t.kind = r.kind AND t.id = r.id"))
}

// remove deletes the rows of told (t) for which there are some of a table (r). Redshift
// knows no other name for told there.
func (t *table) remove(from, where string) string {
	return "DELETE FROM " + t.told + " USING " + from + " r\nWHERE " + strings.ReplaceAll(where, "t.", t.told+".") + " AND " + t.fenced(1)
}

// under gives statements the holder of the lease.
func under(holder string, texts ...string) []sqlengine.Statement {
	all := make([]sqlengine.Statement, len(texts))
	for i, text := range texts {
		all[i] = sqlengine.Statement{Text: text, Args: []any{holder}}
	}
	return all
}
