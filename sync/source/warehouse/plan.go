package warehouse

import (
	"slices"
	"strconv"

	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/told"
)

// plan says how a list is read.
type plan struct {
	object    string          // the list's name: a table and what is read of it
	table     sqlengine.Table // for errors; without a name: a statement of somebody's own
	statement string
	args      []any
	roles     []told.Role // of the columns in order; nil: their names tell
	version   version

	// The same list, to be compared by the database: without its order, and with names for
	// all columns. Without a text it is made of statement.
	list    string
	columns []string
	order   []int
}

// version are statements whose rows, one of each, change whenever the list does. The
// first column of each is the time of the newest data, in microseconds since 1970. Of a
// list without any, nothing is known, and it is always read.
type version []versionPart

type versionPart struct {
	statement string
	args      []any
	columns   int
}

// selection is what is selected from some tables, and in which order.
type selection struct {
	columns []string
	roles   []told.Role
	value   string // the value as the database is to compare it; "": as in columns
	body    string // from FROM on
	order   []string
	oldest  string // of order: NULL comes first, which some databases have otherwise
}

const nullsFirst = " NULLS FIRST"

// lay makes the statements of a plan. What rows are ordered by is a column of the list
// that the database compares.
func (p *plan) lay(d sqlengine.Dialect, s selection) {
	order := slices.Clone(s.order)
	if i := slices.Index(order, s.oldest); i >= 0 {
		order[i] += nullsFirst
	}
	p.statement = "SELECT " + listed(s.columns) + "\n" + s.body + "\nORDER BY " + listed(order)
	columns, roles := slices.Clone(s.columns), slices.Clone(s.roles)
	for _, by := range s.order {
		i := slices.Index(s.columns, by)
		if i < 0 {
			i = len(columns)
			columns, roles = append(columns, by), append(roles, told.RoleIgnored)
		}
		if roles[i] != told.RoleProfile {
			p.order = append(p.order, i)
		}
	}
	if s.value != "" {
		columns[slices.Index(roles, told.RoleValue)] = s.value
	}
	p.columns, p.roles = namesOf(roles), roles[:len(s.roles):len(s.roles)]
	p.list = "SELECT " + listed(aliased(d, columns, p.columns)) + "\n" + s.body
}

// roleNames are names for columns by what they hold.
var roleNames = map[told.Role]string{
	told.RoleProfile: "profile", told.RoleValue: "value", told.RoleKind: "kind", told.RoleID: "id",
	told.RoleUserID: "user_id", told.RoleAnonymousID: "anonymous_id", told.RoleEmail: "email", told.RoleGone: "gone", told.RoleIgnored: "sorted",
}

// namesOf returns different names for columns.
func namesOf(roles []told.Role) []string {
	names, seen := make([]string, len(roles)), map[told.Role]int{}
	for i, role := range roles {
		seen[role]++
		if names[i] = roleNames[role]; seen[role] > 1 {
			names[i] += strconv.Itoa(seen[role])
		}
	}
	return names
}

func aliased(d sqlengine.Dialect, columns, names []string) []string {
	all := make([]string, len(columns))
	for i, column := range columns {
		all[i] = column + " AS " + d.Quote(names[i])
	}
	return all
}
