package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// TestLargeReport measures the page of a hundred audiences and a year of runs, one every
// two hours.
func TestLargeReport(t *testing.T) {
	s := open(t)
	for i := range 94 {
		var list strings.Builder
		list.WriteString("user_id\n")
		for k := range 20 + i {
			fmt.Fprintf(&list, "u-%d\n", k)
		}
		s.write(t, fmt.Sprintf("audiences/Customers of region %02d who bought twice.csv", i), list.String())
	}
	s.run(t, []int{3, 4}, "run", "--deadline", "1m")
	s.sql(t, history(365*24*time.Hour, 2*time.Hour))
	var made struct {
		Bytes   int
		Seconds float64
	}
	require.NoError(t, json.Unmarshal([]byte(s.run(t, []int{0}, "report", "--json", "--html", "year.html")), &made))
	t.Logf("%d bytes in %.2f s", made.Bytes, made.Seconds)
	require.Less(t, made.Bytes, 500_000)
	require.Less(t, made.Seconds, 10.0)
	b := browse(t)
	b.look(t, "light", 1200)
	file := filepath.Join(s.dir, "year.html")
	b.do(t, chromedp.Navigate("file://"+file), chromedp.WaitReady("#said"))
	require.Equal(t, 100, eval[int](t, b, `document.querySelectorAll("#audience-rows tr").length`))
	b.shoot(t, "year")
	b.quiet(t, "file://"+file)
	_, err := os.Stat(file)
	require.NoError(t, err)
}
