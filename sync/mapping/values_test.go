package mapping

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDateIsWhatTheLayoutSays(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	first, last := time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC)
	zone := time.FixedZone("", -5*3600)
	for range 10_000 {
		seconds := first.Unix() + random.Int64N(last.Unix()-first.Unix())
		for _, nanoseconds := range []int64{0, 1, 100_000_000, 120_999_999, 999_999_999, random.Int64N(1e9)} {
			at := time.Unix(seconds, nanoseconds).In(zone)
			require.Equal(t, at.UTC().Format("2006-01-02T15:04:05.999Z07:00"), formatDate(at))
		}
	}
}
