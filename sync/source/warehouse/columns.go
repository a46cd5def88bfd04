package warehouse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/sqlengine"
)

// traitColumn returns the column of a trait: its key in snake case as Segment writes it
// there, cut to what the database takes, with _ before a digit where it must be, in
// whatever case.
func traitColumn(d sqlengine.Dialect, t *table, trait string) (sqlengine.Column, bool) {
	for _, name := range traitNames(d, trait) {
		if c, ok := t.column(name); ok {
			return c, true
		}
	}
	return sqlengine.Column{}, false
}

func traitNames(d sqlengine.Dialect, trait string) []string {
	name := segment.WarehouseName(trait)
	return []string{d.Column(trait), d.Column(name), d.Column("_" + name)}
}

// ownColumns are Segment's own, which hold no trait.
var ownColumns = []string{"id", "user_id", "anonymous_id", "received_at", "sent_at", "timestamp", "original_timestamp", "uuid", "uuid_ts", "loaded_at", "canonical_segment_id", "merged_to", "seq"}

// noColumn says that no table has a trait's column, and what to do.
func noColumn(d sqlengine.Dialect, trait string, in ...table) error {
	var where, near []string
	for _, t := range in {
		where = append(where, shown(t.Table))
		for _, c := range t.columns {
			if name := strings.ToLower(c.Name); !strings.HasPrefix(name, "context_") && !slices.Contains(ownColumns, name) {
				near = append(near, c.Name)
			}
		}
	}
	return &traitError{err: fmt.Errorf("%w %s (of the trait %s) in %s%s: nothing is changed; Segment makes a column with the first value, so check that the audience is connected to this warehouse, or set column under audiences to the name it has",
		sqlengine.ErrNoColumn, traitNames(d, trait)[1], trait, strings.Join(where, " or "), likeOf(trait, near))}
}

// textExpr returns a column as text, so that the same one of another table can be put
// below it.
func textExpr(d sqlengine.Dialect, t *table, c sqlengine.Column) string {
	expr := t.ref(c.Name)
	if strings.HasPrefix(c.Type, "bool") {
		return sqlengine.BoolText(expr)
	}
	return d.Text(expr)
}
