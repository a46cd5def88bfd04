package browser

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// TestReport looks at the file of a shop in which much went wrong.
func TestReport(t *testing.T) {
	s := open(t)
	s.seed(t)
	s.run(t, []int{0}, "report", "--html", "status.html")
	file := filepath.Join(s.dir, "status.html")
	url := "file://" + file
	b := browse(t)
	b.look(t, "light", 1200)
	b.do(t, chromedp.Navigate(url), chromedp.WaitReady("#said"))

	t.Run("it says what is wrong, the worst first", func(t *testing.T) {
		first := eval[string](t, b, `document.querySelector("#do li").innerText`)
		require.Contains(t, first, "vip: 65 exits held since")
		require.Contains(t, first, "65 of 95 people told true would leave")
		require.Contains(t, first, "impactsync approve vip --exits 65")
		require.Contains(t, first, "10 of them are approved")
		require.Equal(t, []string{"bad", "bad", "warn", "warn", "info"}, eval[[]string](t, b, `[...document.querySelectorAll("#do li")].map(l => l.className)`))
	})
	t.Run("nothing in the input becomes part of the page", func(t *testing.T) {
		require.Equal(t, 1, eval[int](t, b, `document.scripts.length`))
		require.Equal(t, 0, eval[int](t, b, `document.querySelectorAll("img, iframe, object, [onerror], [style]").length`))
		require.Contains(t, eval[string](t, b, `document.body.innerText`), "<script>alert('event')</script>")
	})
	for _, scheme := range []string{"light", "dark"} {
		t.Run("it is accessible, "+scheme, func(t *testing.T) {
			b.look(t, scheme, 1200)
			b.shoot(t, scheme)
			b.accessible(t)
			b.do(t, chromedp.Evaluate(`document.querySelectorAll("details").forEach(d => d.open = true)`, nil))
			b.accessible(t)
			b.do(t, chromedp.Evaluate(`document.querySelectorAll("details").forEach(d => d.open = false)`, nil))
		})
	}
	t.Run("it fits a phone", func(t *testing.T) {
		b.look(t, "light", 375)
		b.shoot(t, "phone")
		require.LessOrEqual(t, eval[float64](t, b, `document.documentElement.scrollWidth`), 375.0)
		b.accessible(t)
		b.look(t, "light", 1200)
	})
	t.Run("a command can be copied", func(t *testing.T) {
		b.do(t, chromedp.Click("#do button[data-copy]", chromedp.NodeVisible), chromedp.WaitVisible(`//button[text()="Copied" or text()="Selected"]`))
		require.Contains(t, eval[string](t, b, `document.getElementById("said").textContent`), "impactsync ")
	})
	t.Run("the audiences can be filtered", func(t *testing.T) {
		b.do(t, chromedp.SendKeys("#filter", "held", chromedp.NodeVisible))
		require.Equal(t, 1, eval[int](t, b, `[...document.querySelectorAll("#audience-rows tr")].filter(r => !r.hidden).length`))
		b.do(t, chromedp.SendKeys("#filter", strings.Repeat(kb.Backspace, 4)))
		require.Equal(t, 0, eval[int](t, b, `[...document.querySelectorAll("#audience-rows tr")].filter(r => r.hidden).length`))
	})
	t.Run("a number leads to its SQL", func(t *testing.T) {
		b.do(t, chromedp.Click(`.tiles a[href="#sql-due"]`, chromedp.NodeVisible), chromedp.WaitVisible("#sql-due"))
		require.True(t, eval[bool](t, b, `document.getElementById("sql-due").closest("details").open`))
	})
	t.Run("every number does, or the head of its column", func(t *testing.T) { numbers(t, b) })
	t.Run("outcomes differ by more than colour", func(t *testing.T) {
		fills := eval[[]string](t, b, `["f-ok", "f-refused", "f-held", "f-due"].map(c => getComputedStyle(document.querySelector("#runs .legend ." + c)).fill)`)
		require.NotContains(t, fills[0], "url(")
		for i, name := range []string{"refused", "held", "due"} {
			require.Contains(t, fills[i+1], "#p-"+name)
		}
		for _, where := range []string{"#runs .bars .f-held", "#orders .stack .f-refused", "#orders .sw .f-refused"} {
			require.Contains(t, eval[string](t, b, `getComputedStyle(document.querySelector("`+where+`")).fill`), "url(", where)
		}
	})
	t.Run("the keyboard reaches everything, visibly", func(t *testing.T) { keyboard(t, b, url) })
	t.Run("it prints", func(t *testing.T) {
		b.do(t, chromedp.ActionFunc(func(ctx context.Context) error {
			pdf, _, err := page.PrintToPDF().WithPrintBackground(true).Do(ctx)
			require.Greater(t, len(pdf), 10_000)
			return err
		}))
	})
	t.Run("every query runs in sqlite3", func(t *testing.T) {
		texts := eval[[]string](t, b, `[...document.querySelectorAll("details.sql pre")].map(p => p.textContent)`)
		require.Greater(t, len(texts), 15)
		for _, text := range texts {
			s.sql(t, text)
		}
	})
	t.Run("nobody's id is on it unless asked for", func(t *testing.T) {
		require.Empty(t, idsIn(t, file))
		s.run(t, []int{0}, "report", "--with-ids", "--html", "ids.html")
		require.NotEmpty(t, idsIn(t, filepath.Join(s.dir, "ids.html")))
	})
	b.quiet(t, url)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	t.Logf("%d bytes", info.Size())
}

// numbers looks for numbers that lead to no SQL, and for links that lead nowhere.
func numbers(t *testing.T, b *tab) {
	t.Helper()
	require.Empty(t, eval[[]string](t, b, `[...document.querySelectorAll("a.q")].filter(a => !document.querySelector("pre" + a.hash)).map(a => a.outerHTML)`))
	require.Empty(t, eval[[]string](t, b, `[...document.querySelectorAll("section td.n, section dd, .big b, .told")]
		.filter(n => /[0-9]/.test(n.textContent) && !n.closest("#search") && !n.querySelector("a.q"))
		.filter(n => !n.closest("table")?.querySelector("thead")?.rows[0].cells[n.cellIndex]?.querySelector("a.q")).map(n => n.outerHTML)`))
	b.do(t, chromedp.Evaluate(`location.hash = ""; document.querySelector("#runs details").open = true; document.querySelectorAll("details.sql").forEach(d => d.open = false)`, nil),
		chromedp.Click(`#runs tbody tr:first-child td:nth-child(6)`, chromedp.NodeVisible), chromedp.WaitVisible("#sql-runs"))
	require.Equal(t, "#sql-runs", eval[string](t, b, `location.hash`))
}

// keyboard goes through the page with the key Tab.
func keyboard(t *testing.T, b *tab, url string) {
	t.Helper()
	b.do(t, chromedp.Navigate(url), chromedp.WaitReady("#said"))
	seen := map[string]bool{}
	for range 80 {
		b.do(t, chromedp.KeyEvent(kb.Tab))
		text := eval[string](t, b, `(e => e.tagName + " " + (e.id || e.getAttribute("aria-label") || e.textContent).trim().slice(0, 60) + (getComputedStyle(e).outlineStyle == "none" ? " INVISIBLE" : ""))(document.activeElement)`)
		if strings.HasPrefix(text, "BODY") {
			break // the end of the page
		}
		require.NotContains(t, text, "INVISIBLE")
		seen[strings.Fields(text)[0]] = true
		if strings.HasPrefix(text, "SUMMARY") {
			b.do(t, chromedp.KeyEvent(kb.Enter))
			require.True(t, eval[bool](t, b, `document.activeElement.parentElement.open`))
			b.do(t, chromedp.KeyEvent(kb.Enter))
		}
	}
	require.Subset(t, []string{"A", "BUTTON", "CODE", "SUMMARY", "DIV", "INPUT", "PRE"}, keys(seen))
	require.True(t, seen["A"] && seen["BUTTON"] && seen["SUMMARY"])
}

func keys(m map[string]bool) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}

// idsIn returns ids of people that a file contains.
func idsIn(t *testing.T, file string) (found []string) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, id := range []string{"cus_", "buyer-", "anon-", "u-script", "71365009-ba27"} {
		if strings.Contains(string(data), id) {
			found = append(found, id)
		}
	}
	return found
}
