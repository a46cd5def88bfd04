package warehouse

import (
	"context"
	"fmt"
	"strings"

	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/told"
)

// planProfiles plans the list of a trait of Profiles Sync, from the tables that Segment
// keeps, or from those of its dbt package.
func planProfiles(ctx context.Context, c *catalogue, t *Trait) (plan, error) {
	schema := c.schemas[0]
	for _, layout := range []struct {
		traits string
		ids    []string
		plan   func(ctx context.Context, c *catalogue, t *Trait, traits, ids table) (plan, error)
	}{
		{"user_traits", []string{"user_identifiers", "user_identifier"}, planRows}, // Segment's pages have both names
		{"profile_traits", []string{"external_id_mapping"}, planColumns},
	} {
		traits, found, err := c.find(ctx, schema, "t", layout.traits)
		if err != nil {
			return plan{}, err
		}
		ids, both, err := c.find(ctx, schema, "i", layout.ids...)
		if err != nil {
			return plan{}, err
		}
		if found && both {
			return layout.plan(ctx, c, t, traits, ids)
		}
	}
	return plan{}, noProfiles(ctx, c, schema)
}

// noProfiles says what is missing of Profiles Sync.
func noProfiles(ctx context.Context, c *catalogue, schema string) error {
	there, err := c.tablesOf(ctx, schema)
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: schema %q has neither user_traits with user_identifiers nor profile_traits with external_id_mapping, but %s: "+
		"nothing is changed; switch the materialized tables on in Segment (Unify, Profiles Sync, selective sync), let them sync, or build them with Segment's dbt package",
		sqlengine.ErrNoTable, schema, someOf(there))
}

// idKinds are the kinds of id by which people are addressed.
var idKinds = []string{"user_id", "anonymous_id", "email"}

// profileRoles are the columns of the statements for Profiles Sync.
func profileRoles(gone bool) []told.Role {
	if gone {
		return []told.Role{told.RoleProfile, told.RoleValue, told.RoleGone, told.RoleKind, told.RoleID}
	}
	return []told.Role{told.RoleProfile, told.RoleValue, told.RoleKind, told.RoleID}
}

// planRows reads tables with a row for each trait, and one for each id, of a profile.
// Rows that a merged profile left behind do not count.
func planRows(ctx context.Context, c *catalogue, t *Trait, traits, ids table) (plan, error) {
	if err := traits.needs("canonical_segment_id", "name", "value", "seq"); err != nil {
		return plan{}, err
	}
	if err := ids.needs("canonical_segment_id", "type", "value"); err != nil {
		return plan{}, err
	}
	if err := c.someoneHas(ctx, &traits, t); err != nil {
		return plan{}, err
	}
	if err := c.notEmpty(ctx, &ids); err != nil {
		return plan{}, err
	}
	merges, merged, err := c.find(ctx, traits.Schema, "m", "profile_merges")
	if err == nil && merged {
		err = merges.needs("canonical_segment_id", "segment_id")
	}
	if err != nil {
		return plan{}, err
	}
	values := fmt.Sprintf("SELECT %s AS profile, %s AS value, %s AS seq FROM %s WHERE %s = %s",
		traits.ref("canonical_segment_id"), traits.ref("value"), traits.ref("seq"), traits.from(), traits.ref("name"), c.dialect.Param(1))
	if merged {
		values = fmt.Sprintf("SELECT a.profile AS profile, a.value AS value, a.seq AS seq, g.gone AS gone\nFROM (%s) a\nLEFT JOIN (SELECT %s AS gone FROM %s WHERE %s <> %s) g ON g.gone = a.profile",
			values, merges.ref("segment_id"), merges.from(), merges.ref("canonical_segment_id"), merges.ref("segment_id"))
	}
	p := plan{object: shown(traits.Table) + "/" + t.Column, table: traits.Table, args: []any{t.Column}, version: versionOf(c, t, &traits, &ids, &merges)}
	p.lay(c.dialect, withIDs(values, merged, &ids, "type", "value", ids.sorted("seq")))
	return p, nil
}

// withIDs joins to the profiles of a statement their ids, the oldest first, or one row of
// NULLs. All conditions are within the parts, and joins are by one column: not every
// database takes more, and one gives wrong answers.
func withIDs(values string, gone bool, ids *table, kind, value, seq string) selection {
	s := selection{columns: []string{"t.profile", "t.value"}, roles: profileRoles(gone), order: []string{"t.profile", "t.seq"}, oldest: "t.seq"}
	if gone {
		s.columns = append(s.columns, "t.gone")
	}
	s.columns = append(s.columns, "i.kind", "i.id")
	columns := ""
	if seq != "" {
		columns, s.order = ", "+seq+" AS seq", append(s.order, "i.seq")
	}
	s.order = append(s.order, "i.kind", "i.id")
	s.body = fmt.Sprintf("FROM (%s) t\n", values) +
		fmt.Sprintf("LEFT JOIN (SELECT %s AS owner, %s AS kind, %s AS id%s FROM %s WHERE %s IN ('%s')) i ON i.owner = t.profile",
			ids.ref("canonical_segment_id"), ids.ref(kind), ids.ref(value), columns, ids.from(), ids.ref(kind), strings.Join(idKinds, "', '"))
	return s
}

// someoneHas wants a row to have the trait's name.
func (c *catalogue) someoneHas(ctx context.Context, traits *table, t *Trait) error {
	statement := fmt.Sprintf("SELECT 1 FROM %s WHERE %s = %s LIMIT 1", traits.from(), traits.ref("name"), c.dialect.Param(1))
	row, err := c.row(ctx, statement, []any{t.Column}, 1)
	if err != nil || row[0] != nil {
		return c.explain(err, traits.Table)
	}
	if err := c.notEmpty(ctx, traits); err != nil {
		return err
	}
	names, err := sqlengine.Texts(ctx, c.engine, fmt.Sprintf("SELECT DISTINCT %s FROM %s ORDER BY 1 LIMIT 10000", traits.ref("name"), traits.from()))
	if err != nil {
		return c.explain(err, traits.Table)
	}
	return nobody([]string{shown(traits.Table)}, t, likeOf(t.Column, names))
}

// versionOf tells versions of a list apart by when its rows were loaded. Where the
// tables do not say that, nothing does: a merge moves rows with the numbers they have.
func versionOf(c *catalogue, t *Trait, traits, ids, merges *table) version {
	const loaded = "uuid_ts"
	if !traits.has(loaded) || !ids.has(loaded) || !merges.has(loaded) {
		return nil
	}
	count := func(t *table, more string) string {
		return "SELECT " + c.dialect.Micros("MAX("+t.ref(loaded)+")") + ", COUNT(*)" + more + " FROM " + t.from()
	}
	return version{
		{count(traits, ", MAX("+traits.ref("seq")+")") + fmt.Sprintf(" WHERE %s = %s", traits.ref("name"), c.dialect.Param(1)), []any{t.Column}, 3},
		{count(ids, ""), nil, 2}, {count(merges, ""), nil, 2},
	}
}

// planColumns reads tables of Segment's dbt package: a row for each profile, with a
// column for each trait. Profiles that were merged into another do not count
// (https://github.com/segmentio/profiles-sync-dbt).
func planColumns(ctx context.Context, c *catalogue, t *Trait, traits, ids table) (plan, error) {
	if err := traits.needs("canonical_segment_id", "merged_to"); err != nil {
		return plan{}, err
	}
	if err := ids.needs("canonical_segment_id", "external_id_type", "external_id_value"); err != nil {
		return plan{}, err
	}
	value, ok := traitColumn(c.dialect, &traits, t.Column)
	if !ok {
		return plan{}, noColumn(c.dialect, t.Column, traits)
	}
	if err := c.someoneIn(ctx, t, engageTable{traits, value}); err != nil {
		return plan{}, err
	}
	if err := c.notEmpty(ctx, &ids); err != nil {
		return plan{}, err
	}
	merged, seq := traits.ref("merged_to"), traits.sorted("seq", "uuid_ts")
	if seq == "" {
		seq = "1" // there is a row for each profile
	}
	values := fmt.Sprintf("SELECT %s AS profile, %s AS value, %s AS seq FROM %s WHERE %s IS NOT NULL AND (%s IS NULL OR %s = '')",
		traits.ref("canonical_segment_id"), traits.ref(value.Name), seq, traits.from(), traits.ref(value.Name), merged, merged)
	p := plan{object: shown(traits.Table) + "/" + value.Name, table: traits.Table}
	laid := withIDs(values, false, &ids, "external_id_type", "external_id_value", ids.sorted("seq", "timestamp"))
	if strings.HasPrefix(value.Type, "bool") {
		laid.value = sqlengine.BoolText("t.value")
	}
	p.lay(c.dialect, laid)
	return p, nil
}

// sorted returns the first of some columns that the table has, by which its rows are
// older or newer; "" if there is none.
func (t *table) sorted(names ...string) string {
	for _, name := range names {
		if t.has(name) {
			return t.ref(name)
		}
	}
	return ""
}
