package house

import (
	"fmt"
	"html"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

var (
	codeBlock = regexp.MustCompile("(?ms)^ *```.*?^ *```|^(    |\t).*?$|`[^`\n]*`")
	mdLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading   = regexp.MustCompile(`(?m)^#{1,6} +(.+?)\s*$`)
	href      = regexp.MustCompile(`href="([^"]*)"`)
	anchor    = regexp.MustCompile(`id="([^"]*)"`)
)

// TestLinksOfTheDocuments follows each link to a file of the repository, and its
// anchor, as GitHub makes them of headings.
func TestLinksOfTheDocuments(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..")
	links := 0
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, file := range files {
			for _, link := range mdLink.FindAllStringSubmatch(codeBlock.ReplaceAllString(text(t, file), ""), -1) {
				links++
				require.NoError(t, followed(file, link[1], markdownAnchors), "%s: %s", file, link[1])
			}
		}
	}
	require.Greater(t, links, 100)
	require.Error(t, followed(filepath.Join(root, "README.md"), "docs/none.md", markdownAnchors))
	require.Error(t, followed(filepath.Join(root, "README.md"), "docs/state.md#none", markdownAnchors))
}

// TestLinksOfTheSite follows the links of the site that make site has built.
func TestLinksOfTheSite(t *testing.T) {
	t.Parallel()
	site := os.Getenv("IMPACTSYNC_SITE")
	if site == "" {
		t.Skip("IMPACTSYNC_SITE names no site")
	}
	pages := 0
	require.NoError(t, filepath.WalkDir(site, func(file string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".html" {
			return err
		}
		pages++
		for _, link := range href.FindAllStringSubmatch(text(t, file), -1) {
			require.NoError(t, followed(file, html.UnescapeString(link[1]), htmlAnchors), "%s: %s", file, link[1])
		}
		return nil
	}))
	require.Greater(t, pages, 15)
}

func text(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(data)
}

// followed returns an error if a link of a file leads to no file, or to no place in it.
func followed(from, link string, anchors func(text string) map[string]bool) error {
	u, err := url.Parse(link)
	if err != nil || u.IsAbs() || u.Host != "" {
		return err
	}
	to := from
	if u.Path != "" {
		to = filepath.Join(filepath.Dir(from), filepath.FromSlash(u.Path))
	}
	data, err := os.ReadFile(to)
	if info, gone := os.Stat(to); gone == nil && info.IsDir() && u.Fragment == "" {
		return nil
	}
	if err == nil && u.Fragment != "" && !anchors(string(data))[u.Fragment] {
		err = fmt.Errorf("no heading of %s is #%s", to, u.Fragment)
	}
	return err
}

func htmlAnchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range anchor.FindAllStringSubmatch(text, -1) {
		all[html.UnescapeString(m[1])] = true
	}
	return all
}

func markdownAnchors(text string) map[string]bool {
	all := map[string]bool{}
	fenced := regexp.MustCompile("(?ms)^```.*?^```")
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1"))
		for n, name := 0, slug; ; n++ {
			if !all[name] {
				all[name] = true
				break
			}
			name = fmt.Sprintf("%s-%d", slug, n+1)
		}
	}
	return all
}
