package told

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// jsonRow is a row as engines are given it.
type jsonRow struct {
	Trait       string `json:"trait"`
	Kind        string `json:"kind"`
	ID          string `json:"id"`
	Value       string `json:"value"`
	At          int64  `json:"at"`
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
	for len(keys) > 0 {
		some := keys[:min(len(keys), mostKeys)]
		keys = keys[len(some):]
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
		return fmt.Errorf("%w: nothing can be written without its lease", ErrLeased)
	}
	if done, err := t.held(ctx, holder); err != nil || token != "" && done == token {
		return err
	}
	all, err := statements(holder)
	if err != nil {
		return err
	}
	if err := t.engine.Write(ctx, append(t.fence(holder, token), all...)...); err != nil {
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
		return "", fmt.Errorf("%w: this one's lease ran out, and %s took it", ErrLeased, holderName(all[0][0]))
	}
	return all[0][1], nil
}

// fence returns the statement that notes a token, and keeps others from the lease until
// the transaction ends. What follows in it takes effect if [grammar.fenced] holds.
func (t *table) fence(holder, token string) []sqlengine.Statement {
	return []sqlengine.Statement{{
		Text: "UPDATE " + t.meta + " SET token = " + t.g.Param(1) + " WHERE holder = " + t.g.Param(2), Args: []any{token, holder},
	}}
}

func (t *table) fenced(param int) string {
	return "EXISTS (SELECT 1 FROM " + t.meta + " m WHERE m.holder = " + t.g.Param(param) + ")"
}

// put returns the statements that put rows in place of those of the same key.
func (t *table) put(holder string, rows []Row) ([]sqlengine.Statement, error) {
	var keep, gone []Row
	for _, r := range rows {
		if r.Gone {
			gone = append(gone, r)
		} else {
			keep = append(keep, r)
		}
	}
	var all []sqlengine.Statement
	add := func(text string, rows []Row) error {
		if len(rows) == 0 {
			return nil
		}
		param, err := encode(rows)
		all = append(all, sqlengine.Statement{Text: text, Args: []any{param, holder}})
		return err
	}
	if err := add("DELETE FROM "+t.told+" t USING "+t.g.rows(t.g.Param(1))+" WHERE t.trait = r.trait AND t.kind = r.kind AND t.id = r.id AND "+t.fenced(2), gone); err != nil {
		return nil, err
	}
	err := add("INSERT INTO "+t.told+" (trait, kind, id, value, told_at, anonymous_id, email_sha1)\n"+
		"SELECT r.trait, r.kind, r.id, r.value, "+t.g.at("r.at")+", r.anonymous_id, r.email_sha1 FROM "+t.g.rows(t.g.Param(1))+" WHERE "+t.fenced(2)+"\n"+
		"ON CONFLICT (trait, kind, id) DO UPDATE SET value = excluded.value, told_at = excluded.told_at, anonymous_id = excluded.anonymous_id, email_sha1 = excluded.email_sha1", keep)
	return all, err
}

// forget returns the statements that remove the rows of keys.
func (t *table) forget(holder string, keys []Key) ([]sqlengine.Statement, error) {
	param, err := encode(rowsOfKeys(keys))
	return []sqlengine.Statement{{
		Text: "DELETE FROM " + t.told + " t USING " + t.g.rows(t.g.Param(1)) + ", (" + t.g.traitsOf(t.told) + ") n WHERE t.trait = n.trait AND t.kind = r.kind AND t.id = r.id AND " + t.fenced(2),
		Args: []any{param, holder},
	}}, err
}
