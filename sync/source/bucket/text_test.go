package bucket

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

func TestText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("user-Grün-😀,x\r\n", 5000)
	wide := func(s string, order binary.AppendByteOrder) string {
		var out []byte
		for _, unit := range utf16.Encode([]rune(s)) {
			out = order.AppendUint16(out, unit)
		}
		return string(out)
	}
	for name, c := range map[string]struct{ in, want string }{
		"UTF-8":                   {long, long},
		"UTF-8 with a mark":       {"\ufeff" + long, long},
		"a mark alone":            {"\ufeff", ""},
		"nothing":                 {"", ""},
		"short":                   {"u1", "u1"},
		"another encoding":        {"K\xf6ln\n", "K\xf6ln\n"},
		"UTF-16, little":          {wide("\ufeff"+long, binary.LittleEndian), long},
		"UTF-16, big":             {wide("\ufeff"+long, binary.BigEndian), long},
		"UTF-16, little, no mark": {wide("u1\n"+long, binary.LittleEndian), "u1\n" + long},
		"UTF-16, big, no mark":    {wide("u1\n"+long, binary.BigEndian), "u1\n" + long},
		"UTF-16 with CR":          {wide("\ufeffu1\ru2\r", binary.LittleEndian), "u1\nu2\n"},
		"UTF-32":                  {"\xff\xfe\x00\x00u\x00\x00\x001\x00\x00\x00", "u1"},
		"CR":                      {strings.ReplaceAll(long, "\r\n", "\r"), strings.ReplaceAll(long, "\r\n", "\n")},
		"CR within a line":        {"a\rb\nc\n", "a\rb\nc\n"},
		"CR at the end":           {"a\r", "a\r"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, src := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in)), iotest.DataErrReader(strings.NewReader(c.in))} {
				got, err := io.ReadAll(asText(src))
				require.NoError(t, err)
				require.Equal(t, c.want, string(got))
			}
			small := iotest.OneByteReader(asText(strings.NewReader(c.in)))
			got, err := io.ReadAll(small)
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))
		})
	}

	t.Run("an error comes behind what was read", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("broken")
		for _, in := range []string{"user_id\nu1\n", wide("\ufeffuser_id\nu1\n", binary.LittleEndian)} {
			got, err := io.ReadAll(asText(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken))))
			require.ErrorIs(t, err, broken)
			require.Equal(t, "user_id\nu1\n", string(got))
		}
	})
}

func asText(src io.Reader) io.Reader { return asUTF8(bufio.NewReaderSize(src, textStart)) }
