package browser

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// serve starts the page, and returns its address.
func (s *shop) serve(t *testing.T, args ...string) (string, *exec.Cmd) {
	t.Helper()
	c := exec.CommandContext(t.Context(), s.bin, append([]string{"ui"}, args...)...)
	c.Dir = s.dir
	return started(t, c, ""), c
}

// TestUI asks the served page for a person and an order, as people do.
func TestUI(t *testing.T) {
	s := open(t)
	s.seed(t)
	address, c := s.serve(t)
	b := browse(t)
	b.look(t, "light", 1200)
	b.do(t, chromedp.Navigate(address), chromedp.WaitReady("#said"))

	t.Run("a person is found, and nobody's other ids are shown", func(t *testing.T) {
		b.do(t, chromedp.SendKeys(`input[name="person"]`, "buyer-4"+kb.Enter, chromedp.NodeVisible), chromedp.WaitReady(`//h3[text()="The person"]`))
		text := eval[string](t, b, `document.getElementById("search").innerText`)
		require.Contains(t, text, "H-4")
		require.Contains(t, text, `price "free <b>" is not a number`)
		b.accessible(t)
		b.shoot(t, "person")
		b.do(t, chromedp.SetValue(`input[name="person"]`, "cus_309f81a5ebe9a7f2a51f"), chromedp.Submit(`input[name="person"]`), chromedp.WaitReady(`//dd[contains(., "--with-ids")]`))
		text = eval[string](t, b, `document.getElementById("search").innerText`)
		require.Contains(t, text, "vip")
		require.NotContains(t, text, "71365009-ba27")
	})
	t.Run("so is an order, with its money", func(t *testing.T) {
		b.do(t, chromedp.SendKeys(`input[name="order"]`, "H-1"+kb.Enter, chromedp.NodeVisible), chromedp.WaitReady(`//h3[text()="The order"]`))
		text := eval[string](t, b, `document.getElementById("search").innerText`)
		require.Contains(t, text, "39.80 EUR")
		require.Contains(t, text, "delivered")
		require.NotContains(t, text, "buyer-1")
		b.accessible(t)
	})
	t.Run("who is not known is said, whatever was typed", func(t *testing.T) {
		for _, text := range []string{`<img src=x onerror=alert(1)>"'`, "undefined", "nobody\u202e"} {
			b.do(t, chromedp.Navigate(address+"?person="+url.QueryEscape(text)), chromedp.WaitReady(`#search p[role="status"]`))
			require.Equal(t, 0, eval[int](t, b, `document.images.length`))
			require.Equal(t, text, eval[string](t, b, `document.querySelector('input[name="person"]').value`))
		}
	})
	require.Empty(t, eval[string](t, b, `document.cookie`))
	b.quiet(t, address)
	t.Run("others are kept out", func(t *testing.T) { keptOut(t, address) })
	t.Run("SIGINT ends it", func(t *testing.T) {
		require.NoError(t, c.Process.Signal(os.Interrupt))
		require.NoError(t, c.Wait())
	})
}

// keptOut asks as a stranger would.
func keptOut(t *testing.T, address string) {
	t.Helper()
	root := strings.Join(strings.Split(address, "/")[:3], "/")
	ask := func(method, url string, change func(*http.Request)) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
		require.NoError(t, err)
		change(r)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer
	}
	nothing := func(*http.Request) {}
	for _, url := range []string{root + "/", root + "/wrong/", root + "/favicon.ico"} {
		require.Equal(t, 403, ask("GET", url, nothing).StatusCode, url)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "HEAD", "OPTIONS"} {
		require.Equal(t, 405, ask(method, address, nothing).StatusCode, method)
	}
	require.Equal(t, 403, ask("GET", address, func(r *http.Request) { r.Host = "evil.example" }).StatusCode)
	require.Equal(t, 403, ask("GET", address, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }).StatusCode)
	answer := ask("GET", address, nothing)
	require.Equal(t, 200, answer.StatusCode)
	require.Empty(t, answer.Header.Values("Set-Cookie"))
	require.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
	require.Contains(t, answer.Header.Get("Content-Security-Policy"), "default-src 'none'")
}

// TestUIOfIds shows ids where it is asked to.
func TestUIOfIds(t *testing.T) {
	s := open(t)
	s.run(t, []int{3}, "run")
	address, _ := s.serve(t, "--with-ids")
	b := browse(t)
	b.do(t, chromedp.Navigate(address+"?person=cus_309f81a5ebe9a7f2a51f"), chromedp.WaitReady("#said"))
	require.Contains(t, eval[string](t, b, `document.getElementById("search").innerText`), "71365009-ba27")
	b.quiet(t, address)
}
