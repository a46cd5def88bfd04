package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// tab is a tab of a browser, with what it complained of and asked for.
type tab struct {
	context.Context
	mu     sync.Mutex
	faults []string
	asked  []string
}

// browse starts Chromium. Only a machine of a developer may be without one.
func browse(t *testing.T) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") == "" && os.Getenv("IMPACTSYNC_BROWSER") == "" {
		t.Skip("chromium is not installed: apt-get install chromium")
	}
	require.NoError(t, err, "apt-get install chromium")
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true), chromedp.WindowSize(1200, 900), chromedp.WSURLReadTimeout(time.Minute),
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Run(ctx)) // the browser ends with the context of the first call
	b := &tab{Context: ctx}
	chromedp.ListenTarget(ctx, b.hear)
	b.do(t, network.Enable(), log.Enable(), runtime.Enable())
	return b
}

// hear notes what must not happen, and every address that is asked for.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		b.faults = append(b.faults, fmt.Sprintf("console.%s", e.Type))
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, e.ExceptionDetails.Error())
	case *log.EventEntryAdded:
		b.faults = append(b.faults, e.Entry.Text)
	case *page.EventJavascriptDialogOpening:
		b.faults = append(b.faults, "a dialog: "+e.Message)
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	}
}

func (b *tab) do(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b, time.Minute)
	defer cancel()
	require.NoError(t, chromedp.Run(ctx, actions...))
}

// eval returns what a script gives.
func eval[T any](t *testing.T, b *tab, script string) (v T) {
	t.Helper()
	b.do(t, chromedp.Evaluate(script, &v))
	return v
}

// quiet wants no complaint, and no request but to these addresses.
func (b *tab) quiet(t *testing.T, allowed ...string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(t, b.faults)
	require.NotEmpty(t, b.asked)
	for _, url := range b.asked {
		ok := strings.HasPrefix(url, "data:")
		for _, prefix := range allowed {
			ok = ok || strings.HasPrefix(url, prefix)
		}
		require.True(t, ok, "the page asked for %s", url)
	}
}

// look sets a colour scheme and a width.
func (b *tab) look(t *testing.T, scheme string, width int64) {
	t.Helper()
	b.do(t,
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
		chromedp.EmulateViewport(width, 900, chromedp.EmulateScale(1)))
}

// shoot keeps a screenshot of the whole page.
func (b *tab) shoot(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		dir = t.ArtifactDir()
	}
	var png []byte
	b.do(t, chromedp.FullScreenshot(&png, 100))
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}

// violation is a rule of axe's that is broken.
type violation struct {
	ID    string
	Help  string
	Nodes []struct{ HTML, FailureSummary string }
}

// accessible wants that axe finds nothing.
func (b *tab) accessible(t *testing.T) {
	t.Helper()
	file := os.Getenv("IMPACTSYNC_AXE")
	if file == "" {
		file = "../../bin/tools/axe/node_modules/axe-core/axe.min.js"
	}
	axe, err := os.ReadFile(file)
	if os.IsNotExist(err) && os.Getenv("CI") == "" && os.Getenv("IMPACTSYNC_BROWSER") == "" {
		t.Skip("axe-core is not installed: bash .ci/run browser")
	}
	require.NoError(t, err)
	var text string
	b.do(t, chromedp.Evaluate(string(axe)+";0", nil), chromedp.Evaluate(`axe.run().then(r => JSON.stringify({violations: r.violations, passes: r.passes.length}))`, &text,
		func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	var found struct {
		Violations []violation
		Passes     int
	}
	require.NoError(t, json.Unmarshal([]byte(text), &found))
	require.Empty(t, found.Violations)
	require.Greater(t, found.Passes, 20)
}
