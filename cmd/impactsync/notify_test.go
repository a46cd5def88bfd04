package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/impactsync/impactsync/cmd/internal/config"
	"github.com/impactsync/impactsync/cmd/internal/notify"
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

func TestAReceiverThatHangsTakesNoTimeFromTheOthers(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // then the server notices that the client leaves
		if r.URL.Path == "/hangs" {
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	results := (&app{}).tests(ctx, &config.Config{Notify: config.Notify{
		Ping:     config.Secret(server.URL + "/ping"),
		Webhooks: []config.Webhook{{Name: "first", Format: notify.JSON, URL: config.Secret(server.URL + "/hangs")}, {Name: "second", Format: notify.JSON, URL: config.Secret(server.URL)}},
	}}, nil)
	require.Len(t, results, 3)
	require.Equal(t, "first", results[0].Name)
	require.NotEmpty(t, results[0].Error)
	require.Equal(t, []sent{{Name: "second"}, {Name: "ping"}}, results[1:])
}
