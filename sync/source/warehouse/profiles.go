package warehouse

import (
	"context"
	"fmt"
	"strings"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// planProfiles plans the list of a trait of Profiles Sync.
func planProfiles(ctx context.Context, c *catalogue, t *Trait) (plan, error) {
	schema := c.schemas[0]
	traits, found, err := c.find(ctx, schema, "t", "user_traits")
	if err != nil {
		return plan{}, err
	}
	if found {
		ids, found, err := c.find(ctx, schema, "i", "user_identifiers", "user_identifier")
		if err != nil {
			return plan{}, err
		}
		if found {
			return planRows(ctx, c, t, traits, ids)
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
	for _, name := range []string{"user_traits", "profile_traits"} {
		t := sqlengine.Table{Schema: schema, Name: name}
		if err := c.probe(ctx, t); err != nil && !isMissing(err) {
			return err
		}
	}
	return fmt.Errorf("%w: schema %q has neither user_traits with user_identifiers nor profile_traits with external_id_mapping, but %s: "+
		"nothing is changed; switch the materialized tables on in Segment (Unify, Profiles Sync, selective sync) or build them with Segment's dbt package",
		sqlengine.ErrNoTable, schema, someOf(there))
}

// idKinds are the kinds of id by which people are addressed.
var idKinds = []string{"user_id", "anonymous_id", "email"}

// planRows reads tables with a row for each trait, and one for each id, of a profile.
// Rows that a merged profile left behind do not count.
func planRows(ctx context.Context, c *catalogue, t *Trait, traits, ids table) (plan, error) {
	if err := traits.needs("canonical_segment_id", "name", "value", "seq"); err != nil {
		return plan{}, err
	}
	if err := ids.needs("canonical_segment_id", "type", "value"); err != nil {
		return plan{}, err
	}
	merges, merged, err := c.find(ctx, traits.Schema, "m", "profile_merges")
	if err != nil {
		return plan{}, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "SELECT %s, %s, %s, %s\nFROM %s\n", traits.ref("canonical_segment_id"), traits.ref("value"), ids.ref("type"), ids.ref("value"), traits.from())
	fmt.Fprintf(&b, "LEFT JOIN %s ON %s = %s AND %s IN ('%s')\n", ids.from(), ids.ref("canonical_segment_id"), traits.ref("canonical_segment_id"), ids.ref("type"), strings.Join(idKinds, "', '"))
	if merged {
		fmt.Fprintf(&b, "LEFT JOIN %s ON %s = %s AND %s <> %s\n", merges.from(), merges.ref("segment_id"), traits.ref("canonical_segment_id"), merges.ref("canonical_segment_id"), merges.ref("segment_id"))
	}
	fmt.Fprintf(&b, "WHERE %s = %s", traits.ref("name"), c.dialect.Param(1))
	if merged {
		fmt.Fprintf(&b, " AND %s IS NULL", merges.ref("segment_id"))
	}
	fmt.Fprintf(&b, "\nORDER BY %s, %s", traits.ref("canonical_segment_id"), traits.ref("seq"))
	if ids.has("seq") {
		fmt.Fprintf(&b, ", %s", ids.ref("seq"))
	}
	fmt.Fprintf(&b, ", %s, %s", ids.ref("type"), ids.ref("value"))
	return plan{
		object: shown(traits.Table) + "/" + t.Column, table: traits.Table,
		statement: b.String(), args: []any{t.Column}, roles: []role{roleProfile, roleValue, roleKind, roleID},
	}, nil
}
