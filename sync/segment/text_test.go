package segment

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHalfCharacters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`a\ud83d`:                "a\ufffd",
		`a\uD83D`:                "a\ufffd",
		`\ude00a`:                "\ufffda",
		`\ud83d\ude00`:           "😀",
		`\uD83D\uDE00\ud83d`:     "😀\ufffd",
		`\ud83d\ud83d\ude00`:     "\ufffd😀",
		`\ud83dx\ude00`:          "\ufffdx\ufffd",
		`\ud83d\n`:               "\ufffd\n",
		`\\ud83d`:                `\ud83d`,
		`\\\ud83d`:               `\` + "\ufffd",
		`\"\ud83d\"`:             `"` + "\ufffd" + `"`,
		`\ud7ff\ue000\u00e9\ud8`: "\ud7ff\ue000é" + `\ud8`,
		`\udc`:                   `\udc`,
	} {
		line := []byte(`{"type":"page","event":1,"x":"` + text + `","` + text + `":"end"}`)
		before := string(line)
		m := decode(t, before)
		got, _ := m.Get("x").Str()
		require.Equal(t, want, got, text)
		require.Equal(t, before, string(line))
	}
	_, err := new(Decoder).Decode([]byte(`{"type":"page","x":"\ud83d`))
	require.ErrorIs(t, err, ErrInvalidJSON)
}

func TestCleanText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                "",
		"plain, é, 😀, \u00a0":             "plain, é, 😀, \u00a0",
		"a\x00b\tc\nd\x7fe":               "a b c d e",
		"a\u0080b\u0085c\u009fd\u009b31m": "a b c d 31m",
		"half \ufffd":                     "half  ",
	} {
		require.Equal(t, want, CleanText(text))
	}

	require.False(t, HoldsControl("\u00c2\u00a0\u00bf"))
	require.True(t, HoldsControl("\u0080"))
}

func TestIDsThatCouldNotBeRead(t *testing.T) {
	t.Parallel()
	m := decode(t, `{"type":"identify","userId":"u\ud83d","anonymousId":"a\u0085b","messageId":"m\u0000","event":"Order\u009b Done"}`)
	require.True(t, m.Identity().IsZero(), "the halves of two people may look alike")
	require.Empty(t, m.MessageID)
	require.Equal(t, "Order  Done", m.Event)
	require.True(t, UsableID("order\ufffd"), "an order is not lost for it")
	require.Equal(t, Identity{UserID: "東京-é-😀"}, NewIdentity("東京-é-😀", "", ""))
}

func TestTraitsAreCleaned(t *testing.T) {
	t.Parallel()
	m := decode(t, `{"type":"identify","userId":"u","context":{"personas":{"computation_class":"computed_trait","computation_key":"city"}},"traits":{"city":"S\u0000ão\u0085 \ud83d"}}`)
	c, ok := m.Change()
	require.True(t, ok)
	require.Equal(t, ValueSet, c.State)
	require.Equal(t, "S ão   ", c.Value)
}

func TestQuotesAroundNothing(t *testing.T) {
	t.Parallel()
	for _, s := range []string{`""`, `''`, "``", `"undefined"`, `'NULL'`, `"{clickid}"`, `" "`, `'0'`, `"%clickid%"`} {
		require.True(t, IsPlaceholder(s), s)
	}
	for _, s := range []string{`"`, `"a"`, `'`, `"a'`} {
		require.False(t, IsPlaceholder(s), s)
	}
}
