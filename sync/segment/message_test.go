package segment

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func decode(t testing.TB, line string) *Message {
	t.Helper()
	m, err := new(Decoder).Decode([]byte(line))
	require.NoError(t, err)
	return m
}

// samples returns the sample messages by their note.
func samples(t testing.TB) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/messages.ndjson")
	require.NoError(t, err)
	lines := map[string]string{}
	for scanner := bufio.NewScanner(bytes.NewReader(text)); scanner.Scan(); {
		var note struct {
			Note string `json:"_note"`
		}
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &note))
		lines[note.Note] = scanner.Text()
	}
	return lines
}

func sample(t testing.TB, start string) *Message {
	t.Helper()
	for note, line := range samples(t) {
		if strings.HasPrefix(note, start) {
			return decode(t, line)
		}
	}
	t.Fatalf("no sample starts with %q", start)
	return nil
}

func TestSamplesSayWhatTheirNotesSay(t *testing.T) {
	t.Parallel()
	t.Run("a page view", func(t *testing.T) {
		m := sample(t, "page view that carries")
		require.Equal(t, "page", m.Type)
		require.Equal(t, "ajs-next-1", m.Key())
		require.Equal(t, Identity{AnonymousID: "a-1"}, m.Identity())
		url, _ := m.Lookup(MustPath("context.page.url")).Text()
		require.Equal(t, "https://shop.example/?im_ref=Qii~WX%3A1", url)
		require.Equal(t, "2026-08-30T00:00:00.1Z", m.EffectiveTime().Format(time.RFC3339Nano))
		require.False(t, m.IsEngage())
	})
	t.Run("the same message again has the same key", func(t *testing.T) {
		require.Equal(t, "ajs-next-1", sample(t, "the same message again").Key())
	})
	t.Run("a screen keeps microseconds", func(t *testing.T) {
		require.Equal(t, 123456000, sample(t, "screen on Android").EffectiveTime().Nanosecond())
	})
	t.Run("an identify with a zone and an untidy address", func(t *testing.T) {
		m := sample(t, "identify with mixed")
		require.Equal(t, "2026-08-29T22:03:00Z", m.EffectiveTime().Format(time.RFC3339))
		hash, _ := HashEmail("jane.roe@example.com")
		require.Equal(t, Identity{UserID: "u-100", AnonymousID: "a-1", EmailSHA1: hash}, m.Identity())
	})
	t.Run("entered an audience, nanoseconds, sentAt null", func(t *testing.T) {
		m := sample(t, "Engage: entered")
		c, ok := m.Change()
		require.True(t, ok)
		require.Equal(t, ClassAudience, c.Class)
		require.Equal(t, "order_completed_last_30days", c.Key)
		require.Equal(t, "true", c.Value)
		require.Equal(t, "aud_1", c.ComputationID)
		require.Equal(t, "spa_1", c.SpaceID)
		require.Equal(t, 66179717, c.At.Nanosecond())
		require.True(t, m.time("sentAt").IsZero())
		require.True(t, m.Allowed(), "All: false of an Engage copy says nothing")
	})
	t.Run("a track call under the customer's own event name", func(t *testing.T) {
		c, ok := sample(t, "Engage: the same change as a track").Change()
		require.True(t, ok)
		require.Equal(t, "vip", c.Key)
		require.Equal(t, ValueSet, c.State)
		require.Equal(t, "true", c.Value)
		require.NotEmpty(t, c.EmailSHA1)
	})
	t.Run("left, logged before the older entry", func(t *testing.T) {
		left, _ := sample(t, "Engage: left").Change()
		entered, _ := sample(t, "the older entry").Change()
		require.Equal(t, "false", left.Value)
		require.Equal(t, "true", entered.Value)
		require.True(t, left.At.After(entered.At))
	})
	t.Run("a computed trait keeps its number as sent", func(t *testing.T) {
		c, _ := sample(t, "Engage: computed trait").Change()
		require.Equal(t, ClassComputed, c.Class)
		require.Equal(t, "450.0", c.Value)
	})
	t.Run("a journey step without a boolean is no membership", func(t *testing.T) {
		c, ok := sample(t, "Journey step").Change()
		require.True(t, ok)
		require.Equal(t, ClassJourneyStep, c.Class)
		require.Equal(t, ValueUnusable, c.State)
	})
	t.Run("a derived anonymous id is no device", func(t *testing.T) {
		c, _ := sample(t, "anonymous id that Segment derived").Change()
		require.Equal(t, Identity{UserID: "u-103"}, c.Identity)
	})
	t.Run("no consent for advertising", func(t *testing.T) {
		m := sample(t, "no consent")
		require.False(t, m.ConsentGiven([]string{"Advertising"}))
		require.True(t, m.ConsentGiven([]string{"Analytics"}))
		require.True(t, m.ConsentGiven(nil))
	})
	t.Run("a user id that is an address", func(t *testing.T) {
		hash, _ := HashEmail("sam@example.com")
		require.Equal(t, Identity{EmailSHA1: hash}, sample(t, "a user id that is").Identity())
	})
	t.Run("a deletion notice", func(t *testing.T) {
		m := sample(t, "deletion notice")
		require.Equal(t, "delete", m.Type)
		require.Equal(t, "u-104", m.UserID)
	})
}

func TestDecodeTurnsDownWhatIsNoMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line string
		err  error
	}{
		"nothing":                   {" \t", ErrEmpty},
		"an array":                  {`[{"type":"page"}]`, ErrNotObject},
		"a string":                  {`"page"`, ErrNotObject},
		"cut off":                   {`{"type":"page","userId":"secret`, ErrInvalidJSON},
		"two objects":               {`{"type":"page"}{"type":"page"}`, ErrInvalidJSON},
		"no type":                   {`{"userId":"u"}`, ErrNoType},
		"a type that is no string":  {`{"type":7}`, ErrNoType},
		"bytes that are no UTF-8":   {"{\"type\":\"page\",\"a\":\"\xff\"}", ErrInvalidUTF8},
		"a NUL byte":                {"{\"type\":\"pa\x00ge\"}", ErrNUL},
		"nested without end":        {`{"type":"page","a":` + strings.Repeat("[", 400) + strings.Repeat("]", 400) + `}`, ErrTooDeep},
		"a binary thing":            {"\x1f\x8b\x08", ErrInvalidUTF8},
		"an unfinished nested mess": {strings.Repeat(`{"a":`, 200), ErrInvalidJSON},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := new(Decoder).Decode([]byte(c.line))
			require.ErrorIs(t, err, c.err)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestDecodeTakesEveryRawShape(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		`{"type":"page","version":"1.1","channel":"browser","userId":null,"anonymousId":"a"}`,
		`{"type":"page","version":2,"context":{"channel":"mobile"},"userId":"","anonymousId":"a"}`,
		`{"type":"page","anonymousId":"a","projectId":"p","writeKey":"k","_metadata":{"bundledIds":[]},"replay":true,"sentAt":null}`,
		`{"type":"page","anonymousId":"a","context":null,"properties":null,"integrations":null,"traits":"x"}`,
	} {
		m := decode(t, line)
		require.Equal(t, Identity{AnonymousID: "a"}, m.Identity())
		require.True(t, m.Allowed())
	}
}

func TestFirstOfTwoEqualKeysCounts(t *testing.T) {
	t.Parallel()
	m := decode(t, `{"type":"track","type":"page","userId":"u1","userId":"u2","properties":{"a":1,"\u0061":2}}`)
	require.Equal(t, "track", m.Type)
	require.Equal(t, "u1", m.UserID)
	text, _ := m.Lookup(MustPath("properties.a")).Text()
	require.Equal(t, "1", text)
}

func TestIDs(t *testing.T) {
	t.Parallel()
	m := decode(t, `{"type":"identify","userId":12345678901234567890,"anonymousId":true,"previousId":-1,"messageId":"0000-0000"}`)
	require.Equal(t, "12345678901234567890", m.UserID)
	require.Empty(t, m.AnonymousID+m.MessageID)
	for _, id := range []string{"", "null", "-1", "anonymous", "0", "000", "--", "00-00", "  ", "a\nb", "a\x00", strings.Repeat("x", 513)} {
		require.False(t, UsablePersonID(id), "%q", id)
	}
	for _, id := range []string{"1", " u ", "Nullah", "日本", "10", "-2", "ü@x"} {
		require.True(t, UsablePersonID(id), "%q", id)
	}
}

func TestWholeNumbersAreTheirDigits(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		`1001.0`: "1001", `1.001e3`: "1001", `1001.000`: "1001", `10.010E2`: "1001", `-5.0`: "-5", `1001`: "1001", `0.50`: "0.50", `1001.10`: "1001.10",
		`12345678901234567890`: "12345678901234567890", `12345678901234567890.0`: "12345678901234567890", `1e21`: "1000000000000000000000",
		`1.2345678901234567890e19`: "12345678901234567890", `1e400`: "1e400", `"1001.0"`: "1001.0", `"1e3"`: "1e3",
	} {
		text, ok := decode(t, `{"type":"track","properties":{"n":`+number+`}}`).Lookup(MustPath("properties.n")).Text()
		require.True(t, ok, number)
		require.Equal(t, want, text, number)
	}
	require.Equal(t, "1001", decode(t, `{"type":"track","userId":1001.0}`).UserID)
}

func TestProductsInATextAreRead(t *testing.T) {
	t.Parallel()
	list, ok := ParseText(` [{"price":1}]`)
	require.True(t, ok)
	require.True(t, list.Index(0).IsObject())
	for _, text := range []string{"", "5", "null", `"a"`, `[{"price":1}`, `[1] x`} {
		_, ok := ParseText(text)
		require.False(t, ok, text)
	}
}

func TestIdentityKeepsNoAddress(t *testing.T) {
	t.Parallel()
	hash, _ := HashEmail("a@b.example")
	other, _ := HashEmail("c@d.example")
	require.Equal(t, Identity{EmailSHA1: hash}, NewIdentity("a@b.example", "", "c@d.example"))
	require.Equal(t, Identity{UserID: "u", EmailSHA1: other}, NewIdentity("u", "a@b.example", "c@d.example"))
	require.Equal(t, Identity{EmailSHA1: hash}, NewIdentity("", " A@B.example", ""))
	require.True(t, NewIdentity("null", "eml_0123456789ABCDEF0123456789abcdef01234567", "not an address").IsZero())
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-08-30T00:00:00Z":                "2026-08-30T00:00:00Z",
		"2026-08-30T00:00:00.1Z":              "2026-08-30T00:00:00.1Z",
		"2026-08-30T00:00:00.0661797Z":        "2026-08-30T00:00:00.0661797Z",
		"2026-08-30T00:00:00.123456789+02:00": "2026-08-29T22:00:00.123456789Z",
		"2026-08-30T00:00:00.1234567891Z":     "2026-08-30T00:00:00.123456789Z",
		"2026-08-30T00:00:00-0330":            "2026-08-30T03:30:00Z",
		"2026-08-30T00:00:00.25":              "2026-08-30T00:00:00.25Z",
		"2026-08-30 01:02:03":                 "2026-08-30T01:02:03Z",
		"2026-08-30":                          "2026-08-30T00:00:00Z",
		" 2026-08-30T00:00:00Z ":              "2026-08-30T00:00:00Z",
		"2026-08-30T10:20":                    "2026-08-30T10:20:00Z",
		"2026-08-30 10:20:30.5 UTC":           "2026-08-30T10:20:30.5Z", // BigQuery
		"2026-08-30 10:20:30.500 +0200":       "2026-08-30T08:20:30.5Z", // Snowflake
		"2026-08-30 10:20:30+00":              "2026-08-30T10:20:30Z",   // PostgreSQL
		"Sun, 30 Aug 2026 10:20:30 GMT":       "2026-08-30T10:20:30Z",   // toUTCString
		"1756512000":                          "2025-08-30T00:00:00Z",
		"1756512000.25":                       "2025-08-30T00:00:00.25Z",
		"1756512000250":                       "2025-08-30T00:00:00.25Z",
		"1756512000250000":                    "2025-08-30T00:00:00.25Z",
		"1756512000250000000":                 "2025-08-30T00:00:00.25Z",
		"Sun Aug 30 2026 10:20:30 GMT+0200 (Central European Summer Time)": "2026-08-30T08:20:30Z", // a browser's toString
	} {
		at, ok := ParseTime(text)
		require.True(t, ok, text)
		require.Equal(t, want, at.Format(time.RFC3339Nano))
	}
	for _, text := range []string{"", "yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "0000-00-00", "0000-00-00T00:00:00Z",
		"0", "12345", "20260830", "9999999999", "99999999999", "1756512000.x", "-1756512000", "1756512000e3"} {
		_, ok := ParseTime(text)
		require.False(t, ok, text)
	}
	m := decode(t, `{"type":"page","timestamp":"soon","sentAt":5,"originalTimestamp":"2026-01-01T00:00:00Z"}`)
	require.Equal(t, "2026-01-01T00:00:00Z", m.EffectiveTime().Format(time.RFC3339Nano))
	require.Empty(t, m.Timing())
}

func TestMessagesLiveUntilTheirOwnRelease(t *testing.T) {
	t.Parallel()
	var d Decoder
	line := []byte(`{"type":"page","userId":"first","properties":{"a":"one"}}`)
	first, err := d.Decode(line)
	require.NoError(t, err)
	copy(line, `{"type":"page","userId":"other","properties":{"a":"two"}}`)
	second, err := d.Decode(line)
	require.NoError(t, err)
	one, _ := first.Lookup(MustPath("properties.a")).Text()
	two, _ := second.Lookup(MustPath("properties.a")).Text()
	require.Equal(t, "one two", one+" "+two)
	id := first.UserID
	first.Release()
	third, err := d.Decode(line)
	require.NoError(t, err)
	require.Equal(t, "first other", id+" "+third.UserID, "fields outlive the release")
}

func TestKeyDoesNotDependOnTheEncoding(t *testing.T) {
	t.Parallel()
	a := decode(t, `{"type":"track","event":"A","properties":{"b":[1,{"d":null,"c":"\u00e9\n"}],"a":true}}`)
	b := decode(t, ` {"properties": {"a":true, "b":[1, {"c":"é\u000a","d":null}]}, "event":"\u0041", "type":"track"}`)
	require.Equal(t, a.Key(), b.Key())
	require.NotEqual(t, a.Key(), decode(t, `{"type":"track","event":"B"}`).Key())
	require.Len(t, a.Key(), len("sha256-")+32)
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	for integrations, want := range map[string]bool{
		`{}`:                                 true,
		`{"All":true}`:                       true,
		`{"All":false}`:                      false,
		`{"Impact Partnership Cloud":false}`: false,
		`{"All":false,"Impact Partnership Cloud":true}`:             true,
		`{"All":false,"Impact Partnership Cloud":{"a":1}}`:          true,
		`{"All":true,"Impact Partnership Cloud":false}`:             false,
		`{"All":false,"impact partnership cloud":true}`:             false,
		`{"All":"false","Impact Partnership Cloud":null}`:           true,
		`{"All":false,"Impact Partnership Cloud":null,"Mine":true}`: false,
	} {
		require.Equal(t, want, decode(t, `{"type":"page","integrations":`+integrations+`}`).Allowed(), integrations)
	}
	engage := `{"type":"identify","context":{"personas":{"computation_class":"audience"}},"integrations":`
	require.True(t, decode(t, engage+`{"All":false,"HubSpot":true}}`).Allowed())
	require.False(t, decode(t, engage+`{"All":true,"Impact Partnership Cloud":false}}`).Allowed())
}

func TestConsent(t *testing.T) {
	t.Parallel()
	for consent, want := range map[string]bool{
		`null`:                               true,
		`{}`:                                 true,
		`{"categoryPreferences":{}}`:         false,
		`{"categoryPreferences":null}`:       false,
		`{"categoryPreferences":{"A":true}}`: false,
		`{"categoryPreferences":{"A":true,"B":true}}`:       true,
		`{"categoryPreferences":{"A":true,"B":"conflict"}}`: false,
		`{"categoryPreferences":{"A":true,"B":"true"}}`:     false,
	} {
		m := decode(t, `{"type":"page","context":{"consent":`+consent+`}}`)
		require.Equal(t, want, m.ConsentGiven([]string{"A", "B"}), consent)
	}
}

func TestArraysInArraysAreReadInOrder(t *testing.T) {
	t.Parallel()
	const many = 200_000 // gone through from the start each time, they would take a minute
	var d Decoder
	m, err := d.Decode([]byte(`{"type":"page","a":[` + strings.Repeat("[1],", many) + `[2]]}`))
	require.NoError(t, err)
	defer m.Release()
	a, sum := m.Get("a"), 0
	require.Equal(t, many+1, a.Len())
	for i := range a.Len() {
		text, _ := a.Index(i).Index(0).Text()
		sum += len(text)
	}
	require.Equal(t, many+1, sum)
	last, _ := a.Get("200000").Get("0").Text()
	require.Equal(t, "2", last)
	first, _ := a.Index(0).Index(0).Text()
	require.Equal(t, "1", first)
	require.NotEmpty(t, m.Key())
}
