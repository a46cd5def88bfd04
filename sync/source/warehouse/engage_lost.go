package warehouse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/sqlengine"
)

// Lost returns an error if a list lacks a table that it had when it was last applied, as
// the objects of that time say, and that the configuration still wants: whoever only that
// table had would leave. A table that is gone is an error by itself; here its column is.
func (s *Source) Lost(in source.Input, before []string) error {
	if s.cfg.Reader != Engage || in.OnMissing == "exit" || len(before) != 1 || len(in.Objects) != 1 {
		return nil
	}
	now, _ := tablesOf(in.Objects[0].Name)
	had, column := tablesOf(before[0])
	if len(now) == 0 { // no table has it: reading the list says more
		return nil
	}
	for _, t := range had {
		dot := strings.LastIndexByte(t, '.') + 1
		if slices.Contains(now, t) || s.cfg.From != "" && t[dot:] != s.cfg.From || !slices.Contains(s.cfg.Schemas, t[:max(dot-1, 0)]) {
			continue
		}
		return s.named(fmt.Errorf("%w %s in %s any more, which it had when the list of %s was last applied: nothing is changed; let Segment sync it, or, to let those leave whom no other table has, set onMissing: exit for it or take the schema out of schemas", sqlengine.ErrNoColumn, column, t, in.Key))
	}
	return nil
}

// tablesOf returns the tables of an object as unite names it, without _view behind them,
// and the column; nothing for another one.
func tablesOf(object string) (tables []string, column string) {
	text, column, ok := strings.Cut(object, "/")
	if !ok {
		return nil, ""
	}
	for _, t := range strings.Split(text, "+") {
		tables = append(tables, strings.TrimSuffix(t, "_view"))
	}
	return tables, column
}
