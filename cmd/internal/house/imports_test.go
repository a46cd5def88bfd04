// Package house holds the tests of the project as a whole: who may import
// whom, and which package owns which dependency.
package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/impactsync/impactsync"

// rooms lists the packages that each package may import. "..." at the end
// means everything below. A package without a row fails the test.
var rooms = map[string][]string{
	"impactapi":                 {"sync/money"},
	"impactapi/sandbox":         {"impactapi", "sync/money"},
	"state":                     {"state/internal/guard", "state/internal/spill", "state/internal/sqlite", "state/rules", "sync/money", "sync/refund"},
	"state/internal/guard":      {"state/rules", "sync/money"},
	"state/rules":               {},
	"state/internal/sqlite":     {},
	"state/internal/spill":      {},
	"sync/money":                {},
	"sync/segment":              {},
	"sync/refund":               {"sync/money"},
	"sync/mapping":              {"sync/money", "sync/refund", "sync/segment", "impactapi"},
	"sync/source":               {"sync/segment", "state/rules"},
	"sync/source/bucket":        {"sync/source", "sync/segment"},
	"sync/source/reading":       {"sync/source", "sync/source/bucket", "sync/segment"},
	"sync/source/events":        {"sync/source", "sync/source/bucket", "sync/source/reading", "sync/segment"},
	"sync/source/table":         {"sync/source", "sync/source/bucket", "sync/segment"},
	"sync/source/audiences":     {"sync/source", "sync/source/bucket", "sync/source/reading", "sync/source/table", "sync/segment", "state/rules"},
	"sync/source/suppressions":  {"sync/segmentapi", "sync/source", "sync/source/bucket", "sync/source/table", "sync/segment"},
	"sync/source/warehouse":     {"sync/source", "sync/segment", "sync/sqlengine", "sync/told", "state/rules"},
	"sync/segmentapi":           {},
	"sync/segmentapi/standin":   {},
	"sync/catalogue":            {"state", "sync/segment", "sync/segmentapi"},
	"sync/audit":                {"state", "sync/segment", "sync/segmentapi"},
	"sync/daemon":               {},
	"sync/limit":                {"state", "impactapi"},
	"sync/reconcile":            {"state", "impactapi", "sync/limit", "sync/money"},
	"sync/bulk":                 {"impactapi"},
	"sync/transport":            {},
	"sync/transport/sshdtest":   {},
	"sync/spool":                {},
	"sync/receive":              {"sync/spool"},
	"sync/told":                 {"sync/sqlengine"},
	"sync/sqlengine":            {},
	"sync/sqlengine/bigquery":   {"sync/sqlengine"},
	"sync/sqlengine/clickhouse": {"sync/sqlengine"},
	"sync/sqlengine/databricks": {"sync/sqlengine"},
	"sync/sqlengine/snowflake":  {"sync/sqlengine"},
	"sync/sqlengine/enginetest": {"sync/sqlengine"},
	"sync/sqlengine/postgres":   {"sync/sqlengine"},
	"sync":                      {"sync/catalogue", "state", "state/rules", "impactapi", "sync/money", "sync/refund", "sync/segment", "sync/mapping", "sync/source", "sync/limit", "sync/reconcile", "sync/bulk", "sync/transport", "sync/sqlengine", "sync/told"},
	"cmd/internal/config":       {"impactapi", "sync/daemon", "sync/segment", "sync/mapping"},
	"cmd/internal/notify":       {},
	"cmd/internal/progress":     {"sync"},
	"cmd/internal/telemetry":    {"state", "sync", "sync/money"},
	"cmd/internal/terminal":     {"cmd/internal/telemetry"},
	"cmd/internal/page":         {"cmd/internal/words", "state", "sync", "sync/money"},
	"cmd/internal/words":        {"state", "sync"},
	"cmd/internal/house":        {},
	"cmd/internal/histories":    {},
	"cmd/internal/rehearsal":    {"impactapi", "impactapi/sandbox"},
	"cmd/impactsync":            {"..."},
}

// owners names the package that alone may import a heavy dependency.
var owners = map[string][]string{
	"gocloud.dev":                         {"sync/source/bucket"},
	"github.com/klauspost/compress":       {"sync/source/bucket"},
	"github.com/parquet-go/parquet-go":    {"sync/source/table"},
	"github.com/mattn/go-sqlite3":         {"state/internal/sqlite"},
	"github.com/gofrs/flock":              {"state/internal/sqlite"},
	"github.com/moby/sys/mountinfo":       {"state/internal/sqlite"},
	"github.com/pkg/sftp":                 {"sync/transport"},
	"golang.org/x/crypto/ssh":             {"sync/transport", "sync/transport/sshdtest"},
	"github.com/jackc/pgx":                {"sync/sqlengine/postgres", "sync/sqlengine/enginetest"},
	"cloud.google.com/go/bigquery":        {"sync/sqlengine/bigquery"},
	"github.com/snowflakedb":              {"sync/sqlengine/snowflake"},
	"github.com/databricks":               {"sync/sqlengine/databricks"},
	"github.com/robfig/cron":              {"sync/daemon"},
	"github.com/spf13/cobra":              {"cmd/impactsync"},
	"github.com/goccy/go-yaml":            {"cmd/internal/config"},
	"github.com/vbauerster/mpb":           {"cmd/internal/progress"},
	"github.com/jedib0t/go-pretty":        {"cmd/internal/terminal"},
	"github.com/a-h/templ":                {"cmd/internal/page"},
	"github.com/prometheus/client_golang": {"cmd/internal/telemetry"},
	"go.opentelemetry.io/otel":            {"cmd/internal/telemetry"},
}

// tops are the only folders that contain Go code. k8s is a separate module.
var tops = []string{"cmd", "impactapi", "k8s", "state", "sync"}

func TestImports(t *testing.T) {
	t.Parallel()
	for pkg, imports := range readImports(t) {
		may, known := rooms[pkg]
		require.True(t, known, "package %s has no row in rooms: say what it may import", pkg)
		for _, imp := range imports {
			if inner, ours := strings.CutPrefix(imp, module+"/"); ours {
				require.True(t, slices.Contains(may, inner) || slices.Contains(may, "..."), "%s may not import %s", pkg, inner)
			}
			for dep, owner := range owners {
				if imp == dep || strings.HasPrefix(imp, dep+"/") {
					require.Contains(t, owner, pkg, "%s imports %s", pkg, imp)
				}
			}
		}
	}
}

func TestEveryRoomExists(t *testing.T) {
	t.Parallel()
	found := readImports(t)
	for pkg := range rooms {
		if pkg != "cmd/internal/house" {
			_, exists := found[pkg]
			require.True(t, exists, "rooms has a row for %s, which is gone", pkg)
		}
	}
}

// readImports returns what each package's production code imports.
func readImports(t *testing.T) map[string][]string {
	t.Helper()
	root := filepath.Join("..", "..", "..")
	found := map[string][]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skip(name, rel, d)
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		require.Contains(t, tops, strings.SplitN(filepath.ToSlash(rel), "/", 2)[0], "Go code stands only in these folders")
		if strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(rel))
		found[pkg] = append(found[pkg], "C")
		for _, i := range file.Imports {
			found[pkg] = append(found[pkg], strings.Trim(i.Path.Value, `"`))
		}
		return nil
	})
	require.NoError(t, err)
	return found
}

// skip returns fs.SkipDir for a folder that is not part of this module.
func skip(name, rel string, d fs.DirEntry) error {
	if rel == "." {
		return nil
	}
	if strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}
