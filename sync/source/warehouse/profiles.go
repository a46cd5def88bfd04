package warehouse

import (
	"context"
	"fmt"
	"slices"
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

// noProfiles says what is missing of Profiles Sync. Tables may be there although the
// catalogue hides them from who may not read them.
func noProfiles(ctx context.Context, c *catalogue, schema string) error {
	there, err := c.tablesOf(ctx, schema)
	if err != nil {
		return err
	}
	for _, name := range []string{"user_traits", "user_identifiers", "profile_traits", "external_id_mapping"} {
		t := sqlengine.Table{Schema: schema, Name: name}
		if err := c.probe(ctx, t); err != nil && !isMissing(err) {
			return err
		}
	}
	return fmt.Errorf("%w: schema %q has neither user_traits with user_identifiers nor profile_traits with external_id_mapping, but %s: "+
		"nothing is changed; switch the materialized tables on in Segment (Unify, Profiles Sync, selective sync), let them sync, or build them with Segment's dbt package",
		sqlengine.ErrNoTable, schema, someOf(there))
}

// idKinds are the kinds of id by which people are addressed.
var idKinds = []string{"user_id", "anonymous_id", "email"}

// profileRoles are the columns of the statements for Profiles Sync.
var profileRoles = []told.Role{told.RoleProfile, told.RoleValue, told.RoleKind, told.RoleID}

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
	merges, merged, err := c.find(ctx, traits.Schema, "m", "profile_merges")
	if err == nil && merged {
		err = merges.needs("canonical_segment_id", "segment_id")
	}
	if err != nil {
		return plan{}, err
	}
	var b strings.Builder
	b.WriteString("FROM " + traits.from() + "\n")
	b.WriteString(joinIDs(&traits, &ids, "type"))
	if merged {
		fmt.Fprintf(&b, "LEFT JOIN %s ON %s = %s AND %s <> %s\n", merges.from(), merges.ref("segment_id"), traits.ref("canonical_segment_id"), merges.ref("canonical_segment_id"), merges.ref("segment_id"))
	}
	fmt.Fprintf(&b, "WHERE %s = %s", traits.ref("name"), c.dialect.Param(1))
	if merged {
		fmt.Fprintf(&b, " AND %s IS NULL", merges.ref("segment_id"))
	}
	p := plan{object: shown(traits.Table) + "/" + t.Column, table: traits.Table, args: []any{t.Column}, version: versionOf(c, t, &traits, &ids, &merges)}
	p.lay(c.dialect, selection{
		columns: []string{traits.ref("canonical_segment_id"), traits.ref("value"), ids.ref("type"), ids.ref("value")}, roles: profileRoles, body: b.String(),
		order: given(traits.ref("canonical_segment_id"), traits.ref("seq"), ids.sorted("seq"), ids.ref("type"), ids.ref("value")),
	})
	return p, nil
}

// joinIDs adds to each profile its ids, or one row of NULLs.
func joinIDs(traits, ids *table, kind string) string {
	return fmt.Sprintf("LEFT JOIN %s ON %s = %s AND %s IN ('%s')\n",
		ids.from(), ids.ref("canonical_segment_id"), traits.ref("canonical_segment_id"), ids.ref(kind), strings.Join(idKinds, "', '"))
}

// given returns columns without those that are "".
func given(columns ...string) []string {
	return slices.DeleteFunc(columns, func(c string) bool { return c == "" })
}

// someoneHas says that nobody has a trait: a list that somebody emptied by mistake, or
// that never was there, must not look like one that everybody left.
func (c *catalogue) someoneHas(ctx context.Context, traits *table, t *Trait) error {
	statement := fmt.Sprintf("SELECT 1 FROM %s WHERE %s = %s LIMIT 1", traits.from(), traits.ref("name"), c.dialect.Param(1))
	row, err := c.row(ctx, statement, []any{t.Column}, 1)
	if err != nil || row[0] != nil {
		return c.explain(err, traits.Table)
	}
	names, err := sqlengine.Texts(ctx, c.engine, fmt.Sprintf("SELECT DISTINCT %s FROM %s ORDER BY 1 LIMIT 10000", traits.ref("name"), traits.from()))
	if err != nil {
		return c.explain(err, traits.Table)
	}
	if len(names) == 0 {
		return fmt.Errorf("%s is empty: nothing is changed; a sync failed or has not come to its end (Segment, Unify, Profiles Sync)", shown(traits.Table))
	}
	return &traitError{absent: true, err: fmt.Errorf("nobody in %s has a trait %q%s: nothing is changed; correct the key, or if the audience was deleted in Segment, set onMissing: exit to let its members leave",
		shown(traits.Table), t.Column, likeOf(t.Column, names))}
}

// versionOf tells versions of a list apart by when its rows were loaded. Where the
// tables do not say that, nothing does: a merge moves rows with the numbers they have.
func versionOf(c *catalogue, t *Trait, traits, ids, merges *table) version {
	const loaded = "uuid_ts"
	if !traits.has(loaded) || !ids.has(loaded) || !merges.has(loaded) {
		return version{}
	}
	newest := func(t *table) string {
		return c.dialect.Micros("MAX("+t.ref(loaded)+")") + " AS newest, COUNT(*) AS entries"
	}
	var b strings.Builder
	b.WriteString("SELECT a.newest, b.newest, c.newest, a.entries, b.entries, c.entries, a.seq\n")
	fmt.Fprintf(&b, "FROM (SELECT %s, MAX(%s) AS seq FROM %s WHERE %s = %s) a\n", newest(traits), traits.ref("seq"), traits.from(), traits.ref("name"), c.dialect.Param(1))
	fmt.Fprintf(&b, "CROSS JOIN (SELECT %s FROM %s) b\n", newest(ids), ids.from())
	fmt.Fprintf(&b, "CROSS JOIN (SELECT %s FROM %s) c", newest(merges), merges.from())
	return version{statement: b.String(), args: []any{t.Column}, times: 3, columns: 7}
}

// planColumns reads tables of Segment's dbt package: a row for each profile, with a
// column for each trait. Profiles that were merged into another do not count
// (https://github.com/segmentio/profiles-sync-dbt).
func planColumns(_ context.Context, c *catalogue, t *Trait, traits, ids table) (plan, error) {
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
	var b strings.Builder
	b.WriteString("FROM " + traits.from() + "\n")
	b.WriteString(joinIDs(&traits, &ids, "external_id_type"))
	merged := traits.ref("merged_to")
	fmt.Fprintf(&b, "WHERE %s IS NOT NULL AND (%s IS NULL OR %s = '')", traits.ref(value.Name), merged, merged)
	p := plan{object: shown(traits.Table) + "/" + value.Name, table: traits.Table}
	p.lay(c.dialect, selection{
		columns: []string{traits.ref("canonical_segment_id"), traits.ref(value.Name), ids.ref("external_id_type"), ids.ref("external_id_value")}, roles: profileRoles,
		value: compared(c.dialect, &traits, value), body: b.String(),
		order: given(traits.ref("canonical_segment_id"), traits.sorted("seq", "uuid_ts"), ids.sorted("seq", "timestamp"), ids.ref("external_id_type"), ids.ref("external_id_value")),
	})
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
