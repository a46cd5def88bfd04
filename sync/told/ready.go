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
			return nil
		}
	}
	return t.notMade(fmt.Errorf("%w: schema %s", sqlengine.ErrNoTable, t.schema))
}
