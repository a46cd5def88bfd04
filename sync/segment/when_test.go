package segment

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The clocks of one message, in hours before the day begins; j is 1970.
var clocks = strings.NewReplacer(
	"-20d", `"2026-08-10T00:00:00Z"`, "-10d", `"2026-08-20T00:00:00Z"`, "-1h", `"2026-08-29T23:00:00Z"`, "now", `"2026-08-30T00:00:00Z"`,
	"+3m", `"2026-08-30T00:03:00Z"`, "+10d", `"2026-09-09T00:00:00Z"`, "+239h", `"2026-09-08T23:00:00Z"`, "1970+1h", `"1970-01-01T01:00:00Z"`, "1970", `"1970-01-01T00:00:00Z"`,
)

func TestTheTimeThatCounts(t *testing.T) {
	t.Parallel()
	const written, now = "2026-08-30T06:00:00Z", "2026-08-30T12:00:00Z"
	for _, tt := range []struct {
		what, timestamp, original, sent, received string
		want                                      string
		timing                                    Timing
	}{
		{"Segment has corrected it", "-1h", "+239h", "+10d", "now", "2026-08-29T23:00:00Z", ""},
		{"nobody has", "+239h", "+239h", "+10d", "now", "2026-08-29T23:00:00Z", TimeCorrected},
		{"nobody has, and it is no time of the future", "-10d", "-10d", "+10d", "now", "2026-08-10T00:00:00Z", TimeCorrected},
		{"no timestamp", "null", "+239h", "+10d", "now", "2026-08-29T23:00:00Z", TimeCorrected},
		{"the device has no battery", "1970", "1970", "1970+1h", "now", "2026-08-29T23:00:00Z", TimeCorrected},
		{"after its receipt, and sentAt does not explain it", "-10d", "-10d", "-20d", "-20d", "2026-08-10T00:00:00Z", TimeReceivedAt},
		{"still to come", "+10d", "+10d", "-20d", "-20d", "2026-08-10T00:00:00Z", TimeReceivedAt},
		{"minutes ahead", "+3m", "+3m", "+3m", "now", "2026-08-30T00:00:00Z", ""},
		{"1970", "1970", "1970", "now", "now", "2026-08-30T00:00:00Z", TimeReceivedAt},
		{"1970 but for originalTimestamp", "1970", "-1h", "now", "now", "2026-08-29T23:00:00Z", ""},
		{"year 1", `"0001-01-01T00:00:00Z"`, "null", "now", "now", "2026-08-30T00:00:00Z", TimeReceivedAt},
		{"no date", `"0000-00-00"`, "null", "null", "now", "2026-08-30T00:00:00Z", TimeReceivedAt},
		{"year 9999", `"9999-12-31T23:59:59Z"`, "null", "-1h", "null", "2026-08-29T23:00:00Z", TimeSentAt},
		{"nothing but sentAt", "null", "null", "-1h", "1970", "2026-08-29T23:00:00Z", TimeSentAt},
		{"nothing", "null", "null", "null", "null", written, TimeFile},
		{"nothing that is possible", "1970", "+10d", "+10d", "1970", written, TimeFile},
		{"seconds", "1756512000", "null", "null", "null", "2025-08-30T00:00:00Z", ""},
		{"milliseconds, as a text", `"1756512000000"`, "null", "null", "null", "2025-08-30T00:00:00Z", ""},
		{"milliseconds with an exponent", `1.756512e12`, "null", "null", "null", "2025-08-30T00:00:00Z", ""},
		{"a wrong number", "20260830", "null", "null", "now", "2026-08-30T00:00:00Z", TimeReceivedAt},
		{"a boolean", "true", "null", "null", "now", "2026-08-30T00:00:00Z", TimeReceivedAt},
		{"offline for ten days, and sent with a right clock", "-10d", "-10d", "now", "now", "2026-08-20T00:00:00Z", ""},
		{"no receivedAt: not held against the file's time, which may be a copy's", `"2026-08-30T11:00:00Z"`, "null", "null", "null", "2026-08-30T11:00:00Z", ""},
	} {
		line := clocks.Replace(fmt.Sprintf(`{"type":"page","timestamp":%s,"originalTimestamp":%s,"sentAt":%s,"receivedAt":%s}`, tt.timestamp, tt.original, tt.sent, tt.received))
		m := decode(t, line)
		m.FoundIn(moment(written), moment(now))
		require.Equal(t, tt.want, m.EffectiveTime().Format(time.RFC3339Nano), "%s: %s", tt.what, line)
		require.Equal(t, tt.timing, m.Timing(), tt.what)
		require.False(t, !m.ReceivedAt().IsZero() && m.EffectiveTime().After(m.ReceivedAt()), tt.what)
		at, ok := ParseTime(m.TimeText())
		require.True(t, ok && at.Equal(m.EffectiveTime()), tt.what)
	}
}

func TestMinute(t *testing.T) {
	const day = 20777 * 24 * 60 // 2026-11-20
	for text, want := range map[string]int64{
		`"originalTimestamp":"2026-11-20T23:59:59.999Z","timestamp":"2026-11-21T00:00:01Z","receivedAt":"2026-11-21T00:00:02Z"`: day + 24*60 - 1,
		`"originalTimestamp":"2026-11-20T23:59:59.999Z","timestamp":"2026-11-22T00:00:01Z","receivedAt":"2026-11-22T00:00:02Z"`: day + 24*60 - 1, // sent again
		`"timestamp":"2026-11-20T12:00:00+14:00"`:                                        day - 24*60,
		`"originalTimestamp":"2026-11-20T12:00:59Z"`:                                     day + 12*60,
		`"originalTimestamp":"2015-11-20T12:00:00Z","receivedAt":"2026-11-20T12:00:00Z"`: 0,
		`"originalTimestamp":"2031-11-20T12:00:00Z","receivedAt":"2026-11-20T12:00:00Z"`: 0,
		`"originalTimestamp":"1970-01-01T00:00:00Z"`:                                     0,
		`"sentAt":"2026-11-20T12:00:00Z"`:                                                0,
	} {
		m, err := new(Decoder).Decode([]byte(`{"type":"page","userId":"u",` + text + `}`))
		require.NoError(t, err)
		require.Equal(t, want, m.Minute(), text)
	}
}

func TestAFilesTimeIsTheLastResort(t *testing.T) {
	t.Parallel()
	now := moment("2026-08-30T12:00:00Z")
	for written, want := range map[string]string{
		"2026-08-01T00:00:00Z": "2026-08-01T00:00:00Z",
		"1980-01-01T00:00:00Z": "2026-08-30T12:00:00Z", // an archive's
		"2026-09-01T00:00:00Z": "2026-08-30T12:00:00Z",
	} {
		m := decode(t, `{"type":"page"}`)
		m.FoundIn(moment(written), now)
		require.Equal(t, want, m.EffectiveTime().Format(time.RFC3339))
		at, timing := RowTime("", moment(written), now)
		require.Equal(t, want, at.Format(time.RFC3339))
		require.Empty(t, timing, "a row need not have a time")
		for _, text := range []string{"1970-01-01T00:00:00Z", "2026-08-30T13:00:00Z", "soon"} {
			at, timing = RowTime(text, moment(written), now)
			require.Equal(t, want, at.Format(time.RFC3339), text)
			require.Equal(t, TimeFile, timing, text)
		}
		at, timing = RowTime("2026-08-02T00:00:00Z", moment(written), now)
		require.Equal(t, "2026-08-02T00:00:00Z", at.Format(time.RFC3339), "a copy may be older than its rows")
		require.Empty(t, timing)
	}
	require.True(t, decode(t, `{"type":"page"}`).EffectiveTime().IsZero())
	require.Empty(t, decode(t, `{"type":"page"}`).TimeText())
}

func moment(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return at
}
