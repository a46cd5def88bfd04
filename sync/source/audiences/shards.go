package audiences

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/sync/source"
)

// shardNames are the names that programs give to the parts of an export; no trait
// has such a name. The first group is what precedes the part's own name.
var shardNames = []*regexp.Regexp{
	regexp.MustCompile(`^()0\d*$`), // 000, 000000000000
	regexp.MustCompile(`^(.*[^0-9a-z])?(?:part|shard|chunk|slice)-(?:[rm]-)?\d{4,6}(?:-.*)?$`),                                     // Spark, Hadoop, Glue: part-00000-tid-...
	regexp.MustCompile(`^(.*[^0-9])?0\d{11}$`),                                                                                     // BigQuery: vip_000000000000
	regexp.MustCompile(`^(.*[^0-9][_-]?)?000$`),                                                                                    // Redshift, PARALLEL OFF: vip_000
	regexp.MustCompile(`^(.*)\d{4}_part_\d{2,}$`),                                                                                  // Redshift: vip_0000_part_00
	regexp.MustCompile(`^((?:data)?(?:_?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?)_\d{1,3}_\d{1,3}_\d{1,3}$`), // Snowflake: data_0_0_0
	regexp.MustCompile(`^(.*)_0_\d{1,3}_\d{1,3}$`),                                                                                 // Snowflake, with a name: vip_0_0_0
	regexp.MustCompile(`^()(?:part|shard|chunk|slice|split|partition)[-_. ]?\d+$`),                                                 // Dask: part.0
	regexp.MustCompile(`^(.*[-_. ])(?:part|shard|chunk|slice|split)[-_. ]?0\d*$`),                                                  // vip_part_01
	regexp.MustCompile(`^()(?:data|export|unload|output|results?)[-_]0*\d?$`),                                                      // DuckDB: data_0
	regexp.MustCompile(`^(.*?)[-_.]?0\d*[-_]of[-_]\d+$`),                                                                           // Beam: vip-00000-of-00005
	regexp.MustCompile(`^()\d{8}_\d{6}_\d{5}_[a-z0-9]{5}_[0-9a-f-]{36}$`),                                                          // Athena, Trino
	regexp.MustCompile(`^()[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:[-_]\d+)?$`),
	regexp.MustCompile(`^()[0-9a-f]{32}(?:[-_]\d+)?$`), // AWS Data Wrangler
}

// shardOf reports whether a file is named like a part of an export, and returns the
// export's name, if it has one.
func shardOf(object string) (export string, ok bool) {
	base := strings.ToLower(baseName(object))
	for _, name := range shardNames {
		m := name.FindStringSubmatch(base)
		if m == nil || strings.HasSuffix(base, "000") && isThousands(base) {
			continue
		}
		return strings.TrimRight(m[1], "-_. "), true
	}
	return "", false
}

// isThousands reports whether 000 is the end of a number: "spent over 10 000".
var isThousands = regexp.MustCompile(`\d[-_., ]000$`).MatchString

// checkShards refuses files that are named like parts if the configuration does
// not say which list they are, and several parts of one export if each would be
// taken for the whole list.
func (s *Source) checkShards(all []found) error {
	parts := map[string][]*found{}
	var groups []string
	for i := range all {
		f := &all[i]
		if f.unusable != nil || !f.needsKey() || f.audience.Parts {
			continue
		}
		export, ok := shardOf(f.Name)
		if !ok {
			continue
		}
		group := path.Dir(f.Name) + "\n" + export
		if len(parts[group]) == 0 {
			groups = append(groups, group)
		}
		parts[group] = append(parts[group], f)
	}
	var errs []error
	for _, group := range groups {
		files := parts[group]
		first := files[0]
		named := first.audience.Name != "" || first.audience.Key != "" || first.pattern != "" && wild(first.pattern) == 0
		if named && (len(files) == 1 || first.layout.shape == source.ShapeChanges || !sameList(files)) {
			continue
		}
		errs = append(errs, s.shardError(group, files))
	}
	return errors.Join(errs...)
}

// sameList reports whether one pattern and key apply to all the files, so that each
// would be the list.
func sameList(files []*found) bool {
	return !slices.ContainsFunc(files, func(f *found) bool { return f.pattern != files[0].pattern || f.key != files[0].key })
}

// shardError says what to write into the configuration.
func (s *Source) shardError(group string, files []*found) error {
	first := files[0]
	folder, export, _ := strings.Cut(group, "\n")
	pattern, key := folder+"/*", path.Base(folder)
	if folder == "." {
		pattern, key = "*"+path.Ext(first.Name), "KEY"
	}
	if export != "" && export != "data" {
		base := path.Base(first.Name)
		n := min(len(export), len(base))
		n += len(base[n:]) - len(strings.TrimLeft(base[n:], "-_. "))
		pattern, key = base[:n]+"*", export
		if folder != "." {
			pattern = folder + "/" + pattern
		}
	}
	if first.pattern != "" {
		pattern = first.pattern
	}
	if first.audience.Key != "" || first.audience.Name != "" {
		key = first.key
	} else if _, made := (Audience{}).named(key); made != "" && key != "KEY" {
		key = made
	}
	which, tell := fmt.Sprintf("%q is named like a part of an export", first.Name), "parts: true"
	if n := len(files); n > 1 {
		which = fmt.Sprintf("%q and %d more are named like the parts of one export", first.Name, n-1)
	}
	if first.layout.shape == source.ShapeChanges {
		tell = "list: changes"
	}
	return fmt.Errorf("source %q: %w: %s, not like an audience: say under audiences which one it is (KEY: its trait key), such as\n  audiences: {%q: {key: %s, %s}}",
		s.cfg.Name, source.ErrConfig, which, pattern, key, tell)
}
