package table

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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
		got := NewReader(strings.NewReader(text), Header{comma: comma}, 1<<20)
		for {
			record, wantErr := want.Read()
			fields, err := got.record()
			if wantErr != nil {
				require.Equal(t, errors.Is(wantErr, io.EOF), errors.Is(err, io.EOF))
				require.Equal(t, errors.Is(wantErr, csv.ErrBareQuote), errors.Is(err, csv.ErrBareQuote), "%v, %v", wantErr, err)
				require.Equal(t, errors.Is(wantErr, csv.ErrQuote), errors.Is(err, csv.ErrQuote), "%v, %v", wantErr, err)
				return
			}
			require.NoError(t, err)
			line, _ := want.FieldPos(0)
			require.EqualValues(t, line, got.lines.first)
			require.Equal(t, record, fields)
		}
	})
}
