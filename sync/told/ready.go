package told

import (
	"context"
	"fmt"
	"strings"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// Ready implements [Table].
func (t *table) Ready(ctx context.Context) error {
	schemas, err := sqlengine.Schemas(ctx, t.engine)
	if err != nil {
		return t.explain(err)
	}
	for _, name := range schemas {
		if strings.EqualFold(name, t.schema) {
			return t.mayMake(ctx, name)
		}
	}
	return t.notMade(fmt.Errorf("%w: schema %s", sqlengine.ErrNoTable, t.schema))
}

// mayMake returns an error without the right to make tables, which every write needs.
// Engines other than PostgreSQL say so when they make one.
func (t *table) mayMake(ctx context.Context, schema string) error {
	if t.g.Dialect != sqlengine.Postgres() {
		return nil
	}
	missing, err := t.texts(ctx, "SELECT 'CREATE' WHERE NOT has_schema_privilege("+t.g.Param(1)+", 'CREATE')", schema)
	if err == nil && len(missing) > 0 {
		err = t.explain(fmt.Errorf("%w: CREATE on the schema", sqlengine.ErrDenied))
	}
	return err
}
