package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
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
	if c == nil || slices.ContainsFunc(problems, func(p Problem) bool { return whereStates.MatchString(p.Key) }) {
		return nil, problems
	}
	c.look("destination", problems)
	for i, one := range c.Each {
		one.look(fmt.Sprintf("destinations[%d]", i), problems)
	}
	return c, nil
}

// whereStates are the keys without which nobody knows which states there are.
var whereStates = regexp.MustCompile(`^(destinations\[\d+\]\.)?state(\.path)?$|^destinations(\[\d+\](\.name)?)?$`)

// look makes problems warnings, and clears what is wrong with the destination's identity.
func (c *Config) look(block string, problems Problems) {
	c.Warnings = append(append(c.Warnings, problems...), c.unusable...)
	c.unusable = nil
	d := &c.Destination
	identity := map[string]*string{"accountSid": &d.AccountSID, "campaignId": &d.CampaignID, "trackingURL": &d.TrackingURL, "apiURL": &d.APIURL}
	for _, p := range problems {
		key := strings.TrimPrefix(strings.TrimPrefix(p.Key, block+"."), "destination.")
		if value := identity[key]; value != nil && key != p.Key {
			*value = ""
		}
	}
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
	if l.config.Destinations == nil {
		l.complete()
	} else {
		l.paths()
		l.expand()
	}
	slices.SortStableFunc(l.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return l.config, l.problems
}

// complete reads the secrets, and checks what was decoded.
func (l *loader) complete() {
	l.paths()
	l.secrets()
	l.check()
}

// loader makes a configuration of a file.
type loader struct {
	config       *Config
	block        string // the key of the program whose configuration it is, of several
	chosen       []int  // which of the file's sources those are; nil: all
	file, folder string
	lookup       Lookup
	places       map[string]*token.Position // by path: what the file sets, and where
	raw          map[string]string          // by path: the file's own text of values that use the environment
	problems     Problems
}

// isSet reports whether the file sets the key.
func (l *loader) isSet(key string) bool { return l.places[l.at(key)] != nil }

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
	key = l.at(key)
	if raw := l.raw[key]; raw != "" && strings.HasPrefix(message, "is missing") {
		message = "is empty: the environment has no value for " + raw
	}
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
	key = l.at(key)
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
	return strconv.Quote(cmp.Or(l.raw[l.at(key)], value))
}

// paths makes relative paths absolute.
func (l *loader) paths() {
	c := l.config
	paths := []*string{&c.State.Path, &c.Destination.APIKeyFile, &c.Privacy.HashKeyFile, &c.Privacy.SegmentTokenFile, &c.Conversions.File.PrivateKeyFile}
	for i := range c.Sources {
		s := &c.Sources[i]
		paths = append(paths, &s.DSNFile, &s.Manifest)
		for j := range s.Audiences {
			paths = append(paths, &s.Audiences[j].QueryFile)
		}
	}
	for _, path := range slices.Concat(paths, c.tellingPaths(), c.receivePaths(), []*string{&c.Segment.TokenFile, &c.Segment.ProfileTokenFile}) {
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
