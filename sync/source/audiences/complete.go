package audiences

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/impactsync/impactsync/sync/source"
)

// manifest is the list of files that a program wrote with its export.
type manifest struct {
	source.Object
	files []manifestFile
	err   error
}

type manifestFile struct {
	name string
	size int64 // 0: unknown
}

const (
	mostManifest = 16 << 20
	mostListed   = 3 // names in an error
)

// readManifest reads a manifest of Redshift's UNLOAD, one in the same form for
// Snowflake, or the list of addresses that Athena writes.
func (s *Source) readManifest(ctx context.Context, o source.Object) (m manifest) {
	m.Object = o
	r, err := s.Bucket.Open(ctx, o)
	if err != nil {
		m.err = err
		return m
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, mostManifest+1))
	switch {
	case err != nil:
		m.err = err
	case len(text) > mostManifest:
		m.err = errors.New("longer than 16 MiB")
	case strings.HasPrefix(strings.TrimSpace(string(text)), "{"):
		m.files, m.err = entries(text)
	default:
		for line := range strings.Lines(string(text)) {
			if name := strings.Trim(line, "\" \r\n"); name != "" {
				m.files = append(m.files, manifestFile{name: name})
			}
		}
	}
	return m
}

func entries(text []byte) (files []manifestFile, err error) {
	var all struct {
		Entries []struct {
			URL  string `json:"url"`
			Meta struct {
				Length int64 `json:"content_length"`
			} `json:"meta"`
		} `json:"entries"`
	}
	if json.Unmarshal(text, &all) != nil || len(all.Entries) == 0 {
		return nil, errors.New(`not of the form {"entries": [{"url": "..."}]}`)
	}
	for _, e := range all.Entries {
		files = append(files, manifestFile{e.URL, e.Meta.Length})
	}
	return files, nil
}

// incomplete says which parts of a list are missing, or do not belong to it.
func incomplete(list []*found, manifests []manifest) error {
	for _, folder := range folders(list) {
		if m := newestIn(folder, manifests); m != nil {
			if err := m.check(folder, list); err != nil {
				return err
			}
		}
	}
	return numbered(list)
}

func folders(list []*found) []string {
	var all []string
	for _, f := range list {
		all = append(all, path.Dir(f.Name))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// newestIn returns the newest manifest of a folder; older ones belong to older exports.
func newestIn(folder string, manifests []manifest) (newest *manifest) {
	for i := range manifests {
		m := &manifests[i]
		if path.Dir(m.Name) == folder && (newest == nil || m.ModTime.After(newest.ModTime)) {
			newest = m
		}
	}
	return newest
}

func (m *manifest) check(folder string, list []*found) error {
	if m.err != nil {
		return fmt.Errorf("its manifest %q cannot be read: %w", m.Name, m.err)
	}
	here := map[string]*found{}
	for _, f := range list {
		if path.Dir(f.Name) == folder {
			here[path.Base(f.Name)] = f
		}
	}
	var missing []string
	for _, file := range m.files {
		base := path.Base(file.name)
		f := here[base]
		switch {
		case f == nil:
			missing = append(missing, base)
		case file.size > 0 && file.size != f.Size:
			return fmt.Errorf("%q has %s, but its manifest %q says %d: is it still being written?", f.Name, english.Plural(int(f.Size), "byte", ""), m.Name, file.size)
		}
		delete(here, base)
	}
	if len(missing) > 0 {
		return fmt.Errorf("%d of %s in the manifest %q %s missing: %s", len(missing), english.Plural(len(m.files), "file", ""), m.Name, english.PluralWord(len(missing), "is", "are"), some(missing))
	}
	for _, f := range here {
		return fmt.Errorf("%q is not in the manifest %q: left over from an earlier export? Remove one of them", f.Name, m.Name)
	}
	return nil
}

func some(names []string) string {
	if len(names) > mostListed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostListed], ", "), len(names)-mostListed)
	}
	return strings.Join(names, ", ")
}

var (
	ofTotal  = regexp.MustCompile(`^(.*?)(\d+)[-_]of[-_](\d+)$`)
	bigQuery = regexp.MustCompile(`^(.*[^0-9])?(0\d{11})()$`)
)

// series are parts that are numbered together.
type series struct {
	folder, prefix string
	total          int // according to their names; 0 if these do not say it
}

// numbered checks parts whose names say how many there are (00000-of-00005), or
// that are numbered without gaps (BigQuery's).
func numbered(list []*found) error {
	numbers := map[series]map[int]bool{}
	totals := map[string]int{}
	for _, f := range list {
		base := baseName(f.Name)
		m := ofTotal.FindStringSubmatch(base)
		if m == nil {
			m = bigQuery.FindStringSubmatch(base)
		}
		if m == nil {
			continue
		}
		number, _ := strconv.Atoi(m[2]) // digits, both of them
		total, _ := strconv.Atoi(m[3])
		if t := totals[m[1]]; t > 0 && total > 0 && t != total {
			return fmt.Errorf("%q: parts of %d and of %d: remove those of the older export", f.Name, t, total)
		}
		totals[m[1]] = max(total, totals[m[1]])
		s := series{path.Dir(f.Name), m[1], total}
		if numbers[s] == nil {
			numbers[s] = map[int]bool{}
		}
		numbers[s][number] = true
	}
	for s, present := range numbers {
		if err := gap(present, s.total); err != nil {
			return err
		}
	}
	return nil
}

// gap finds a missing number, counting from 0, or from 1 if there is no 0.
func gap(numbers map[int]bool, total int) error {
	from, last := 0, 0
	if total > 0 && !numbers[0] && numbers[total] {
		from = 1
	}
	for n := range numbers {
		last = max(last, n)
	}
	if total > 0 {
		last = from + total - 1
	}
	if last-from >= 2*len(numbers)+MostFiles {
		return errors.New("most of its parts are missing")
	}
	for n := from; n <= last; n++ {
		if !numbers[n] {
			return fmt.Errorf("part number %d is missing", n)
		}
	}
	return nil
}

// deltaFolder returns the folder of the Delta table that an object is in, and
// whether the object is a version of the table.
func deltaFolder(name string) (folder string, version bool) {
	folder, file, ok := strings.Cut("/"+name, "/_delta_log/")
	return cmp.Or(strings.TrimPrefix(folder, "/"), "."), ok && strings.HasSuffix(file, ".json") && !strings.Contains(file, "/")
}

// olderVersions refuses a list in a Delta table of several versions: its folder may
// hold files that are no longer part of the table.
func olderVersions(list []*found, versions map[string]int) error {
	for _, f := range list {
		for folder := f.Name; folder != "."; {
			folder = path.Dir(folder)
			if n := versions[folder]; n > 1 {
				return fmt.Errorf("a Delta table of %d versions, whose folder may also hold files that are no longer part of it: write it as plain Parquet into a folder of its own", n)
			}
		}
	}
	return nil
}
