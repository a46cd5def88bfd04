package audiences

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/table"
)

// FuzzExternalIDs holds for any text: what is read is what encoding/json
// reads, and nothing else is.
func FuzzExternalIDs(f *testing.F) {
	for _, text := range []string{
		`{"user_id":["a","b"],"email":"x@y.test","ios.idfa":null}`, `{}`, `{"user_id":[]}`, `{"user_id":["\u00e9\"\\"]}`, `{"user_id":[null]}`, `{"a":[“b”]}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.TrimSpace(text) == "" {
			return
		}
		var p ids
		var parser segment.Parser
		v, err := parser.Parse([]byte(text))
		want, ok := external(text)
		if !ok {
			require.False(t, err == nil && p.addExternal(v))
			return
		}
		require.NoError(t, err)
		require.True(t, p.addExternal(v))
		slices.Sort(p[table.UserID])
		slices.Sort(want)
		require.Equal(t, want, append([]string{}, p[table.UserID]...))
	})
}

// external reads the user ids with encoding/json, key by key, since a key that
// stands twice counts twice.
func external(text string) (users []string, ok bool) {
	if !json.Valid([]byte(text)) || text != strings.ToValidUTF8(text, "") {
		return nil, false
	}
	users = []string{}
	d := json.NewDecoder(strings.NewReader(text))
	if open, _ := d.Token(); open != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		key, _ := d.Token()
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return nil, false
		}
		var one *string
		var many []*string
		if json.Unmarshal(raw, &one) == nil {
			many = []*string{one}
		} else if json.Unmarshal(raw, &many) != nil {
			return nil, false
		}
		for _, id := range many {
			if key == "user_id" && id != nil && *id != "" {
				users = append(users, *id)
			}
		}
	}
	return users, true
}
