package audiences

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/source"
)

func TestIDsThatAreNumbersAreThoseOfMessages(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{`1001`: "1001", `1001.0`: "1001", `1.001e3`: "1001", `12345678901234567890`: "12345678901234567890", `"1001.0"`: "1001.0"} {
		s := setup(t, map[string]string{"vip.json": `{"user_id":` + number + `}`}, nil)
		records, _, err := read(s, one(t, s), source.Position{})
		require.NoError(t, err)
		require.Equal(t, []string{"1 " + want + "//=true"}, records, number)
	}
}
