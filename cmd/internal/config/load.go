package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// Load reads, completes and checks the configuration in a file. It opens that file
// and those of the secrets. If the file's contents are invalid, the error is
// [Problems]. Relative paths in the file (state.path, apiKeyFile, file://./ URLs)
// are relative to its folder.
func Load(path string, getenv Lookup) (*Config, error) {
	data, folder, err := open(path)
	if err != nil {
		return nil, err
	}
	return read(data, path, folder, getenv)
}

// read is Load after the file was opened.
func read(data []byte, file, folder string, getenv Lookup) (*Config, error) {
	c, problems := decode(data, file, folder, getenv)
	if len(problems) > 0 {
		return nil, problems
	}
	return c, nil
}

// Look is [Load] for commands that only look at the state, for which a missing
// secret is no obstacle. Problems become warnings, and invalid parts of the
// destination's identity are empty. It returns an error if the file cannot be
// read, is not YAML, or does not say where the state is.
func Look(path string, getenv Lookup) (*Config, error) {
	data, folder, err := open(path)
	if err != nil {
		return nil, err
	}
	c, problems := decode(data, path, folder, getenv)
	if c == nil || slices.ContainsFunc(problems, func(p Problem) bool { return p.Key == "state" || p.Key == "state.path" }) {
		return nil, problems
	}
	c.Warnings = append(c.Warnings, problems...)
	d := &c.Destination
	identity := map[string]*string{
		"destination.accountSid": &d.AccountSID, "destination.campaignId": &d.CampaignID, "destination.trackingURL": &d.TrackingURL, "destination.apiURL": &d.APIURL,
	}
	for _, p := range problems {
		if value := identity[p.Key]; value != nil {
			*value = ""
		}
	}
	return c, nil
}

// mostBytes bounds a file: parsed, it takes 300 times as much memory.
const mostBytes = 1 << 20

// open returns the file's text and its folder.
func open(path string) (data []byte, folder string, err error) {
	data, err = readFile(path, mostBytes)
	if errors.Is(err, errTooLarge) {
		return nil, "", fmt.Errorf("%s is larger than 1 MB: that is no configuration (name another file with --config)", path)
	}
	if err != nil {
		return nil, "", fmt.Errorf("read the configuration: %w (name another file with --config)", err)
	}
	if folder, err = filepath.Abs(filepath.Dir(path)); err != nil {
		return nil, "", fmt.Errorf("find the folder of %q: %w", path, err)
	}
	return data, folder, nil
}

// errTooLarge says that there is more to read than a limit allows.
var errTooLarge = errors.New("too large")

func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, most)
}

// readAll reads all of r. It returns errTooLarge if there are more bytes than most.
func readAll(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%w: more than %d bytes", errTooLarge, most)
	}
	return data, err
}

// decode returns what the file says and what is wrong with it, in the order of
// the file. The configuration is nil if the file is not YAML.
func decode(data []byte, file, folder string, getenv Lookup) (*Config, Problems) {
	l := &loader{
		config: &Config{}, file: file, folder: folder, lookup: getenv,
		places: map[string]*token.Position{}, raw: map[string]string{},
	}
	if !l.decode(data) {
		return nil, l.problems
	}
	l.markAll()
	l.paths()
	l.secrets()
	l.check()
	slices.SortStableFunc(l.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return l.config, l.problems
}

// loader makes a configuration of a file.
type loader struct {
	config       *Config
	file, folder string
	lookup       Lookup
	places       map[string]*token.Position // by path: what the file sets, and where
	raw          map[string]string          // by path: the file's own text of values that use the environment
	problems     Problems
}

// isSet reports whether the file sets the key.
func (l *loader) isSet(key string) bool { return l.places[key] != nil }

// mostProblems is how many problems of single nodes are listed.
const mostProblems = 100

// add reports a problem of a node.
func (l *loader) add(p place, message, hint string) {
	if len(l.problems) < mostProblems {
		l.problems = append(l.problems, l.problemAt(position(p.node), p.path, message, hint))
	}
}

// problem reports a problem of a key, unless it has one: a value of the wrong type
// is not also missing.
func (l *loader) problem(key, message, hint string) {
	if !slices.ContainsFunc(l.problems, func(p Problem) bool { return p.Key == key }) {
		l.problems = append(l.problems, l.problemAt(l.near(key), key, message, hint))
	}
}

// must reports a problem of a key unless all is well.
func (l *loader) must(ok bool, key, message, hint string) {
	if !ok {
		l.problem(key, message, hint)
	}
}

// warn reports what works but should be corrected.
func (l *loader) warn(key, message, hint string) {
	l.config.Warnings = append(l.config.Warnings, l.problemAt(l.near(key), key, message, hint))
}

func (l *loader) problemAt(pos *token.Position, key, message, hint string) Problem {
	p := Problem{File: l.file, Key: key, Message: message, Hint: hint}
	if pos != nil {
		p.Line, p.Column = pos.Line, pos.Column
	}
	return p
}

// near returns the place of a key, or of the nearest section around it that the
// file has.
func (l *loader) near(key string) *token.Position {
	for key != "" && l.places[key] == nil {
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return l.places[key]
}

// quote quotes a key's value as it stands in the file: what the environment made
// of it may be a secret in the wrong place.
func (l *loader) quote(key, value string) string {
	return strconv.Quote(cmp.Or(l.raw[key], value))
}

// paths makes relative paths absolute.
func (l *loader) paths() {
	c := l.config
	paths := []*string{&c.State.Path, &c.Destination.APIKeyFile, &c.Privacy.HashKeyFile, &c.Privacy.SegmentTokenFile, &c.Conversions.File.PrivateKeyFile}
	for i := range c.Sources {
		paths = append(paths, &c.Sources[i].DSNFile)
	}
	for _, path := range append(paths, append(c.tellingPaths(), &c.Segment.TokenFile, &c.Segment.ProfileTokenFile)...) {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(l.folder, *path)
		}
	}
	urls := []*string{&c.Privacy.SuppressionList, &c.Conversions.File.URL}
	for i := range c.Sources {
		urls = append(urls, &c.Sources[i].URL)
	}
	for _, text := range urls {
		if rest, ok := strings.CutPrefix(*text, "file://./"); ok {
			folder := url.URL{Path: filepath.ToSlash(l.folder)}
			*text = "file://" + folder.EscapedPath() + "/" + rest
		}
	}
}
