package told

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// jsonRow is a row as engines are given it.
type jsonRow struct {
	Trait       string `json:"trait"`
	Kind        string `json:"kind"`
	ID          string `json:"id"`
	Value       string `json:"value"`
	Seconds     int64  `json:"seconds"` // since 1970
	AnonymousID string `json:"anonymous_id"`
	EmailSHA1   string `json:"email_sha1"`
	Gone        bool   `json:"gone"`
}

func encode(rows []Row) (string, error) {
	all := make([]jsonRow, len(rows))
	for i, r := range rows {
		all[i] = jsonRow{r.Trait, r.Key.Kind, r.Key.ID, r.Value, r.At.Unix(), r.AnonymousID, r.EmailSHA1, r.Gone}
	}
	text, err := json.Marshal(all)
	return string(text), err
}

// Write implements [Table].
func (t *table) Write(ctx context.Context, token string, rows []Row) error {
	rows = newest(rows)
	return t.change(ctx, token, func(holder string) ([]sqlengine.Statement, error) { return t.put(holder, rows) })
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

// Forget implements [Table].
func (t *table) Forget(ctx context.Context, keys []Key) error {
	for some := range slices.Chunk(keys, mostKeys) {
		if err := t.change(ctx, "", func(holder string) ([]sqlengine.Statement, error) { return t.forget(holder, some) }); err != nil {
			return err
		}
	}
	return nil
}

// change runs statements that take effect as long as the lease is held, and nothing of
// them twice in a row with the same token.
func (t *table) change(ctx context.Context, token string, statements func(holder string) ([]sqlengine.Statement, error)) error {
	t.mu.Lock()
	holder := t.holder
	t.mu.Unlock()
	if holder == "" {
		return errUnleased
	}
	if done, err := t.held(ctx, holder); err != nil || token != "" && done == token {
		return err
	}
	all, err := statements(holder)
	if err != nil {
		return err
	}
	if err := t.engine.Write(ctx, t.fence(holder, token, all)...); err != nil {
		return t.explain(err)
	}
	_, err = t.held(ctx, holder)
	return err
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

// fence adds to statements one that notes a token. In a transaction it comes first, and
// keeps others from the lease until the end; without one it comes last, when all of the
// batch is there.
func (t *table) fence(holder, token string, all []sqlengine.Statement) []sqlengine.Statement {
	note := sqlengine.Statement{Text: "UPDATE " + t.meta + " SET token = " + t.g.Param(1) + " WHERE holder = " + t.g.Param(2), Args: []any{token, holder}}
	if t.g.change == withMerge {
		return append(all, note)
	}
	return append([]sqlengine.Statement{note}, all...)
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

// put returns the statements that put rows in place of those of the same key, which are
// all different.
func (t *table) put(holder string, rows []Row) ([]sqlengine.Statement, error) {
	from := t.g.rows(t.g.Param(1))
	switch t.g.change {
	case withMerge:
		return t.filled("MERGE INTO "+t.told+" t\nUSING (SELECT r.* FROM "+from+" WHERE "+t.fenced(2)+") r\nON "+sameKey+"\n"+
			"WHEN MATCHED AND r.gone THEN DELETE\n"+
			"WHEN MATCHED THEN UPDATE SET value = r.value, told_at = "+t.g.at("r.seconds")+", anonymous_id = r.anonymous_id, email_sha1 = r.email_sha1\n"+
			"WHEN NOT MATCHED AND NOT r.gone THEN INSERT ("+ownColumns+") VALUES ("+t.g.values()+")", holder, rows)
	case withTemporary:
		return t.staged(holder, rows, sameKey, "INSERT INTO "+t.told+" ("+ownColumns+")\nSELECT "+t.g.values()+" FROM told_new r WHERE NOT r.gone AND "+t.fenced(1))
	}
	var keep, gone []Row
	for _, r := range rows {
		if r.Gone {
			gone = append(gone, r)
		} else {
			keep = append(keep, r)
		}
	}
	less, err := t.filled("DELETE FROM "+t.told+" t USING "+from+"\nWHERE "+sameKey+" AND "+t.fenced(2), holder, gone)
	if err != nil {
		return nil, err
	}
	more, err := t.filled("INSERT INTO "+t.told+" ("+ownColumns+")\nSELECT "+t.g.values()+" FROM "+from+" WHERE "+t.fenced(2)+"\n"+
		"ON CONFLICT (trait, kind, id) DO UPDATE SET value = excluded.value, told_at = excluded.told_at, anonymous_id = excluded.anonymous_id, email_sha1 = excluded.email_sha1", holder, keep)
	return append(less, more...), err
}

// forget returns the statements that remove the rows of keys.
func (t *table) forget(holder string, keys []Key) ([]sqlengine.Statement, error) {
	const same = "t.kind = r.kind AND t.id = r.id"
	from, rows := t.g.rows(t.g.Param(1)), rowsOfKeys(keys)
	switch t.g.change {
	case withMerge:
		return t.filled("MERGE INTO "+t.told+" t\nUSING (SELECT DISTINCT r.kind, r.id FROM "+from+" WHERE "+t.fenced(2)+") r\nON "+same+"\nWHEN MATCHED THEN DELETE", holder, rows)
	case withTemporary:
		return t.staged(holder, rows, same)
	}
	return t.filled("DELETE FROM "+t.told+" t USING "+from+", ("+t.g.traitsOf(t.told)+") n\nWHERE t.trait = n.trait AND "+same+" AND "+t.fenced(2), holder, rows)
}

// filled returns a statement with rows as its first parameter and the holder as its
// second, several times if the rows do not fit into one.
func (t *table) filled(text, holder string, rows []Row) (all []sqlengine.Statement, err error) {
	for len(rows) > 0 {
		some := rows
		param, err := encode(some)
		for err == nil && len(param) > t.g.most && len(some) > 1 {
			some = some[:len(some)/2]
			param, err = encode(some)
		}
		if err != nil {
			return nil, err
		}
		s := sqlengine.Statement{Text: text, Args: []any{param}}
		if holder != "" {
			s.Args = append(s.Args, holder)
		}
		all, rows = append(all, s), rows[len(some):]
	}
	return all, nil
}

// staged returns the statements that put rows into a temporary table, and delete those of
// the same key, for an engine that cannot do better.
func (t *table) staged(holder string, rows []Row, same string, then ...string) ([]sqlengine.Statement, error) {
	g := t.g
	all := []sqlengine.Statement{{Text: fmt.Sprintf("CREATE TEMPORARY TABLE told_new (trait %[1]s, kind %[1]s, id %[1]s, value %[1]s, seconds %[2]s, anonymous_id %[1]s, email_sha1 %[1]s, gone boolean)", g.text, g.integer)}}
	filled, err := t.filled("INSERT INTO told_new\nSELECT r.trait, r.kind, r.id, r.value, r.seconds, r.anonymous_id, r.email_sha1, r.gone FROM "+g.rows(g.Param(1)), "", rows)
	if err != nil {
		return nil, err
	}
	all = append(all, filled...)
	for _, text := range append([]string{"DELETE FROM " + t.told + " USING told_new r\nWHERE " + strings.ReplaceAll(same, "t.", t.told+".") + " AND " + t.fenced(1)}, then...) {
		all = append(all, sqlengine.Statement{Text: text, Args: []any{holder}})
	}
	return append(all, sqlengine.Statement{Text: "DROP TABLE told_new"}), nil
}
