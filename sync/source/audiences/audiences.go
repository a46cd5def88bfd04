package audiences

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/impactsync/impactsync/state/rules"
	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source"
	"github.com/impactsync/impactsync/sync/source/bucket"
	"github.com/impactsync/impactsync/sync/source/reading"
	"github.com/impactsync/impactsync/sync/source/table"
)

// Config says where the files are and what is known about them.
type Config struct {
	Name string // of the source, for people
	URL  string // see [bucket.Open]

	// Audiences says what the files' own names and headers do not. A key is a
	// pattern as in [path.Match] for an object's whole name or the last part of it,
	// with or without .gz, .zst, .bz2 or .zip. If several patterns match, one
	// without * and ? wins, then the longest.
	Audiences map[string]Audience

	Placeholders *segment.Placeholders
	MaxLine      int  // longest row in bytes; 0: [bucket.DefaultMaxLine]
	FollowLinks  bool // also out of the folder, see [bucket.Options]
}

// Columns names the columns of ids whose names are not the usual ones.
type Columns = table.Columns

// Audience describes the files of one audience or computed trait. The zero value
// leaves everything to the file.
type Audience struct {
	Name string // as in Segment; the trait key is made from it. Default: the file's base name
	Key  string // the real trait key
	// List is "full" or "changes". Rows of a full list that say false in
	// audience_action, or in value for a membership, are not members. Rows of
	// changes that have neither column join.
	List string
	// Value is "membership" or "computed": what the column value holds. By default,
	// a file with that column belongs to a computed trait.
	Value string
	// Parts makes one list of all the files. By default the newest file is the list.
	Parts     bool
	OnMissing string      // "keep" (the default) or "exit", see [source.Input]
	Columns   Columns     // of ids, if their names are not the usual ones
	Rule      *rules.Rule // of the trait, see [source.Input]
}

// Source reads lists and changes. A row whose ids cannot be used is rejected, and
// reading goes on. A list ends in a [source.DamagedError] at a row that cannot be told
// from its neighbours: with broken quotes, too long, or with more or fewer columns
// than the header. It is safe for concurrent use.
type Source struct {
	reader
	cfg      Config
	patterns []string // the most specific first
	decoder  segment.Decoder
	most     int // how many files there may be
}

type reader = reading.Reader

var _ source.Source = (*Source)(nil)

// KeyClashError says that two names would have the same trait key. Nothing was
// read: the configuration has to change.
type KeyClashError struct {
	Source string
	Key    string
	Names  [2]string
	From   [2]string // the objects, or the patterns of the configuration
}

// Error implements error.
func (e *KeyClashError) Error() string {
	return fmt.Sprintf("source %q: the names %q (of %s) and %q (of %s) give one trait key, %q: rename one, or give it its own key under audiences",
		e.Source, e.Names[0], e.From[0], e.Names[1], e.From[1], e.Key)
}

// Unwrap makes it a [source.ErrConfig].
func (e *KeyClashError) Unwrap() error { return source.ErrConfig }

// New opens the bucket. Its error lists everything that is wrong with the
// audiences; two names for one key are a [KeyClashError].
func New(ctx context.Context, cfg Config) (*Source, error) {
	s := &Source{cfg: cfg, most: MostFiles, decoder: segment.Decoder{Placeholders: cfg.Placeholders}}
	s.cfg.MaxLine = cmp.Or(cfg.MaxLine, bucket.DefaultMaxLine)
	var errs []error
	for pattern, a := range cfg.Audiences {
		s.patterns = append(s.patterns, pattern)
		if err := a.check(pattern); err != nil {
			errs = append(errs, fmt.Errorf("source %q: audiences: %q: %w", cfg.Name, pattern, err))
		}
	}
	slices.SortFunc(s.patterns, func(a, b string) int {
		return cmp.Or(cmp.Compare(wild(a), wild(b)), len(b)-len(a), strings.Compare(a, b))
	})
	if len(errs) == 0 {
		errs = append(errs, s.checkKeys())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	b, err := bucket.Open(ctx, cfg.URL, bucket.Options{FollowLinks: cfg.FollowLinks})
	if err != nil {
		return nil, fmt.Errorf("source %q: %w", cfg.Name, err)
	}
	s.reader = reader{Source: cfg.Name, Bucket: b, Parser: s.parser, Records: batchRecords, Junk: errJunk}
	return s, nil
}

func wild(pattern string) int {
	return min(1, 1+strings.IndexAny(pattern, `*?[\`))
}

func (a Audience) check(pattern string) error {
	var errs []error
	if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
		errs = append(errs, errors.New("not a pattern: use a file's name, * and ?"))
	}
	for _, f := range [...]struct{ field, value, one, other string }{
		{"list", a.List, "full", "changes"},
		{"value", a.Value, "membership", "computed"},
		{"onMissing", a.OnMissing, "keep", "exit"},
	} {
		if f.value != "" && f.value != f.one && f.value != f.other {
			errs = append(errs, fmt.Errorf("%s: %q: want %s or %s", f.field, f.value, f.one, f.other))
		}
	}
	if a.Key != "" && (!segment.UsableID(a.Key) || len(a.Key) > segment.MaxTraitKey) {
		errs = append(errs, fmt.Errorf("key: %q is not a trait key", a.Key))
	}
	if _, key := a.named(pattern); key == "" && (a.Name != "" || wild(pattern) == 0) {
		errs = append(errs, fmt.Errorf("no trait key can be made of %q: set key", cmp.Or(a.Name, pattern)))
	} else if key == "" && a.OnMissing == "exit" {
		errs = append(errs, errors.New("onMissing: exit needs a name or a key"))
	}
	if a.Parts && a.Name == "" && a.Key == "" && wild(pattern) == 1 {
		errs = append(errs, errors.New("parts: one list of several files needs a name or a key"))
	}
	return errors.Join(errs...)
}

// named returns the name and the key of an object, or of a pattern without *.
func (a Audience) named(object string) (name, key string) {
	if name = cmp.Or(a.Name, a.Key); name == "" {
		if wild(object) == 1 {
			return "", ""
		}
		name = baseName(object)
	}
	return name, cmp.Or(a.Key, segment.TraitKey(name))
}

// baseName removes folders, and the extensions that tell a file's format, but not
// what looks like one in a name such as "Spent 9.99".
func baseName(object string) string {
	name := path.Base(object)
	for {
		ext := path.Ext(name)
		switch strings.ToLower(ext) {
		case ".gz", ".gzip", ".zst", ".zstd", ".bz2", ".zip", ".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".snappy":
			name = strings.TrimSuffix(name, ext)
		default:
			return name
		}
	}
}

// checkKeys finds two names for one key in the configuration.
func (s *Source) checkKeys() error {
	keys := claims{}
	for _, pattern := range s.patterns {
		if name, key := s.cfg.Audiences[pattern].named(pattern); key != "" {
			if err := keys.claim(s.cfg.Name, key, name, pattern); err != nil {
				return err
			}
		}
	}
	return nil
}

// claims says which name took a key.
type claims map[string]claim

type claim struct{ name, from string }

func (c claims) claim(src, key, name, from string) error {
	first, taken := c[key]
	if !taken {
		c[key] = claim{name, from}
		return nil
	}
	if first.name == name {
		return nil
	}
	return &KeyClashError{Source: src, Key: key, Names: [2]string{first.name, name}, From: [2]string{first.from, from}}
}

// packed are the extensions that a pattern may leave out.
var packed = []string{".gz", ".zst", ".bz2", ".zip"}

// lookup returns the configuration of an object.
func (s *Source) lookup(object string) (pattern string, a Audience) {
	plain := object
	if ext := path.Ext(object); slices.Contains(packed, ext) {
		plain = strings.TrimSuffix(object, ext)
	}
	for _, pattern := range s.patterns {
		for _, name := range [...]string{object, path.Base(object), plain, path.Base(plain)} {
			if ok, _ := path.Match(pattern, name); ok {
				return pattern, s.cfg.Audiences[pattern]
			}
		}
	}
	return "", Audience{}
}
