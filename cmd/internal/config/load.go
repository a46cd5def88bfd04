package config

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// Load reads, completes and checks the configuration in a file. It opens the
// file and apiKeyFile and nothing else. What is wrong inside the file comes
// back as [Problems], all of them at once. Relative paths in the file
// (state.path, apiKeyFile, file://./ URLs) are taken from the file's folder.
func Load(path string, getenv Lookup) (*Config, error) {
	data, folder, err := open(path)
	if err != nil {
		return nil, err
	}
	return read(data, path, folder, getenv)
}

// open returns the file's text and its folder.
func open(path string) (data []byte, folder string, err error) {
	if data, err = readSome(path); err != nil {
		return nil, "", fmt.Errorf("read the configuration: %w (name another file with --config)", err)
	}
	if len(data) > mostBytes {
		return nil, "", fmt.Errorf("%s is larger than 1 MB: that is no configuration (name another file with --config)", path)
	}
	if folder, err = filepath.Abs(filepath.Dir(path)); err != nil {
		return nil, "", fmt.Errorf("find the folder of %q: %w", path, err)
	}
	return data, folder, nil
}

// mostBytes bounds the file: parsed, it takes 300 times as much memory.
const mostBytes = 1 << 20

// readSome reads a file to the bound and one byte more.
func readSome(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, mostBytes+1))
}

// read is Load after the file was read.
func read(data []byte, file, folder string, getenv Lookup) (*Config, error) {
	c, problems := decode(data, file, folder, getenv)
	if len(problems) > 0 {
		return nil, problems
	}
	return c, nil
}

// decode returns what the file says and what is wrong with it, in the file's
// order; nil for a file that is not YAML.
func decode(data []byte, file, folder string, getenv Lookup) (*Config, Problems) {
	c := &Config{}
	d := &decoder{file: file, lookup: getenv, places: map[string]*token.Position{}, raw: map[string]string{}}
	if !d.decode(data, c) {
		return nil, d.problems
	}
	l := loader{decoder: d, config: c, folder: folder}
	l.emptied()
	l.defaults()
	l.paths()
	l.secrets()
	l.check()
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return c, d.problems
}

// loader completes and checks a decoded configuration.
type loader struct {
	*decoder
	config *Config
	folder string
}

// isSet reports whether the file sets the key.
func (l loader) isSet(key string) bool { return l.places[key] != nil }

// problem notes a problem of a key.
func (l loader) problem(key, message, hint string) {
	for _, other := range l.problems {
		if other.Key == key {
			return // a value of the wrong type is not also missing
		}
	}
	l.problems = append(l.problems, l.about(key, message, hint))
}

// warn notes what works but should be mended.
func (l loader) warn(key, message, hint string) {
	l.config.Warnings = append(l.config.Warnings, l.about(key, message, hint))
}

// about places a problem at its key, or at the nearest section around it that
// the file has.
func (l loader) about(key, message, hint string) Problem {
	p := Problem{File: l.file, Key: key, Message: message, Hint: hint}
	if pos := l.near(key); pos != nil {
		p.Line, p.Column = pos.Line, pos.Column
	}
	return p
}

// quote shows a key's value as it stands in the file: what the environment
// made of it may be a secret in the wrong place.
func (l loader) quote(key, value string) string {
	return strconv.Quote(cmp.Or(l.raw[key], value))
}

func (l loader) near(key string) *token.Position {
	for key != "" {
		if pos := l.places[key]; pos != nil {
			return pos
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return nil
}

// emptied refuses what the environment made empty where the default would do
// harm: a trial would reach impact.com, or a new state tell everybody again.
func (l loader) emptied() {
	c := l.config
	for key, value := range map[string]string{
		"destination.trackingURL": c.Destination.TrackingURL, "destination.apiURL": c.Destination.APIURL, "state.path": c.State.Path,
	} {
		if raw := l.raw[key]; raw != "" && value == "" {
			l.problem(key, "is empty: the environment has no value for "+raw, "give it one, or remove the key for the default")
		}
	}
}

// defaults fills in what the file does not say. The guards of single traits take
// what they do not say from the general one.
func (l loader) defaults() {
	c := l.config
	for _, list := range c.Destination.eventLists() {
		list.names.Replace = l.isSet(list.key + ".only")
	}
	l.fill("", reflect.ValueOf(c).Elem(), reflect.Value{})
	general := reflect.ValueOf(c.Guard.Guard)
	for i := range c.Guard.Keys {
		k := &c.Guard.Keys[i]
		l.fill(fmt.Sprintf("guard.keys[%q]", k.Key), reflect.ValueOf(&k.Guard).Elem(), general)
	}
	for i, s := range c.Sources {
		for j := range s.Audiences {
			a := &s.Audiences[j]
			l.fill(fmt.Sprintf("sources[%d].audiences[%q].guard", i, a.Pattern), reflect.ValueOf(&a.Guard).Elem(), general)
		}
	}
}

// fill sets the fields of v that the file does not set: to the fields of like or,
// where there is no like, to what their tag default says.
func (l loader) fill(path string, v, like reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		key, field, other := join(path, f.Tag.Get("yaml")), v.FieldByIndex(f.Index), reflect.Value{}
		if like.IsValid() {
			other = like.FieldByIndex(f.Index)
		}
		if field.Kind() == reflect.Pointer && field.IsNil() {
			if other.IsValid() {
				field.Set(other)
			}
			continue
		}
		switch field, other = reflect.Indirect(field), reflect.Indirect(other); {
		case field.Kind() == reflect.Struct && field.Type() != timeType:
			l.fill(key, field, other)
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			for i := range field.Len() {
				l.fill(elementPath(key, i, field.Index(i)), field.Index(i), reflect.Value{})
			}
		case !l.usesDefault(key, f.Tag, field):
		case other.IsValid():
			field.Set(other)
		case f.Tag.Get("default") != "":
			if err := scalarOf(field.Type()).parse(field, f.Tag.Get("default")); err != nil {
				panic(fmt.Sprintf("the default of %s: %v", key, err))
			}
		}
	}
}

// usesDefault reports whether a field is to have its default: it is not in the
// file, or an empty text that means nothing. What the environment made empty is
// not said.
func (l loader) usesDefault(key string, tag reflect.StructTag, v reflect.Value) bool {
	if v.Kind() == reflect.String && v.Len() == 0 && (tag.Get("empty") == "" || l.raw[key] != "") {
		return true
	}
	return !l.isSet(key)
}

// paths makes relative paths absolute.
func (l loader) paths() {
	c := l.config
	l.fromFolder(&c.State.Path)
	l.fromFolder(&c.Destination.APIKeyFile)
	l.fromFolder(&c.Privacy.HashKeyFile)
	l.fromFolder(&c.Privacy.SegmentTokenFile)
	l.urlFromFolder(&c.Privacy.SuppressionList)
	for i := range c.Sources {
		l.urlFromFolder(&c.Sources[i].URL)
	}
}

func (l loader) urlFromFolder(text *string) {
	if rest, ok := strings.CutPrefix(*text, "file://./"); ok {
		folder := url.URL{Path: filepath.ToSlash(l.folder)}
		*text = "file://" + folder.EscapedPath() + "/" + rest
	}
}

func (l loader) fromFolder(path *string) {
	if *path != "" && !filepath.IsAbs(*path) {
		*path = filepath.Join(l.folder, *path)
	}
}
