package segment

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func FuzzDecode(f *testing.F) {
	for _, line := range samples(f) {
		f.Add([]byte(line))
	}
	f.Add([]byte(`{"type":"page","a":NaN,"b":"\ud800\udc00\u0000","a":1e5,"\u0061":[]}`))
	var d Decoder
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := d.Decode(line)
		if err != nil {
			return
		}
		defer m.Release()
		m.Change()
		m.Identity()
		m.Allowed()
		canonical := m.Root().AppendJSON(nil)
		again, err := d.Decode(canonical)
		require.NoError(t, err, "%q", canonical)
		defer again.Release()
		require.Equal(t, string(canonical), string(again.Root().AppendJSON(nil)))
		require.Equal(t, m.Key(), again.Key())
		require.Equal(t, m.Identity(), again.Identity())
	})
}

func FuzzParseTime(f *testing.F) {
	f.Add("2026-08-30T00:00:00.0661797Z")
	f.Add("2026-08-30T00:00:00+02:00")
	f.Fuzz(func(t *testing.T, text string) {
		at, ok := ParseTime(text)
		if !ok {
			return
		}
		again, ok := ParseTime(at.Format(time.RFC3339Nano))
		require.True(t, ok)
		require.True(t, at.Equal(again))
		require.Equal(t, at.UnixNano(), time.Unix(0, at.UnixNano()).UnixNano())
	})
}

func FuzzHashEmail(f *testing.F) {
	f.Add(" Jane.Roe@Example.com")
	f.Fuzz(func(t *testing.T, text string) {
		hash, ok := HashEmail(text)
		if !ok {
			return
		}
		again, ok := HashEmail(hash)
		require.True(t, ok)
		require.Equal(t, hash, again)
		require.Len(t, hash, 40)
	})
}

func FuzzRedact(f *testing.F) {
	f.Add("https://x.example/?email=a%40b.example")
	f.Add("a@b.example")
	f.Add("//a@b.c@d.e:1/%2540/?=")
	f.Add("x%%340y.example/?a=b&b=%2E%C3%A9&ccommat;d.example&")
	f.Add("a&%2364;b.example&#6%34;%26#64;&am\uff20p;%ef%bc%a0é")
	f.Fuzz(func(t *testing.T, text string) {
		for _, redact := range []func(string) string{Redact, RedactURL} {
			once := redact(text)
			require.Equal(t, once, redact(once), "redacting again changes nothing")
			require.LessOrEqual(t, len(once), max(len(text), 40))
			require.False(t, HoldsEmail(once), "%q", once)
		}
		if isOpen(text) {
			plain := unveil(text)
			require.Equal(t, text, plain)
			require.False(t, partHoldsEmail(plain) || partHoldsEmail(unveilAll(text)))
			require.Equal(t, text, redactText(text))
			require.Equal(t, text, redactURL(text))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	text, err := os.ReadFile("testdata/messages.ndjson")
	require.NoError(b, err)
	line := []byte(strings.Split(string(text), "\n")[0])
	var d Decoder
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := d.Decode(line)
		if err != nil {
			b.Fatal(err)
		}
		m.Release()
	}
}

// FuzzPath: a path that is taken says so again, and looking it up in any
// message finds what its keys lead to.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"userId", "properties.products.0.sku", "context.page.url", "traits.vip", "a..b", ".", "properties.-1", "properties.99999999999999999999"} {
		f.Add(path, `{"type":"page","userId":"u1","traits":{"vip":true},"context":{"page":{"url":"x"},"page":1},"properties":{"products":[{"sku":"s"}]}}`)
	}
	var d Decoder
	f.Fuzz(func(t *testing.T, text, line string) {
		path, err := ParsePath(text)
		if err != nil {
			return
		}
		require.Equal(t, text, path.String())
		again, err := ParsePath(strings.Join(path.Keys(), "."))
		require.NoError(t, err)
		require.Equal(t, path, again)
		m, err := d.Decode([]byte(line))
		if err != nil {
			return
		}
		defer m.Release()
		want := m.Root()
		for _, key := range path.Keys() {
			want = want.Get(key)
		}
		require.Equal(t, want, m.Lookup(path))
		require.Equal(t, m.Root().Get(path.Keys()[0]), m.Get(path.Keys()[0]))
	})
}

// FuzzIdentity: no id holds an address, an identity stays as it is, and the quick
// test agrees with the slow ones.
func FuzzIdentity(f *testing.F) {
	f.Add("user:jane@example.com", "a%40example.com", "Jane@Example.com ")
	f.Add("u1", "eml_", "x")
	f.Add("3f2504e0-4f89-11d3-9a0c-0305e82c3301", "cus_5e41ab087439611e86c3", "1-1")
	for word := range nobodyWords.set {
		f.Add(word, word+"0", strings.ToUpper(word))
	}
	for word := range emptyWords.set {
		f.Add(word, word+"0", strings.ToUpper(word))
	}
	f.Fuzz(func(t *testing.T, user, anonymous, email string) {
		for _, s := range []string{user, anonymous, email} {
			usual := !IsPlaceholder(s) && isPlain(s) && !isNobody(s) && !strings.Contains(s, unread) && !HoldsEmail(s)
			require.True(t, usual || !isOrdinary(s), "%q", s)
		}
		id := NewIdentity(user, anonymous, email)
		require.False(t, HoldsEmail(id.UserID) || HoldsEmail(id.AnonymousID) || HoldsEmail(id.EmailSHA1), "%q", id)
		require.Equal(t, id, NewIdentity(id.UserID, id.AnonymousID, id.EmailSHA1))
	})
}

// FuzzDocument: what encoding/json reads, a document reads likewise.
func FuzzDocument(f *testing.F) {
	for _, line := range samples(f) {
		f.Add([]byte(line))
	}
	f.Add([]byte(` {"a\"\u00e9":[1,-2.5e-3,{"a":[[],{}],"b":null}],"":"\\\/\b\f\n\r\t\u0000\ud83d\ude00\ud83d","true":false} `))
	var d document
	f.Fuzz(func(t *testing.T, text []byte) {
		var want any
		numbers := json.NewDecoder(bytes.NewReader(text))
		numbers.UseNumber()
		if !utf8.Valid(text) || !json.Valid(text) || numbers.Decode(&want) != nil {
			return
		}
		v, err := d.parse(text)
		if errors.Is(err, ErrTooDeep) {
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, plain(v))
	})
}

// plain returns a value as encoding/json has it.
func plain(v Value) any {
	switch {
	case v.IsObject():
		all := map[string]any{}
		v.Each(func(key string, value Value) { all[key] = plain(value) })
		return all
	case v.IsArray():
		all := []any{}
		for i := range v.Len() {
			all = append(all, plain(v.Index(i)))
		}
		return all
	case !v.Exists():
		return nil
	case v.IsNumber():
		number, _ := v.Number()
		return json.Number(number)
	}
	if value, ok := v.Bool(); ok {
		return value
	}
	text, _ := v.Str()
	return text
}
