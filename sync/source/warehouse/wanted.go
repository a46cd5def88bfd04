package warehouse

import (
	"context"
	"errors"
	"slices"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/sqlengine"
	"github.com/impactsync/impactsync/sync/told"
)

// Wanted returns a list as the database compares it with what impact.com was told.
func (s *Source) Wanted(ctx context.Context, in source.Input) (told.Wanted, error) {
	t, err := s.trait(in.Key)
	if err != nil {
		return told.Wanted{}, err
	}
	c := s.catalogue()
	p, err := s.plan(ctx, c, t)
	if err != nil {
		return told.Wanted{}, s.named(err)
	}
	if p.none != nil && in.OnMissing != "exit" {
		row, err := c.row(ctx, "SELECT 1 FROM (\n"+p.list+"\n) q LIMIT 1", p.args, 1)
		if err != nil {
			return told.Wanted{}, s.named(c.explain(err, p.table))
		}
		if row[0] == nil {
			return told.Wanted{}, s.named(p.none)
		}
	}
	w := told.Wanted{Statement: p.list, Args: p.args, Columns: p.columns, Roles: p.roles, Order: p.order, Computed: t.Class == segment.ClassComputed}
	if p.list == "" {
		if w, err = ownStatement(ctx, c, t, p); err != nil {
			err = s.named(c.explain(err, p.table))
		}
		return w, err
	}
	for len(w.Roles) < len(w.Columns) {
		w.Roles = append(w.Roles, told.RoleIgnored)
	}
	return w, nil
}

// ownStatement finds out the columns of a statement that somebody wrote, and selects
// those that count.
func ownStatement(ctx context.Context, c *catalogue, t *Trait, p plan) (w told.Wanted, err error) {
	from := "\nFROM (\n" + p.statement + "\n) q"
	rows, err := c.engine.Query(ctx, "SELECT *"+from+" WHERE 1 = 0", p.args...)
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return w, err
	}
	for rows.Next() {
		continue
	}
	if err := rows.Err(); err != nil {
		return w, err
	}
	roles, err := t.roles(columns)
	if err != nil {
		return w, err
	}
	w = told.Wanted{Args: p.args, Computed: t.Class == segment.ClassComputed}
	var selected []string
	for i, role := range roles {
		if role != told.RoleIgnored {
			w.Columns, w.Roles = append(w.Columns, columns[i]), append(w.Roles, role)
			selected = append(selected, "q."+c.dialect.Quote(columns[i]))
		}
	}
	w.Statement = "SELECT " + listed(selected) + from
	return w, nil
}

// ReadRows makes batches of rows of a list, which a difference gave, as Read does of all.
// If the values of others on the list can be used, good says so.
func (s *Source) ReadRows(ctx context.Context, in source.Input, w told.Wanted, rows sqlengine.Rows, good bool, fn func(source.Batch) error) error {
	t, err := s.trait(in.Key)
	if err != nil {
		return err
	}
	object := t.Key
	if len(in.Objects) > 0 {
		object = in.Objects[0].Name
	}
	r := s.reader(ctx, t, object, fn)
	r.good = good
	return s.finish(r, s.catalogue(), sqlengine.Table{}, r.readRows(rows, slices.Clone(w.Roles)))
}
