package audiences

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/source/table"
)

func TestIDsThatAreNumbersAreThoseOfMessages(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{`1001`: "1001", `1001.0`: "1001", `1.001e3`: "1001", `12345678901234567890`: "12345678901234567890", `"1001.0"`: "1001.0"} {
		var o object
		require.NoError(t, o.parse([]byte(`{"user_id":`+number+`}`), table.Columns{}))
		require.Equal(t, text(want), o.UserID, number)
	}
}
