package audiences

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/source/bucket"
)

// FuzzRows holds for any text: rows are what encoding/csv reads, and so is the
// kind of error.
func FuzzRows(f *testing.F) {
	for _, text := range []string{"a,b\nc,\"d\"\"e\nf\",g\r\n\n,\n", "a\"b\n", "\"a\"b,c\n", "\"a", "a\r", "\"a\r\n\",b"} {
		f.Add(text, byte(','))
		f.Add(text, byte('|'))
	}
	f.Fuzz(func(t *testing.T, text string, comma byte) {
		if strings.IndexByte(delimiters, comma) < 0 {
			comma = ','
		}
		want := csv.NewReader(strings.NewReader(text))
		want.FieldsPerRecord, want.Comma = -1, rune(comma)
		got := rows{window: bucket.NewWindow(strings.NewReader(text), 1<<20, false), comma: comma, max: 1 << 20}
		for {
			record, wantErr := want.Read()
			err := got.next()
			if wantErr != nil {
				require.Equal(t, errors.Is(wantErr, io.EOF), errors.Is(err, io.EOF))
				require.Equal(t, errors.Is(wantErr, csv.ErrBareQuote), errors.Is(err, csv.ErrBareQuote), "%v, %v", wantErr, err)
				require.Equal(t, errors.Is(wantErr, csv.ErrQuote), errors.Is(err, csv.ErrQuote), "%v, %v", wantErr, err)
				return
			}
			require.NoError(t, err)
			line, _ := want.FieldPos(0)
			require.EqualValues(t, line, got.line)
			fields := make([]string, len(got.fields))
			for i, field := range got.fields {
				fields[i] = string(field)
			}
			require.Equal(t, record, fields)
		}
	})
}

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
		err := p.addExternal([]byte(text))
		want, ok := external(text)
		if !ok {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		slices.Sort(p.users)
		slices.Sort(want)
		require.Equal(t, want, append([]string{}, p.users...))
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
			if key == "user_id" && id != nil {
				users = append(users, *id)
			}
		}
	}
	return users, true
}
