package warehouse

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/told"
)

// The tables of an Engage space.
const (
	FromUsers      = "users"      // who is a member now; without people who have no user id
	FromIdentifies = "identifies" // each change; the newest of a person counts
)

// engageTable is a table with the column of a trait.
type engageTable struct {
	table
	column sqlengine.Column
}

// planEngage plans the list of a trait of an Engage space. Each of the space's schemas
// belongs to one of its sources; those that do not have the column do not count.
func planEngage(from string) planner {
	return func(ctx context.Context, c *catalogue, t *Trait) (plan, error) {
		if err := engageSchemas(ctx, c); err != nil {
			return plan{}, err
		}
		var looked []table
		for _, one := range []struct {
			name   string
			tables []string
			plan   func(*catalogue, []engageTable) (plan, error)
		}{
			{FromUsers, []string{"users_view", "users"}, planUsers},  // BigQuery's users has each person several times
			{FromIdentifies, []string{"identifies"}, planIdentifies}, // BigQuery's identifies_view has 60 days alone
		} {
			if from != "" && from != one.name {
				continue
			}
			with, without, err := engageTables(ctx, c, t, one.tables)
			if err != nil {
				return plan{}, err
			}
			if len(with) > 0 {
				return one.plan(c, with)
			}
			looked = append(looked, without...)
		}
		if len(looked) == 0 {
			return plan{}, noEngage(ctx, c, from)
		}
		return plan{}, noColumn(c.dialect, t.Column, looked...)
	}
}

// engageSchemas wants the schemas to be named, since one database may hold several
// spaces.
func engageSchemas(ctx context.Context, c *catalogue) error {
	if c.schemas[0] != "" {
		return nil
	}
	all, err := sqlengine.Schemas(ctx, c.engine)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(s string) bool {
		s = strings.ToLower(s)
		return !strings.HasPrefix(s, "engage_") && !strings.HasPrefix(s, "personas_")
	})
	return fmt.Errorf("schemas is missing: say which of the space's schemas are read (engage_..., or personas_... in older spaces); this user sees %s", someOf(all))
}

func engageTables(ctx context.Context, c *catalogue, t *Trait, names []string) (with []engageTable, without []table, err error) {
	for i, schema := range c.schemas {
		one, found, err := c.find(ctx, schema, fmt.Sprintf("e%d", i+1), names...)
		if err != nil {
			return nil, nil, err
		}
		if !found {
			continue
		}
		if column, ok := traitColumn(c.dialect, &one, t.Column); ok {
			with = append(with, engageTable{one, column})
		} else {
			without = append(without, one)
		}
	}
	return with, without, nil
}

// noEngage says that no schema has the tables, or that they must not be read.
func noEngage(ctx context.Context, c *catalogue, from string) error {
	for _, schema := range c.schemas {
		for _, name := range []string{FromUsers, FromIdentifies} {
			if err := c.probe(ctx, sqlengine.Table{Schema: schema, Name: name}); err != nil && !isMissing(err) {
				return err
			}
		}
	}
	want := "users or identifies"
	if from != "" {
		want = from
	}
	return fmt.Errorf("%w %s in %s: nothing is changed; connect the audience to the warehouse in Engage, and let it sync", sqlengine.ErrNoTable, want, listed(c.schemas))
}

// planUsers reads users: a row for each person.
func planUsers(c *catalogue, in []engageTable) (plan, error) {
	roles := []told.Role{told.RoleProfile, told.RoleValue, told.RoleUserID, told.RoleEmail, told.RoleIgnored}
	return unite(in, roles, func(e *engageTable, column columnFunc) (columns []string, rest string, err error) {
		id := column("id")
		return []string{id, e.value(c, len(in)), id, column("email"), column("received_at")}, "", e.needs("id")
	})
}

// planIdentifies reads identifies: a row for each change. Visitors of whom a row says
// which user they are do not count by themselves.
func planIdentifies(c *catalogue, in []engageTable) (plan, error) {
	roles := []told.Role{told.RoleProfile, told.RoleProfile, told.RoleValue, told.RoleUserID, told.RoleAnonymousID, told.RoleEmail, told.RoleIgnored, told.RoleIgnored, told.RoleIgnored}
	return unite(in, roles, func(e *engageTable, column columnFunc) (columns []string, rest string, err error) {
		user, visitor, known := c.dialect.Text(e.ref("user_id")), c.dialect.Text(e.ref("anonymous_id")), "k"+e.alias
		columns = []string{
			fmt.Sprintf("CASE WHEN %s IS NULL THEN 1 ELSE 0 END", user), fmt.Sprintf("CASE WHEN %s IS NULL THEN %s ELSE %s END", user, visitor, user),
			e.value(c, len(in)), column("user_id"), column("anonymous_id"), column("email"), column("timestamp"), column("received_at"), column("id"),
		}
		rest = fmt.Sprintf("\nLEFT JOIN (SELECT DISTINCT %s AS visitor FROM %s WHERE %s IS NOT NULL AND %s IS NOT NULL) %s ON %s IS NULL AND %s.visitor = %s\nWHERE %s.visitor IS NULL AND ",
			visitor, e.from(), user, visitor, known, user, known, visitor, known)
		return columns, rest, e.needs("user_id", "anonymous_id", "timestamp", "received_at", "id")
	})
}

// columnFunc returns an expression for a column; NULL if the table does not have it.
type columnFunc func(name string) string

// unite reads several tables as if they were one, in the order of the profiles, and
// then of the columns that are ignored. What of says comes behind FROM, up to the
// condition for the trait's column.
func unite(in []engageTable, roles []told.Role, of func(e *engageTable, column columnFunc) (columns []string, rest string, err error)) (plan, error) {
	var parts, named, names, order []string
	p := plan{table: in[0].Table, roles: roles, columns: namesOf(roles)}
	for i := range in {
		e := &in[i]
		columns, rest, err := of(e, func(name string) string { return e.textOrNull(name, len(in)) })
		if err != nil {
			return plan{}, err
		}
		rest = "\nFROM " + e.from() + cmp.Or(rest, "\nWHERE ") + e.ref(e.column.Name) + " IS NOT NULL"
		parts = append(parts, "SELECT "+listed(columns)+rest)
		at := slices.Index(roles, told.RoleValue)
		columns[at] = cmp.Or(compared(e.dialect, &e.table, e.column), columns[at])
		named = append(named, "SELECT "+listed(aliased(e.dialect, columns, p.columns))+rest)
		names = append(names, shown(e.Table))
	}
	for i, r := range roles {
		if r == told.RoleProfile || r == told.RoleIgnored {
			order = append(order, strconv.Itoa(i+1))
		}
		if r == told.RoleIgnored {
			p.order = append(p.order, i)
		}
	}
	p.object = strings.Join(names, "+") + "/" + in[0].column.Name
	p.statement = strings.Join(parts, "\nUNION ALL\n") + "\nORDER BY " + listed(order)
	p.list = strings.Join(named, "\nUNION ALL\n")
	return p, nil
}

// value returns the trait's column: as text where other tables' are put below it.
func (e *engageTable) value(c *catalogue, tables int) string {
	if tables == 1 {
		return e.ref(e.column.Name)
	}
	return textExpr(c.dialect, &e.table, e.column)
}

// textOrNull returns a column that a table may not have: as text where other tables'
// are put below it, but for times.
func (e *engageTable) textOrNull(name string, tables int) string {
	switch {
	case !e.has(name):
		return e.dialect.Text("NULL")
	case tables > 1 && name != "timestamp" && name != "received_at":
		return e.dialect.Text(e.ref(name))
	}
	return e.ref(name)
}
