package impactapi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlainAnswersAreReadAsAnyOthers(t *testing.T) {
	t.Parallel()
	for text, plain := range map[string]bool{
		`{"Status":"QUEUED","QueuedUri":"/Advertisers/IR1/APISubmissions/A-1"}`: true,
		` {"clickId" : "a" ,
			"warnings":[ ]}`: true,
		`{"status":"a","Status":"b"}`: true,
		`{"a":""}`:                    true,
		`}`:                           false,
		`{}`:                          false,
		`{"a":"b"} {"a":"c"}`:         false,
		`{"a":"b",}`:                  false,
		`{"a":"b"`:                    false,
		`{"a":"b`:                     false,
		`{"a":["b"]}`:                 false,
		`{"a":[}`:                     false,
		`{"a":1}`:                     false,
		`{"a":"\u0062"}`:              false,
		"{\"a\":\"\xff\"}":            false,
		"{\"a\":\"\n\"}":              false,
		`{"a""b"}`:                    false,
	} {
		b, ok := parsePlain([]byte(text))
		require.Equal(t, plain, ok, text)
		if ok {
			whole, _ := parseAny([]byte(text))
			require.Equal(t, whole, b, text)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte(`{"clickId":"7f","sessionStart":"2026-11-27T18:45:48Z","warnings":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if b, ok := parsePlain(text); ok {
			whole, ok := parseAny(text)
			require.True(t, ok)
			require.Equal(t, whole, b)
		}
	})
}
