package told

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// The parts of a difference, in the order in which their rows come.
const (
	partCounts = "0"
	partTold   = "1"
	partList   = "2"
)

// extra is how many columns stand before those of the list: the part, and seven texts.
const extra = 8

// comparison builds the one statement of a difference.
//
// Each profile of the list is wanted under the ids of its first level: its user ids;
// without one, its anonymous ids; without these, its addresses. Which ids are nobody's is
// left to the program: a profile with one is never told as a whole, so it comes over
// each time. A profile is odd if the program may take its ids for others than the engine
// does, such as an address in place of a user id; it comes over each time, too.
type comparison struct {
	g       *grammar
	told    string // the table's name
	w       Wanted
	profile []string // columns that name a profile
	b       strings.Builder
}

// levels of ids.
const (
	levelUser      = 1
	levelAnonymous = 2
	levelEmail     = 3
	levelNone      = 9
)

// compare returns the statement. The trait is the parameter behind those of the list.
func (g *grammar) compare(told, trait string, w Wanted) (sqlengine.Statement, error) {
	c := &comparison{g: g, told: told, w: w}
	if err := c.check(); err != nil {
		return sqlengine.Statement{}, err
	}
	c.with("list", c.named())
	c.with("told", "SELECT t.kind, t.id, t.value, "+g.Text(g.Micros("t.told_at"))+" AS told_at, t.anonymous_id, t.email_sha1\nFROM "+told+" t WHERE t.trait = "+g.Param(len(w.Args)+1))
	if c.rowwise() {
		c.rows()
	} else {
		c.ids()
		c.people()
	}
	c.keys()
	c.parts()
	return sqlengine.Statement{Text: c.b.String(), Args: append(slices.Clone(w.Args), trait)}, nil
}

func (c *comparison) check() error {
	if len(c.w.Columns) != len(c.w.Roles) || len(c.w.Columns) == 0 {
		return fmt.Errorf("columns and roles of the list differ in number: %d and %d", len(c.w.Columns), len(c.w.Roles))
	}
	return nil
}

// with adds a query that later ones may name.
func (c *comparison) with(name, query string) {
	begin := ",\n"
	if c.b.Len() == 0 {
		begin = "WITH "
	}
	c.b.WriteString(begin + name + " AS (\n" + query + "\n)")
}

// column returns the column of a role, from a table; "" if the list has none.
func (c *comparison) column(from string, role Role) string {
	i := slices.Index(c.w.Roles, role)
	if i < 0 {
		return ""
	}
	return from + "." + c.g.Quote(c.w.Columns[i])
}

// text returns a column as a text that is not NULL.
func (c *comparison) text(column string) string {
	if column == "" {
		return "''"
	}
	return "COALESCE(" + c.g.Text(column) + ", '')"
}

// rowwise reports whether each row is a profile of its own.
func (c *comparison) rowwise() bool { return !slices.Contains(c.w.Roles, RoleProfile) }

// named returns the list with names for its profiles. A row that is a profile of its own
// is named by what it says.
func (c *comparison) named() string {
	var names []string
	if c.rowwise() {
		for _, role := range []Role{RoleUserID, RoleAnonymousID, RoleEmail, RoleValue} {
			names = append(names, c.text(c.column("s", role)))
		}
	}
	for i, role := range c.w.Roles {
		if role == RoleProfile {
			names = append(names, c.text("s."+c.g.Quote(c.w.Columns[i])))
		}
	}
	var columns []string
	for i, name := range names {
		c.profile = append(c.profile, "told_p"+strconv.Itoa(i+1))
		columns = append(columns, name+" AS "+c.profile[i])
	}
	for _, name := range c.w.Columns {
		columns = append(columns, "s."+c.g.Quote(name))
	}
	return "SELECT " + strings.Join(columns, ", ") + "\nFROM (\n" + c.w.Statement + "\n) s" + c.counting()
}

// counting is the condition for rows of the list (s) whose profile counts.
func (c *comparison) counting() string {
	gone := c.column("s", RoleGone)
	if gone == "" {
		return ""
	}
	return "\nWHERE " + c.text(gone) + " = ''"
}

// of returns the columns that name a profile, from a table.
func (c *comparison) of(from string) string {
	all := make([]string, len(c.profile))
	for i, name := range c.profile {
		all[i] = from + "." + name
	}
	return strings.Join(all, ", ")
}

// same compares profiles of two tables.
func (c *comparison) same(a, b string) string {
	all := make([]string, len(c.profile))
	for i, name := range c.profile {
		all[i] = a + "." + name + " = " + b + "." + name
	}
	return strings.Join(all, " AND ")
}

// unnamed is a condition for rows that do not say whose they are, which the program
// decides.
func (c *comparison) unnamed(from string) string {
	all := make([]string, len(c.profile))
	for i, name := range c.profile {
		all[i] = name + " = ''"
		if from != "" {
			all[i] = from + "." + all[i]
		}
	}
	return strings.Join(all, " OR ")
}

// value returns a row's value as it is told; a membership is true, false or unknown.
func (c *comparison) value(from string) string {
	column := c.column(from, RoleValue)
	switch {
	case column == "" && !c.w.Computed:
		return "'true'"
	case c.w.Computed:
		return c.text(column)
	}
	text := c.text(column)
	return "CASE WHEN LOWER(" + text + ") IN ('true', 't', '1') THEN 'true' WHEN LOWER(" + text + ") IN ('false', 'f', '0', '') THEN 'false' ELSE 'unknown' END"
}

// idRoles are the columns of ids of lists with one for each kind, by their level.
var idRoles = []struct {
	role  Role
	level int
}{{RoleUserID, levelUser}, {RoleAnonymousID, levelAnonymous}, {RoleEmail, levelEmail}}

// ids adds a row for each id in the list's rows, with what its profile is sorted by.
func (c *comparison) ids() {
	var order []string
	for i, column := range c.w.Order {
		order = append(order, ", l."+c.g.Quote(c.w.Columns[column])+" AS o"+strconv.Itoa(i+1))
	}
	part := func(level, id string) string {
		return "SELECT " + c.of("l") + ", " + c.value("l") + " AS value, CASE WHEN " + id + " = '' THEN " + strconv.Itoa(levelNone) + " ELSE " + level + " END AS level, " + id + " AS id" + strings.Join(order, "") + "\nFROM list l"
	}
	var parts []string
	if kind := c.column("l", RoleKind); kind != "" {
		level := "CASE " + kind + " WHEN 'user_id' THEN 1 WHEN 'anonymous_id' THEN 2 WHEN 'email' THEN 3 ELSE 9 END"
		parts = append(parts, part(level, c.text(c.column("l", RoleID))))
	}
	for _, one := range idRoles {
		if column := c.column("l", one.role); column != "" {
			parts = append(parts, part(strconv.Itoa(one.level), c.text(column)))
		}
	}
	c.with("ids", strings.Join(parts, "\nUNION ALL\n"))
	c.with("hashed", "SELECT i.*, "+c.hash("i.id", "i.level = 3")+" AS digest\nFROM ids i"+c.g.once)
}

// hash returns the SHA-1 of an id that is or holds an address, NULL of others. If it is an
// address, it may be a SHA-1 itself: 40 bytes that are none are nobody's.
func (c *comparison) hash(id, isEmail string) string {
	sha1 := "CAST(NULL AS " + c.g.text + ")"
	if c.g.sha1 != nil {
		sha1 = c.g.sha1("LOWER(" + c.g.trim(id) + ")")
	}
	hash := "CASE WHEN " + id + " LIKE '%@%' THEN " + sha1
	if isEmail != "" {
		hash += " WHEN " + isEmail + " AND LENGTH(" + id + ") = 40 THEN LOWER(" + id + ")"
	}
	return hash + " END"
}

// people adds to each id its profile's newest value, first level, and whether it is odd.
func (c *comparison) people() {
	over := " OVER (PARTITION BY " + c.of("h") + ")"
	value := "h.value"
	if len(c.w.Order) > 0 {
		var order []string
		for i := range c.w.Order {
			order = append(order, "h.o"+strconv.Itoa(i+1)+" NULLS FIRST")
		}
		value = "LAST_VALUE(h.value) OVER (PARTITION BY " + c.of("h") + " ORDER BY " + strings.Join(order, ", ") + " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
	}
	value = "CASE WHEN " + c.unnamed("h") + " THEN 'unknown' ELSE " + value + " END"
	is := func(condition string) string { return "MAX(CASE WHEN " + condition + " THEN 1 ELSE 0 END)" + over }
	c.with("people", "SELECT "+c.of("h")+", h.level, h.id, h.digest, "+value+" AS value, MIN(h.level)"+over+" AS foremost,\n"+
		is("h.level = 1 AND h.id LIKE '%@%'")+" AS address_user, "+is("h.level = 2 AND h.id LIKE '%@%'")+" AS address_visitor,\n"+
		is("h.level = 2")+" AS visitor, "+is("h.level = 3")+" AS addressed, MIN(h.digest)"+over+" AS low, MAX(h.digest)"+over+" AS high\nFROM hashed h")
}

// rows adds the same for rows that are profiles of their own.
func (c *comparison) rows() {
	u, a, e := c.text(c.column("l", RoleUserID)), c.text(c.column("l", RoleAnonymousID)), c.text(c.column("l", RoleEmail))
	c.with("ids", "SELECT "+c.of("l")+", "+c.value("l")+" AS value, "+u+" AS u, "+a+" AS a, "+e+" AS e, "+c.hash(u, "")+" AS hu, "+c.hash(a, "")+" AS ha, "+c.hash(e, "1 = 1")+" AS he,\n"+
		"CASE WHEN "+u+" <> '' THEN 1 WHEN "+a+" <> '' THEN 2 WHEN "+e+" <> '' THEN 3 ELSE 9 END AS foremost\nFROM list l"+c.g.once)
	part := func(level int, id, hash, condition string) string {
		return "SELECT " + c.of("i") + ", " + strconv.Itoa(level) + " AS level, " + id + " AS id, " + hash + " AS digest, i.value, i.foremost,\n" +
			"CASE WHEN i.u LIKE '%@%' THEN 1 ELSE 0 END AS address_user, CASE WHEN i.a LIKE '%@%' THEN 1 ELSE 0 END AS address_visitor,\n" +
			"CASE WHEN i.a <> '' THEN 1 ELSE 0 END AS visitor, CASE WHEN i.e <> '' THEN 1 ELSE 0 END AS addressed, COALESCE(i.hu, i.he) AS low, COALESCE(i.he, i.hu) AS high\nFROM ids i WHERE " + condition
	}
	parts := []string{part(levelNone, "''", "i.he", "i.foremost = 9")}
	for _, one := range []struct {
		role     Role
		level    int
		id, hash string
	}{{RoleUserID, levelUser, "i.u", "i.hu"}, {RoleAnonymousID, levelAnonymous, "i.a", "i.ha"}, {RoleEmail, levelEmail, "i.e", "i.he"}} {
		if c.column("l", one.role) != "" {
			parts = append(parts, part(one.level, one.id, one.hash, one.id+" <> ''"))
		}
	}
	c.with("people", strings.Join(parts, "\nUNION ALL\n"))
}

// keys adds the ids of members as the table has them.
func (c *comparison) keys() {
	odd := []string{"p.address_visitor = 1", "p.address_user = 1 AND (p.visitor = 1 OR p.low <> p.high)"}
	if c.g.sha1 == nil { // nothing can be said of addresses
		odd = []string{"p.address_visitor = 1", "p.address_user = 1", "p.addressed = 1 AND EXISTS (SELECT 1 FROM told t WHERE t.kind = '" + EmailSHA1 + "' AND t.value <> 'false')"}
	}
	if !c.rowwise() {
		odd = append(odd, c.unnamed("p"))
	}
	where := ""
	if !c.w.Computed {
		where = "\nWHERE p.value <> 'false'"
	}
	c.with("keys", "SELECT "+c.of("p")+", p.level, p.foremost, p.value,\n"+
		"CASE WHEN p.level = 9 THEN 'none' WHEN p.digest IS NOT NULL THEN '"+EmailSHA1+"' WHEN p.level = 1 THEN '"+UserID+"' WHEN p.level = 2 THEN '"+AnonymousID+"' ELSE 'none' END AS kind,\n"+
		"COALESCE(p.digest, p.id) AS id, CASE WHEN "+strings.Join(odd, " OR ")+" THEN 1 ELSE 0 END AS odd\nFROM people p"+where)
}

// parts adds what comes over, and the statement's end.
func (c *comparison) parts() {
	flag := func(condition string) string { return "CASE WHEN " + condition + " THEN 1 ELSE 0 END" }
	always := func(condition string) string {
		if c.w.Whole {
			return "1 = 1"
		}
		return condition
	}
	// Who was told nothing is as if they were told "", which is what a computed trait without
	// a value wants.
	// One row for each key: low and high differ if several profiles want it differently.
	c.with("wanted", "SELECT k.kind, k.id, MIN(k.value) AS low, MAX(k.value) AS high, MAX("+flag("k.level = k.foremost")+") AS here, MAX("+flag("k.level = k.foremost AND k.odd = 0")+") AS sure, MAX("+flag("k.level > k.foremost")+") AS rides\n"+
		"FROM keys k WHERE k.kind <> 'none'\nGROUP BY k.kind, k.id")
	c.with("compared", "SELECT COALESCE(w.kind, t.kind) AS kind, COALESCE(w.id, t.id) AS id, w.low, w.high, COALESCE(w.here, 0) AS here, w.rides, t.value, t.told_at, t.anonymous_id, t.email_sha1,\n"+
		flag("w.sure = 1 AND w.low = w.high AND w.low = t.value")+" AS kept\nFROM wanted w FULL JOIN told t ON t.kind = w.kind AND t.id = w.id")
	c.with("differing", "SELECT b.kind, b.id, b.low, b.high, b.value\nFROM compared b WHERE b.low <> b.high OR b.here = 1 AND COALESCE(b.value, '') <> b.low OR b.rides = 1 AND b.value <> 'false'")
	c.with("changed", "SELECT DISTINCT "+c.of("k")+"\nFROM keys k LEFT JOIN differing d ON d.kind = k.kind AND d.id = k.id\nWHERE "+
		always("k.odd = 1 OR k.level = k.foremost AND k.kind = 'none' OR d.low <> d.high OR d.low IS NOT NULL AND k.level = k.foremost AND COALESCE(d.value, '') <> k.value OR k.level > k.foremost AND d.value <> 'false'"))
	c.with("near", "SELECT DISTINCT k.kind, k.id\nFROM keys k JOIN changed c ON "+c.same("k", "c"))
	idle := "b.value <> 'false'"
	if c.w.Computed {
		idle = "b.value <> ''"
	}
	near := "n.id IS NOT NULL"
	if c.g.sha1 == nil { // whose addresses stand in the list is not known
		near += " OR b.kind = '" + EmailSHA1 + "'"
	}
	c.with("back", "SELECT b.kind, b.id, b.value, b.told_at, b.anonymous_id, b.email_sha1, CASE WHEN b.kept = 1 THEN '1' ELSE '' END AS kept\n"+
		"FROM compared b LEFT JOIN near n ON n.kind = b.kind AND n.id = b.id\nWHERE b.value IS NOT NULL AND ("+always(near+" OR "+idle+" AND b.kept = 0")+")")
	number := func(condition string) string { return c.g.Text("COALESCE(SUM(" + flag(condition) + "), 0)") }
	blanks := strings.Repeat(", NULL", len(c.profile)-1)
	var named []string
	for _, name := range c.profile {
		named = append(named, "CAST(NULL AS "+c.g.text+") AS "+name)
	}
	c.with("parts", "SELECT '"+partCounts+"' AS part, "+strings.Join(named, ", ")+", "+number("b.value IS NOT NULL")+" AS a, "+number("b.value <> 'false'")+" AS b, "+
		number("b.here = 1")+" AS c, "+number("b.here = 1 AND COALESCE(b.value, '') <> b.low")+" AS d, "+number(idle+" AND b.here = 0")+" AS e, '' AS f, '' AS g FROM compared b\n"+
		"UNION ALL\nSELECT '"+partTold+"', NULL"+blanks+", b.kind, b.id, b.value, b.told_at, b.anonymous_id, b.email_sha1, b.kept FROM back b\n"+
		"UNION ALL\nSELECT '"+partList+"', "+c.of("c")+strings.Repeat(", NULL", extra-1)+" FROM changed c")
	c.b.WriteString(c.end())
}

// end returns what is selected: the parts one after another, and of the last the list's
// rows in order.
func (c *comparison) end() string {
	columns := []string{"x.part", "x.a", "x.b", "x.c", "x.d", "x.e", "x.f", "x.g"}
	order := []string{"x.part", c.of("x")}
	var listed []string
	for i, name := range c.w.Columns {
		name = "l." + c.g.Quote(name)
		columns, listed = append(columns, name), append(listed, name)
		if c.w.Roles[i] == RoleProfile { // NULL stands beside ""
			order = append(order, name)
		}
	}
	for _, i := range c.w.Order {
		order = append(order, "l."+c.g.Quote(c.w.Columns[i])+" NULLS FIRST")
	}
	return "\nSELECT " + strings.Join(columns, ", ") + "\nFROM parts x LEFT JOIN (\nSELECT " + c.of("l") + ", " + strings.Join(listed, ", ") + "\nFROM list l JOIN changed c ON " + c.same("l", "c") + "\n) l ON " + c.same("l", "x") +
		"\nORDER BY " + strings.Join(order, ", ")
}
