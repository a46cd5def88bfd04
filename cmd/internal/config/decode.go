package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

var (
	timeType       = reflect.TypeFor[time.Time]()
	durationType   = reflect.TypeFor[time.Duration]()
	guardType      = reflect.TypeFor[Guard]()
	eventNamesType = reflect.TypeFor[EventNames]()
	audiencesType  = reflect.TypeFor[[]Audience]()
)

// place is a node with its path, and the tag of the field that it belongs to.
type place struct {
	path string
	node ast.Node
	tag  reflect.StructTag
}

// decode parses a file into the configuration. An empty file is an empty
// configuration. It returns false if the file is not YAML.
func (l *loader) decode(data []byte) bool {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) { // PowerShell's > writes it
		l.problems = append(l.problems, l.problemAt(nil, "", "this is UTF-16", "save it as UTF-8"))
		return false
	}
	file, err := parseYAML(bytes.TrimPrefix(data, []byte("\ufeff")))
	if err != nil {
		l.syntax(err)
		return false
	}
	config := reflect.ValueOf(l.config).Elem()
	l.defaults(config)
	docs := file.Docs
	if len(docs) > 1 {
		l.add(place{node: docs[1].Body}, "a second document", "the file holds one, without ---")
	}
	if len(docs) > 0 && docs[0].Body != nil {
		l.value(place{node: docs[0].Body}, config)
	}
	return true
}

// parseYAML turns a panic of the parser, which some malformed files cause, into an
// error.
func parseYAML(data []byte) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("it cannot be parsed")
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

// syntax reports the parser's error without its excerpt of the file, which
// could show a secret.
func (l *loader) syntax(err error) {
	message, hint := "this is not YAML", ""
	var at *token.Position
	var e yaml.Error
	if errors.As(err, &e) {
		switch message += ": " + e.GetMessage(); {
		case strings.Contains(message, "'\t'"):
			message, hint = "this is not YAML: there is a tab", "indent with spaces"
		case strings.HasSuffix(message, "',' or '}' must be specified"):
			hint = `close the {; between { and }, "${NAME}" needs its quotes`
		case strings.HasSuffix(message, "non-map value is specified"):
			message, hint = "this is not YAML: a line without a key and its value", "a space must follow the colon"
		}
		if t := e.GetToken(); t != nil {
			at = t.Position
		}
	}
	l.problems = append(l.problems, l.problemAt(at, "", message, hint))
}

// defaults sets a value, and the fields of a struct, to their defaults. Those of
// a single guard are the values of the general one.
func (l *loader) defaults(v reflect.Value) {
	switch {
	case v.Type() == guardType:
		v.Set(reflect.ValueOf(l.config.Guard.Guard))
		return
	case v.Type() == programType:
		v.Set(reflect.ValueOf(l.config.shared()))
		return
	case !isStruct(v.Type()):
		return
	}
	for _, f := range fieldsOf(v.Type()) {
		field := v.FieldByIndex(f.Index)
		l.defaults(field)
		if text := f.Tag.Get("default"); text != "" {
			if err := parse(field, text); err != nil {
				panic(fmt.Sprintf("the default of %s: %v", f.Name, err))
			}
		}
	}
}

// value decodes a node into v, over its default. null is the same as absent.
func (l *loader) value(p place, v reflect.Value) {
	if isNull(p.node) {
		return
	}
	l.places[p.path] = position(p.node)
	if v.Kind() == reflect.Pointer {
		own := reflect.New(v.Type().Elem())
		if v.IsNil() {
			l.defaults(own.Elem())
		} else { // of the general guard, which must not change
			own.Elem().Set(v.Elem())
		}
		v.Set(own)
		v = own.Elem()
	}
	switch t := v.Type(); {
	case t == eventNamesType:
		l.eventNames(p, v)
	case isStruct(t):
		l.structure(p, v)
	case t.Kind() == reflect.Map, t == audiencesType:
		if !l.allAudiences(p, t) {
			l.mapping(p, v)
		}
	case t.Kind() == reflect.Slice:
		l.list(p, v)
	default:
		l.scalar(p, v)
	}
}

// structure decodes a mapping whose keys are v's fields, in the order of the fields.
func (l *loader) structure(p place, v reflect.Value) {
	fields := fieldsOf(v.Type())
	known := names(fields)
	found := map[string]ast.Node{}
	for key, m := range l.pairs(p) {
		if !slices.Contains(known, key) {
			l.unknown(p, m.Key, key, known)
		}
		found[key] = m.Value
	}
	for i, f := range fields {
		if node := found[known[i]]; node != nil {
			l.value(place{join(p.path, known[i]), node, f.Tag}, v.FieldByIndex(f.Index))
		}
	}
}

// eventNames decodes a list of names, or a mapping with only.
func (l *loader) eventNames(p place, v reflect.Value) {
	switch p.node.(type) {
	case *ast.SequenceNode:
		l.list(p, v.FieldByName("Names"))
	case *ast.MappingNode, *ast.MappingValueNode:
		l.structure(p, v)
	default:
		l.wrong(p, "a list, or a mapping with only")
	}
}

// unknown reports a key that is none of the fields. What does not look like a key
// is not repeated: it may be a secret on the wrong side of a colon.
func (l *loader) unknown(p place, node ast.Node, key string, known []string) {
	if len(l.problems) >= mostProblems {
		return
	}
	hint, near := suggest(key, known)
	if !near && !harmlessKey(key) {
		l.add(place{path: p.path, node: node}, "unknown key, not shown here: it may hold a secret", hint)
		return
	}
	l.add(place{path: join(p.path, key), node: node}, fmt.Sprintf("unknown key %q", key), hint)
}

// mapping decodes a mapping of any keys into a map, or into audiences in the order
// of the file.
func (l *loader) mapping(p place, v reflect.Value) {
	elem := v.Type().Elem()
	if v.Kind() == reflect.Map {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for key, m := range l.pairs(p) {
		at := place{fmt.Sprintf("%s[%q]", p.path, key), m.Value, p.tag}
		if isNull(m.Value) && !isStruct(elem) {
			l.add(at, "has no value", `give it one; "" is an empty text`)
		}
		l.places[at.path] = position(m.Key)
		one := reflect.New(elem).Elem()
		l.defaults(one)
		l.value(at, one)
		if v.Kind() == reflect.Map {
			v.SetMapIndex(reflect.ValueOf(key), one)
			continue
		}
		one.FieldByName("Pattern").SetString(key)
		v.Set(reflect.Append(v, one))
	}
}

// list decodes a sequence. It leaves no nil slice.
func (l *loader) list(p place, v reflect.Value) {
	seq, ok := p.node.(*ast.SequenceNode)
	if !ok {
		l.wrong(p, "a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, n := range seq.Values {
		at := place{fmt.Sprintf("%s[%d]", p.path, i), n, p.tag}
		if isNull(n) {
			l.add(at, "an empty item", "remove the dash or fill it in")
		}
		l.defaults(v.Index(i))
		l.value(at, v.Index(i))
	}
}

// pairs returns the keys and values of a mapping. It reports nodes of another kind
// and duplicate keys.
func (l *loader) pairs(p place) func(yield func(string, *ast.MappingValueNode) bool) {
	var values []*ast.MappingValueNode
	switch n := p.node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		l.wrong(p, "a mapping (key: value)")
	}
	return func(yield func(string, *ast.MappingValueNode) bool) {
		seen := map[string]bool{}
		for _, m := range values {
			key, ok := keyText(m.Key)
			switch {
			case !ok:
				l.add(place{path: p.path, node: m.Key}, "this is not a plain key", "anchors, merges and tags are not supported")
				continue
			case seen[key]:
				path := p.path
				if harmlessKey(key) {
					path = join(path, key)
				}
				l.add(place{path: path, node: m.Key}, "the key appears twice", "keep one of them")
				continue
			}
			seen[key] = true
			if !yield(key, m) {
				return
			}
		}
	}
}

func keyText(n ast.MapKeyNode) (string, bool) {
	switch k := n.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// wrong reports a node of the wrong kind.
func (l *loader) wrong(p place, want string) {
	hint := ""
	switch p.node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		hint = "anchors, aliases and tags are not supported: write the value out"
	}
	l.add(p, fmt.Sprintf("want %s, not %s", want, kindOf(p.node)), hint)
}

// kindOf describes a node's kind to a user.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	}
	return "this"
}

func isNull(n ast.Node) bool {
	_, null := n.(*ast.NullNode)
	return null || n == nil
}

// position returns the place of a node's first character, or nil.
func position(n ast.Node) *token.Position {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		n = m.Values[0].Key // the mapping's own token is its first colon
	}
	if n == nil || n.GetToken() == nil {
		return nil
	}
	return n.GetToken().Position
}

// isStruct reports whether a type is a mapping with fixed keys in the file.
func isStruct(t reflect.Type) bool { return t.Kind() == reflect.Struct && t != timeType }

// fieldsOf returns the fields that the file can set, those of embedded structs
// among them.
func fieldsOf(t reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool {
		name := f.Tag.Get("yaml")
		return name == "" || name == "-"
	})
}

func names(fields []reflect.StructField) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Tag.Get("yaml")
	}
	return out
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
