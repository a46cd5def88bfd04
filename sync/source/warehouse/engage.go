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
			with, without, lacking, err := engageTables(ctx, c, t, one.tables)
			if err != nil {
				return plan{}, err
			}
			if len(with) > 0 {
				if err := c.whole(ctx, t, one.name, with, lacking); err != nil {
					return plan{}, err
				}
				return one.plan(c, with)
			}
			looked = append(looked, without...)
		}
		if len(looked) == 0 {
			return plan{}, noEngage(c, from)
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

// engageTables returns the tables of a name with the trait's column and without it, and
// the schemas that have no such table.
func engageTables(ctx context.Context, c *catalogue, t *Trait, names []string) (with []engageTable, without []table, lacking []string, err error) {
	for i, schema := range c.schemas {
		one, found, err := c.find(ctx, schema, fmt.Sprintf("e%d", i+1), names...)
		if err != nil {
			return nil, nil, nil, err
		}
		if !found {
			lacking = append(lacking, schema)
			continue
		}
		if column, ok := traitColumn(c.dialect, &one, t.Column); ok {
			with = append(with, engageTable{one, column})
		} else {
			without = append(without, one)
		}
	}
	return with, without, lacking, nil
}

// whole wants each schema to have its part of a list, since whoever is missing of it
// would leave.
func (c *catalogue) whole(ctx context.Context, t *Trait, name string, with []engageTable, lacking []string) error {
	if len(lacking) > 0 {
		return &traitError{err: fmt.Errorf("%w %s in %s, but in other schemas: nothing is changed; let Segment sync it, or take what has none out of schemas", sqlengine.ErrNoTable, name, listed(lacking))}
	}
	return c.someoneIn(ctx, t, with...)
}

// noEngage says that no schema has the tables.
func noEngage(c *catalogue, from string) error {
	return fmt.Errorf("%w %s in %s: nothing is changed; connect the audience to the warehouse in Engage, and let it sync", sqlengine.ErrNoTable, cmp.Or(from, "users or identifies"), listed(c.schemas))
}

// planUsers reads users: a row for each person.
func planUsers(c *catalogue, in []engageTable) (plan, error) {
	roles := []told.Role{told.RoleProfile, told.RoleValue, told.RoleUserID, told.RoleEmail, told.RoleIgnored}
	return unite(in, roles, func(e *engageTable, column columnFunc) (columns []string, from string, err error) {
		id := column("id")
		columns = []string{id, e.value(c, len(in)), id, column("email"), column("received_at")}
		needed := []string{"id"}
		if len(in) > 1 {
			needed = append(needed, "received_at") // of a person's rows, the newest counts
		}
		if err := e.needs(needed...); err != nil {
			return nil, "", err
		}
		return columns, e.having(), e.exact("id")
	})
}

// planIdentifies reads identifies: a row for each change. Visitors of whom a row says
// which user they are do not count by themselves.
func planIdentifies(c *catalogue, in []engageTable) (plan, error) {
	roles := []told.Role{told.RoleProfile, told.RoleProfile, told.RoleValue, told.RoleUserID, told.RoleAnonymousID, told.RoleEmail, told.RoleGone, told.RoleIgnored, told.RoleIgnored, told.RoleIgnored}
	return unite(in, roles, func(e *engageTable, column columnFunc) (columns []string, from string, err error) {
		user, visitor := c.dialect.Text(e.ref("user_id")), c.dialect.Text(e.ref("anonymous_id"))
		inner := []string{
			user + " AS person", visitor + " AS visitor", e.value(c, len(in)) + " AS value", column("email") + " AS email",
			column("timestamp") + " AS happened", column("received_at") + " AS received", column("id") + " AS id",
		}
		columns = []string{
			"CASE WHEN r.person IS NULL THEN 1 ELSE 0 END", "CASE WHEN r.person IS NULL THEN r.visitor ELSE r.person END",
			"r.value", "r.person", "r.visitor", "r.email", "CASE WHEN r.person IS NULL THEN k.known END", "r.happened", "r.received", "r.id",
		}
		from = fmt.Sprintf("(SELECT %s FROM %s) r\nLEFT JOIN (SELECT DISTINCT %s AS known FROM %s WHERE %s IS NOT NULL AND %s IS NOT NULL) k ON k.known = r.visitor",
			listed(inner), e.having(), visitor, e.from(), user, visitor)
		if err := e.needs("user_id", "anonymous_id", "timestamp", "received_at", "id"); err != nil {
			return nil, "", err
		}
		return columns, from, e.exact("user_id", "anonymous_id")
	})
}

// having returns the table's rows that have a value.
func (e *engageTable) having() string {
	return e.from() + " WHERE " + e.ref(e.column.Name) + " IS NOT NULL"
}

// columnFunc returns an expression for a column; NULL if the table does not have it.
type columnFunc func(name string) string

// unite reads several tables as if they were one, in the order of the profiles, and
// then of the columns that are ignored. What of says comes behind FROM.
func unite(in []engageTable, roles []told.Role, of func(e *engageTable, column columnFunc) (columns []string, from string, err error)) (plan, error) {
	var parts, compares, names, all, order []string
	p := plan{table: in[0].Table, roles: roles}
	for i := range in {
		e := &in[i]
		columns, from, err := of(e, func(name string) string { return e.textOrNull(name, len(in)) })
		if err != nil {
			return plan{}, err
		}
		part := func() string {
			named := slices.Clone(columns)
			for n := range named {
				named[n] += " AS c" + strconv.Itoa(n+1)
			}
			return "SELECT " + listed(named) + "\nFROM " + from
		}
		parts = append(parts, part())
		if at := slices.Index(roles, told.RoleValue); len(in) == 1 && strings.HasPrefix(e.column.Type, "bool") {
			columns[at] = sqlengine.BoolText(columns[at])
		}
		compares = append(compares, part())
		names = append(names, shown(e.Table))
	}
	for i, r := range roles {
		name := "c" + strconv.Itoa(i+1)
		all = append(all, name)
		switch r {
		case told.RoleProfile:
			order = append(order, name)
		case told.RoleIgnored:
			order = append(order, name+nullsFirst)
			p.order = append(p.order, i)
		}
	}
	from := func(parts []string) string {
		return "SELECT " + listed(all) + "\nFROM (" + strings.Join(parts, "\nUNION ALL\n") + ") u"
	}
	p.object, p.columns = strings.Join(names, "+")+"/"+in[0].column.Name, all
	p.statement, p.list = from(parts)+"\nORDER BY "+listed(order), from(compares)
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
