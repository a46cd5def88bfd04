package warehouse

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/told"
)

// planQuery plans a statement or dbt model of the trait's own. Nothing is known of how
// it changes, so it is always read.
func planQuery(ctx context.Context, c *catalogue, t *Trait) (plan, error) {
	if t.model == nil {
		return plan{object: "query/" + t.Key, statement: strings.TrimRight(strings.TrimSpace(t.Query), "; \t\r\n")}, nil
	}
	name := sqlengine.Table{Schema: t.model.Schema, Name: cmp.Or(t.model.Alias, t.model.Name)}
	columns, err := sqlengine.Columns(ctx, c.engine, name)
	if err != nil {
		return plan{}, err
	}
	what := "*" // where the catalogue does not show it, such as another database's
	if len(columns) > 0 {
		model := table{Table: name, columns: columns}
		var take []string
		for _, want := range t.wanted() {
			if c, ok := model.column(want); ok {
				take = append(take, c.Name)
			}
		}
		if _, err := t.roles(take); err != nil {
			return plan{}, &traitError{err: fmt.Errorf("%s: %w; it has %s", shown(name), err, listed(model.names(8)))}
		}
		for i, one := range take {
			take[i] = c.dialect.Quote(one)
		}
		what = listed(take)
	}
	return plan{object: shown(name) + "/" + t.Key, table: name, statement: "SELECT " + what + " FROM " + t.model.Relation}, nil
}

// wanted returns the names of the columns of ids and of the value.
func (t *Trait) wanted() []string {
	return []string{cmp.Or(t.IDs[0], idKinds[0]), cmp.Or(t.IDs[1], idKinds[1]), cmp.Or(t.IDs[2], idKinds[2]), cmp.Or(t.Column, "value")}
}

// roles says what the columns of a statement hold, by their names.
func (t *Trait) roles(columns []string) ([]told.Role, error) {
	want := t.wanted()
	roles := make([]told.Role, len(columns))
	found := [4]int{}
	for i, name := range columns {
		at := slices.IndexFunc(want, func(w string) bool { return strings.EqualFold(w, name) })
		if at < 0 {
			roles[i] = told.RoleIgnored
			continue
		}
		if found[at]++; found[at] > 1 {
			return nil, fmt.Errorf("two columns %s: give one of them another name with AS", name)
		}
		roles[i] = [...]told.Role{told.RoleUserID, told.RoleAnonymousID, told.RoleEmail, told.RoleValue}[at]
	}
	switch {
	case found[0]+found[1]+found[2] == 0:
		return nil, fmt.Errorf("%w %s, and the columns are %s: name one of them so with AS, or set columns under audiences", sqlengine.ErrNoColumn, strings.Join(want[:3], ", "), listed(columns))
	case found[3] == 0 && t.Class == segment.ClassComputed:
		return nil, fmt.Errorf("%w %s with the trait's value, and the columns are %s", sqlengine.ErrNoColumn, want[3], listed(columns))
	}
	return roles, nil
}
