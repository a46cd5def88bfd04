package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/money"
	"github.com/stretchr/testify/require"
)

func TestNumbersAndTimesAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"0 changes": count(0, "change"), "1 change": count(1, "change"), "1,200 changes": count(1200, "change"),
		"1 delivery": count(1, "delivery"), "2 deliveries": count(2, "delivery"),
		"0s": took(0), "12ms": took(0.0123), "3.2s": took(3.21), "2m10s": took(130.4), "5h0m": took(5 * 3600), "26h3m": took(26*3600 + 181),
	} {
		require.Equal(t, want, got)
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	list(&out, "Title:", []any{"NAME", "N", ""}, []int64{1, 12345}, func(n int64) []any { return []any{fmt.Sprint("a", n), n, ""} })
	require.Equal(t, "Title:\nNAME    N\na1      1\na12345  12,345\n", out.String())
	out.Reset()
	list(&out, "Title:", nil, nil, func(int) []any { return nil })
	require.Empty(t, out.String(), "no title without rows")
	writeTable(&out, state.Table{Columns: []string{"a", "b"}, Rows: [][]string{{"x\ty\n", "\x1b[2K"}}})
	require.Equal(t, `a               b`+"\n"+`x\u0009y\u000a  \u001b[2K`+"\n", out.String(), "text from outside stays in its cell")
	require.Equal(t, []map[string]string{{"a": "1", "b": "2"}}, objects(state.Table{Columns: []string{"a", "b"}, Rows: [][]string{{"1", "2"}}}))
}

func TestRefundsInARunsReport(t *testing.T) {
	t.Parallel()
	counts := []state.RefundCount{
		{Status: "done", Currency: "JPY", Orders: 1000, Amount: 5 * money.Unit},
		{Status: "held", Currency: "EUR", Orders: 1, Amount: 20 * money.Unit},
		{Status: "reported", Class: "locked", Currency: "EUR", Orders: 1, Amount: money.Unit / 2},
		{Status: "reported", Class: "locked", Currency: "JPY", Orders: 1, Amount: 300 * money.Unit},
		{Status: "reported", Class: "part", Currency: "KWD", Orders: 1200, Amount: 12_340},
		{Status: "waiting", Class: "action", Orders: 1},
	}
	require.Equal(t, "orders taken back and not settled: 1,202 reported (locked 2, part 1,200), 1 held, 1 waiting (action 1); in all 20.50 EUR, 300 JPY, 1.234 KWD", refundLine(counts))
	require.Empty(t, refundLine(counts[:1]))

	text, err := json.Marshal(counts[3:5])
	require.NoError(t, err)
	require.JSONEq(t, `[{"status":"reported","class":"locked","currency":"JPY","orders":1,"whole":0,"amount":"300"},{"status":"reported","class":"part","currency":"KWD","orders":1200,"whole":0,"amount":"1.234"}]`, string(text))
	text, err = json.Marshal(state.RefundSample{OrderID: "o", Status: "held", Wanted: "reversed", Amount: 300 * money.Unit, Currency: "JPY"})
	require.NoError(t, err)
	require.JSONEq(t, `{"order_id":"o","status":"held","wanted":"reversed","amount_back":"300","currency":"JPY"}`, string(text))
	_, err = json.Marshal(map[string]money.Amount{"amount": 1})
	require.ErrorContains(t, err, "is written with its currency")
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestResult(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{stdout: &out}
	text := func(w io.Writer) { fmt.Fprintln(w, "<text>") }
	require.NoError(t, a.result(map[string]string{"k": "<v>"}, nil, text))
	require.Equal(t, "<text>\n", out.String())

	out.Reset()
	a.json = true
	require.NoError(t, a.result(map[string]string{"k": "<v>"}, nil, text))
	require.JSONEq(t, `{"k": "<v>"}`, out.String())
	require.Contains(t, out.String(), "\n  \"k\": \"<v>\"\n", "indented, and not escaped for HTML")

	out.Reset()
	require.ErrorIs(t, a.result("v", io.EOF, text), io.EOF)
	require.Empty(t, out.String(), "an error has no result")

	for _, a.json = range []bool{true, false} {
		a.stdout = broken{}
		require.EqualError(t, a.result("v", nil, text), "write the result: no space")
	}
}
