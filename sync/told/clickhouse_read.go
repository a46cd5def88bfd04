package told

import (
	"context"
	"crypto/rand"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// rowsFrom selects rows as [rowOf] takes them.
func rowsFrom(query string) string {
	return "SELECT trait, kind, id, value, toString(toUInt32(told_at) * 1000000), anonymous_id, email_sha1 FROM (" + query + ")"
}

// Rows implements [Table].
func (t *clickhouse) Rows(ctx context.Context, trait string) iter.Seq2[Row, error] {
	return rowsOf(t.stream(ctx, rowColumns, rowsFrom(t.newest(" WHERE trait = "+t.g.Param(1))), trait))
}

// Counts implements [Table]. It looks at no more columns than it has to: all keys of all
// traits are grouped.
func (t *clickhouse) Counts(ctx context.Context) (map[string]Counts, error) {
	return t.counts(ctx, "(SELECT trait, x.1 AS value FROM (SELECT trait, argMax((value, gone), version) AS x FROM "+t.told+" GROUP BY trait, kind, id) WHERE x.2 = 0)")
}

// Of implements [Table].
func (t *clickhouse) Of(ctx context.Context, keys []Key) ([]Row, error) {
	return t.byKeys(ctx, keys, func(some []Key) (sqlengine.Statement, error) {
		in, args := t.keysIn(some, "kind", "id")
		return sqlengine.Statement{Text: rowsFrom(t.newest(" WHERE " + in)), Args: args}, nil
	})
}

// Riding implements [Table].
func (t *clickhouse) Riding(ctx context.Context, keys []Key) ([]Row, error) {
	return t.byKeys(ctx, keys, func(some []Key) (sqlengine.Statement, error) {
		visitor, args := t.keysIn(some, "'"+AnonymousID+"'", "anonymous_id")
		address, _ := t.keysIn(some, "'"+EmailSHA1+"'", "email_sha1")
		return sqlengine.Statement{Text: rowsFrom(t.newest("")) + " WHERE " + visitor + " OR " + address, Args: args}, nil
	})
}

// Drop implements [Table].
func (t *clickhouse) Drop(ctx context.Context) error {
	return errors.Join(t.clear(ctx, scratch, ""), t.table.Drop(ctx))
}

// scratch is how the names of tables for one difference begin; the day and a random text
// follow.
const scratch = "told_scratch_"

// scratchBase returns what the names for a difference begin with.
func scratchBase(at time.Time) string { return scratch + at.UTC().Format("20060102") }

// Difference implements [Table]. The list is copied once, so that all of the difference
// is of one moment; then each key, with who wants it and what it was told.
func (t *clickhouse) Difference(ctx context.Context, trait string, wanted Wanted) (*Difference, error) {
	base := scratchBase(time.Now()) + "_" + strings.ToLower(rand.Text())
	c := &clickhouseComparison{
		comparison: comparison{g: t.g, w: wanted},
		copied:     sqlengine.Name(t.g, sqlengine.Table{Schema: t.schema, Name: base + "_list"}),
		keyed:      sqlengine.Name(t.g, sqlengine.Table{Schema: t.schema, Name: base + "_keys"}),
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	drop := func() error {
		ctx := context.WithoutCancel(ctx)
		return t.explain(t.engine.Write(ctx, sqlengine.Statement{Text: "DROP TABLE IF EXISTS " + c.copied}, sqlengine.Statement{Text: "DROP TABLE IF EXISTS " + c.keyed}))
	}
	if err := t.engine.Write(ctx, c.list(), c.keys(t.newest(" WHERE trait = "+t.g.Param(1)), trait)); err != nil {
		return nil, errors.Join(t.explain(err), drop())
	}
	counts, err := t.countsOf(ctx, c)
	if err != nil {
		return nil, errors.Join(err, drop())
	}
	return &Difference{
		Counts: counts,
		Told: func(yield func(Row, error) bool) {
			for record, err := range t.stream(ctx, rowColumns, c.back()) {
				var row Row
				if err == nil {
					kept := record[0]
					row, err = rowOf(record)
					row.Trait, row.Kept = trait, kept == "1"
				}
				if !yield(row, err) || err != nil {
					return
				}
			}
		},
		List: func(ctx context.Context) (sqlengine.Rows, error) {
			rows, err := t.engine.Query(ctx, c.changedRows())
			return rows, t.explain(err)
		},
		Close: drop,
	}, nil
}

func (t *clickhouse) countsOf(ctx context.Context, c *clickhouseComparison) (counts Counts, err error) {
	all, err := t.records(ctx, 5, c.counts())
	if err != nil {
		return counts, err
	}
	if len(all) != 1 {
		return counts, errors.New("the difference has no counts")
	}
	for i, n := range []*int64{&counts.Rows, &counts.Told, &counts.Members, &counts.Joins, &counts.Exits} {
		if *n, err = strconv.ParseInt(all[0][i], 10, 64); err != nil {
			return counts, err
		}
	}
	return counts, nil
}

// clickhouseComparison builds the statements of a difference for ClickHouse, whose old
// versions know no WITH and no windows. It means what [comparison] means.
type clickhouseComparison struct {
	comparison
	copied, keyed string // tables
}

// list copies the list.
func (c *clickhouseComparison) list() sqlengine.Statement {
	return sqlengine.Statement{Text: "CREATE TABLE " + c.copied + " ENGINE = MergeTree ORDER BY tuple() AS\n" + c.named(), Args: c.w.Args}
}

// id is what is kept of each id of a profile: its level, itself, and its hash.
func (c *clickhouseComparison) ids() string {
	order := []string{"0"}
	for _, column := range c.w.Order { // NULL comes first
		name := "l." + c.g.Quote(c.w.Columns[column])
		order = append(order, "isNotNull("+name+")", "assumeNotNull("+name+")")
	}
	part := func(level, id string) string {
		return "SELECT " + c.aliased("l") + ", " + c.value("l") + " AS v, CASE WHEN " + id + " = '' THEN 9 ELSE " + level + " END AS level, " + id + " AS id, (" + strings.Join(order, ", ") + ") AS turn\nFROM " + c.copied + " l"
	}
	var parts []string
	if kind := c.column("l", RoleKind); kind != "" {
		parts = append(parts, part("multiIf("+kind+" = 'user_id', 1, "+kind+" = 'anonymous_id', 2, "+kind+" = 'email', 3, 9)", c.text(c.column("l", RoleID))))
	}
	for _, one := range idRoles {
		if column := c.column("l", one.role); column != "" {
			parts = append(parts, part(strconv.Itoa(one.level), c.text(column)))
		}
	}
	const at = "id LIKE '%@%'"
	digest := "multiIf(level != 9 AND " + at + ", " + c.g.sha1("lower("+c.g.trim("id")+")") + ", level = 3 AND length(id) = 40, lower(id), '')"
	return "SELECT " + strings.Join(c.profile, ", ") + ", v, turn, level, id, " + digest + " AS digest FROM (\n" + strings.Join(parts, "\nUNION ALL\n") + "\n)"
}

// aliased are the columns that name a profile, with their names.
func (c *clickhouseComparison) aliased(from string) string {
	all := slices.Clone(c.profile)
	for i, name := range all {
		all[i] = from + "." + name + " AS " + name
	}
	return strings.Join(all, ", ")
}

// people are the profiles that want something.
func (c *clickhouseComparison) people() string {
	odd, newest := "av = 1 OR au = 1 AND (visitor = 1 OR low != high)", "argMax(v, turn)"
	if !c.rowwise() {
		unnamed := c.unnamed("")
		odd, newest = odd+" OR "+unnamed, "if("+unnamed+", 'unknown', "+newest+")"
	}
	profile := strings.Join(c.profile, ", ")
	where := ""
	if !c.w.Computed {
		where = " WHERE want != 'false'"
	}
	return "SELECT " + profile + ", want, foremost, if(" + odd + ", 1, 0) AS odd, all FROM (\n" +
		"SELECT " + profile + ", " + newest + " AS want, min(level) AS foremost, max(level = 1 AND id LIKE '%@%') AS au, max(level = 2 AND id LIKE '%@%') AS av, max(level = 2) AS visitor, minIf(digest, digest != '') AS low, maxIf(digest, digest != '') AS high, groupUniqArray((level, id, digest)) AS all\n" +
		"FROM (\n" + c.ids() + "\n) GROUP BY " + profile + "\n)" + where
}

// keys makes a row for each key, with who wants it, and what it was told.
func (c *clickhouseComparison) keys(newest, trait string) sqlengine.Statement {
	profile := strings.Join(c.profile, ", ")
	var none, lists []string
	for _, name := range c.profile {
		none = append(none, "'' AS "+name)
		lists = append(lists, "groupArrayIf("+name+", row = 0) AS "+name+"s")
	}
	const kind = "multiIf(k.1 = 9, 'none', k.3 != '', '" + EmailSHA1 + "', k.1 = 1, '" + UserID + "', k.1 = 2, '" + AnonymousID + "', 'none')"
	return sqlengine.Statement{Args: []any{trait}, Text: "CREATE TABLE " + c.keyed + " ENGINE = MergeTree ORDER BY tuple() AS\n" +
		"SELECT kind, id, " + strings.Join(lists, ", ") + ", groupArrayIf(want, row = 0) AS wants, groupArrayIf(here, row = 0) AS heres, groupArrayIf(odd, row = 0) AS odds,\n" +
		"minIf(want, row = 0) AS low, maxIf(want, row = 0) AS high, maxIf(here, row = 0) AS first, maxIf(here * (1 - odd), row = 0) AS sure,\n" +
		"max(row) AS is_told, maxIf(value, row = 1) AS was, maxIf(told_at, row = 1) AS was_at, maxIf(anonymous_id, row = 1) AS visitor, maxIf(email_sha1, row = 1) AS address,\n" +
		"is_told = 1 AND sure = 1 AND low = high AND low = was AS kept\nFROM (\n" +
		"SELECT toUInt8(0) AS row, " + kind + " AS kind, if(k.3 != '', k.3, k.2) AS id, " + profile + ", want, toUInt8(k.1 = foremost) AS here, toUInt8(odd) AS odd, '' AS value, toDateTime(0) AS told_at, '' AS anonymous_id, '' AS email_sha1\nFROM (\n" + c.people() + "\n) ARRAY JOIN all AS k\n" +
		"UNION ALL\nSELECT toUInt8(1) AS row, kind, id, " + strings.Join(none, ", ") + ", '' AS want, toUInt8(0) AS here, toUInt8(0) AS odd, value, told_at, anonymous_id, email_sha1\nFROM (" + newest + ")\n" +
		") GROUP BY kind, id"}
}

// idle is a condition for a row that says that nothing is told.
func (c *clickhouseComparison) idle() string {
	if c.w.Computed {
		return "was = ''"
	}
	return "was = 'false'"
}

func (c *clickhouseComparison) counts() string {
	return "SELECT toString(sum(is_told)), toString(sum(is_told = 1 AND was != 'false')), toString(sum(first = 1 AND kind != 'none')), toString(sum(first = 1 AND kind != 'none' AND was != low)), toString(sum(is_told = 1 AND first = 0 AND NOT (" + c.idle() + "))) FROM " + c.keyed
}

// changed are the profiles that come over.
func (c *clickhouseComparison) changed() string {
	where := "kind = 'none' OR one_odd = 1 OR low != high OR one_here = 1 AND was != one_want OR one_here = 0 AND is_told = 1 AND was != 'false'"
	if c.w.Whole {
		where = "1 = 1"
	}
	return "SELECT " + strings.Join(c.ones(), ", ") + " FROM " + c.joined() + " WHERE " + where
}

// ones are the columns of a profile in joined.
func (c *clickhouseComparison) ones() []string {
	var all []string
	for _, name := range c.profile {
		all = append(all, "one_"+name)
	}
	return all
}

// joined has a row for each profile that wants a key.
func (c *clickhouseComparison) joined() string {
	arrays := []string{"wants AS one_want", "heres AS one_here", "odds AS one_odd"}
	for _, name := range c.profile {
		arrays = append(arrays, name+"s AS one_"+name)
	}
	return c.keyed + " ARRAY JOIN " + strings.Join(arrays, ", ")
}

// back are the rows of the table that come over: kept, and then as [rowOf] takes them.
func (c *clickhouseComparison) back() string {
	where := "NOT kept AND NOT (" + c.idle() + ") OR (kind, id) IN (SELECT kind, id FROM " + c.joined() + " WHERE (" + strings.Join(c.ones(), ", ") + ") IN (" + c.changed() + "))"
	if c.w.Whole {
		where = "1 = 1"
	}
	return "SELECT toString(kept), kind, id, was, toString(toUInt32(was_at) * 1000000), visitor, address FROM " + c.keyed + " WHERE is_told = 1 AND (" + where + ")"
}

// changedRows are the rows of the list that come over.
func (c *clickhouseComparison) changedRows() string {
	order := slices.Clone(c.profile)
	var columns []string
	for i, name := range c.w.Columns {
		columns = append(columns, c.g.Quote(name))
		if c.w.Roles[i] == RoleProfile {
			order = append(order, c.g.Quote(name))
		}
	}
	for _, i := range c.w.Order {
		order = append(order, c.g.Quote(c.w.Columns[i])+" NULLS FIRST")
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + c.copied + " WHERE (" + strings.Join(c.profile, ", ") + ") IN (" + c.changed() + ") ORDER BY " + strings.Join(order, ", ")
}
