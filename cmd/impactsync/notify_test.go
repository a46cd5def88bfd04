package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// hooks: hooks starts a server that takes notices. HOOKS is its address, and hooks.log
// has a line for each: its path and body. While there is a file "refuse", it answers
// 400.
func hooks(ts *testscript.TestScript, _ bool, _ []string) {
	var mu sync.Mutex
	log := ts.MkAbs("hooks.log")
	ts.Check(os.WriteFile(log, nil, 0o600))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if exists(ts.MkAbs("refuse")) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		body, _ := io.ReadAll(r.Body)
		f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			fmt.Fprintf(f, "%s %s\n", r.URL.Path, strings.ReplaceAll(string(body), "\n", " / "))
			_ = f.Close()
		}
	}))
	ts.Defer(server.Close)
	ts.Setenv("HOOKS", server.URL)
}

// hooked: hooked N TEXT wants N lines of hooks.log with the text; without arguments it
// empties the log.
func hooked(ts *testscript.TestScript, _ bool, args []string) {
	data, err := os.ReadFile(ts.MkAbs("hooks.log"))
	ts.Check(err)
	if len(args) == 0 {
		ts.Check(os.WriteFile(ts.MkAbs("hooks.log"), nil, 0o600))
		return
	}
	got := 0
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, strings.Join(args[1:], " ")) {
			got++
		}
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("%d lines with %q, want %s:\n%s", got, args[1:], args[0], data)
	}
}

func TestUUID(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, newUUID())
	first := newUUID()
	require.NotEqual(t, first, newUUID())
}
