package impactapi

import (
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParams(t *testing.T) {
	t.Parallel()
	t.Run("escapes each byte once", func(t *testing.T) {
		t.Parallel()
		p := Params{{"ClickId", "SKhR:QaS~-x y%3A"}, {"ItemName1", "Café & Co=+"}}
		require.Equal(t, "ClickId=SKhR%3AQaS~-x+y%253A&ItemName1=Caf%C3%A9+%26+Co%3D%2B", p.Encode())
	})

	t.Run("a broken escape is an error that names the parameter", func(t *testing.T) {
		t.Parallel()
		_, err := ParseForm("A=1&B=%zz")
		require.ErrorContains(t, err, `"B"`)
	})
}

// Parsing what was encoded gives the same list, and the encoding is the
// standard library's.
func FuzzEncode(f *testing.F) {
	f.Add("PageUrl", "https://example.com/?a=1&b=ü", "", "")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		p := Params{{name1, value1}, {name2, value2}}
		form := p.Encode()
		require.Equal(t, url.QueryEscape(name1)+"="+url.QueryEscape(value1)+"&"+
			url.QueryEscape(name2)+"="+url.QueryEscape(value2), form)
		back, err := ParseForm(form)
		require.NoError(t, err)
		require.Equal(t, p, back)
	})
}

// What can be parsed at all comes out the same after a second round.
func FuzzParseForm(f *testing.F) {
	f.Add("a=1&&b=%20+&c")
	f.Add("&")
	f.Fuzz(func(t *testing.T, form string) {
		p, err := ParseForm(form)
		if err != nil {
			return
		}
		again, err := ParseForm(p.Encode())
		require.NoError(t, err)
		require.True(t, slices.Equal(p, again), "%q", form)
	})
}
