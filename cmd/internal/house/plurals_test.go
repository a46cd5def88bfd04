package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A noun after a number that is always plural says "1 sources" one day. After "of" and
// the like, or if the number is a constant, there is no harm.
var (
	countedNoun = regexp.MustCompile(`%d (?:[a-z]+ )?[a-z]+s\b`)
	harmless    = regexp.MustCompile(`(?:own|of|than|at most|must have|of the|the) %d|%d (?:is|has|was|does|this|needs)\b`)
)

// several are texts whose number is never one.
var several = []string{
	"%d destinations of Impact Partnership Cloud", "a zip of %d files", "a Delta table of %d versions", "there are %d of lists", "answered %d different", "... %d more lines", "%d lines of the list do not say",
}

// TestPlurals looks for counted nouns that do not go with their number: english.Plural
// of go-humanize knows both forms.
func TestPlurals(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..")
	require.NoError(t, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
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
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") || strings.HasPrefix(filepath.ToSlash(rel), "cmd/bench/") {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
				require.False(t, alwaysPlural(text.Value), "%s: %s: use english.Plural, or count in cmd/impactsync", set.Position(text.Pos()), text.Value)
			}
			return true
		})
		return nil
	}))
}

func alwaysPlural(text string) bool {
	for _, s := range several {
		text = strings.ReplaceAll(text, s, "")
	}
	return countedNoun.MatchString(harmless.ReplaceAllString(text, ""))
}

func TestAlwaysPlural(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"%d stale sources": true, "%d values of %s": true, "the suppression of %d people": false, "line %d is empty": false, "%d of %d requests left": false, "more than %d bytes": false, "%d given up": false,
	} {
		require.Equal(t, want, alwaysPlural(text), text)
	}
}
