package segment

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func change(t *testing.T, kind, class, key, body string) TraitChange {
	t.Helper()
	c, ok := decode(t, `{"type":"`+kind+`","userId":"u",`+body+
		`,"context":{"personas":{"computation_class":"`+class+`","computation_key":"`+key+`"}}}`).Change()
	require.True(t, ok)
	return c
}

func TestMembershipIsARealBoolean(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind, class, key, body, value string
		state                         ValueState
	}{
		"identify true":              {"identify", "audience", "k", `"traits":{"k":true}`, "true", ValueSet},
		"group of an account":        {"group", "audience", "k", `"traits":{"k":false}`, "false", ValueSet},
		"track reads properties":     {"track", "audience", "k", `"properties":{"k":false},"traits":{"k":true}`, "false", ValueSet},
		"track does not read traits": {"track", "audience", "k", `"traits":{"k":true}`, "", ValueUnusable},
		"a string is none":           {"identify", "audience", "k", `"traits":{"k":"true"}`, "", ValueUnusable},
		"absent is none":             {"identify", "audience", "k", `"traits":{}`, "", ValueUnusable},
		"a number is none":           {"identify", "audience", "k", `"traits":{"k":1}`, "", ValueUnusable},
		"a string of a journey":      {"identify", "audience", "j_o_k", `"traits":{"j_o_k":"true"}`, "true", ValueSet},
		"a word of a journey":        {"identify", "audience", "j_o_k", `"traits":{"j_o_k":"yes"}`, "", ValueUnusable},
		"a step with a boolean":      {"track", "journey_step", "k", `"properties":{"k":true}`, "true", ValueSet},
		"a step's string":            {"track", "journey_step", "j_o_k", `"properties":{"j_o_k":"true"}`, "", ValueUnusable},
		"no key":                     {"identify", "audience", "", `"traits":{"":true}`, "", ValueUnusable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := change(t, c.kind, c.class, c.key, c.body)
			require.Equal(t, c.state, got.State)
			require.Equal(t, c.value, got.Value)
		})
	}
}

func TestComputedValues(t *testing.T) {
	t.Parallel()
	for json, want := range map[string]string{
		`450.0`: "450.0", `4.5e2`: "450", `1E+06`: "1000000", `-2.5e-3`: "-0.0025", `0e5`: "0",
		`"as is "`: "as is ", `true`: "true", `""`: "",
		`"https://x.example/?e=a%40b.example&c=1"`: "https://x.example/?e=&c=1",
	} {
		for _, class := range []string{"trait", "computed_trait", "traits", "something_new"} {
			got := change(t, "identify", class, "k", `"traits":{"k":`+json+`}`)
			require.Equal(t, ValueSet, got.State, json)
			require.Equal(t, want, got.Value, json)
			require.Equal(t, ClassComputed, got.Class)
		}
	}
	hash, _ := HashEmail("a@b.example")
	require.Equal(t, hash, change(t, "identify", "trait", "k", `"traits":{"k":"a@b.example"}`).Value)
	for _, json := range []string{`[1]`, `{"a":1}`, `1e400`, `NaN`, `1-2`} {
		require.Equal(t, ValueUnusable, change(t, "identify", "trait", "k", `"traits":{"k":`+json+`}`).State, json)
	}
	require.Equal(t, ValueCleared, change(t, "identify", "trait", "k", `"traits":{"k":null}`).State)
	require.Equal(t, ValueCleared, change(t, "identify", "trait", "k", `"traits":{}`).State)
	require.Equal(t, ValueUnusable, change(t, "identify", "something_new", "k", `"traits":{}`).State)
}

func TestOrdinaryMessagesAreNoChange(t *testing.T) {
	t.Parallel()
	_, ok := decode(t, `{"type":"identify","userId":"u","traits":{"vip":true}}`).Change()
	require.False(t, ok)
}
