package config

import (
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

// The types that are scalars in the file though Go has more to say of them.
var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	secretType   = reflect.TypeFor[Secret]()
)

// decoder turns YAML nodes into Go values and keeps the place of each key.
type decoder struct {
	file     string
	lookup   Lookup
	places   map[string]*token.Position // by path: what the file sets, and where
	raw      map[string]string          // by path: the file's own text of values that use the environment
	problems Problems
}

// place is the node at hand with the path to it and its field's tag.
type place struct {
	path string
	node ast.Node
	tag  reflect.StructTag
}

func (p place) at(path string, node ast.Node) place {
	return place{path: path, node: node, tag: p.tag}
}

// decode parses a file into c. An empty file is an empty configuration; false
// means that the file is not YAML, so that nothing is known of it.
func (d *decoder) decode(data []byte, c *Config) bool {
	file, err := parse(data)
	if err != nil {
		d.syntax(err)
		return false
	}
	docs := file.Docs
	if len(docs) > 1 {
		d.add(place{node: docs[1].Body}, "a second document", "the file holds one, without ---")
	}
	if len(docs) > 0 && docs[0].Body != nil {
		d.value(place{node: docs[0].Body}, reflect.ValueOf(c).Elem())
	}
	return true
}

// parse keeps a panic of the parser on odd input from ending the program.
func parse(data []byte) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("it cannot be parsed")
		}
	}()
	return parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
}

// syntax reports the parser's error without its excerpt of the file, which
// could show a secret.
func (d *decoder) syntax(err error) {
	p := Problem{File: d.file, Message: "this is not YAML"}
	var e yaml.Error
	if errors.As(err, &e) {
		p.Message += ": " + e.GetMessage()
		if t := e.GetToken(); t != nil {
			p.Line, p.Column = t.Position.Line, t.Position.Column
		}
	}
	d.problems = append(d.problems, p)
}

// mostProblems is how many are listed: whoever has more has another file.
const mostProblems = 100

// add notes a problem at a node.
func (d *decoder) add(p place, message, hint string) {
	if len(d.problems) >= mostProblems {
		return
	}
	problem := Problem{File: d.file, Key: p.path, Message: message, Hint: hint}
	if pos := position(p.node); pos != nil {
		problem.Line, problem.Column = pos.Line, pos.Column
	}
	d.problems = append(d.problems, problem)
}

// position of a node's first character.
func position(n ast.Node) *token.Position {
	if n == nil {
		return nil
	}
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		n = m.Values[0].Key // the mapping's own token is its first colon
	}
	if n.GetToken() == nil {
		return nil
	}
	return n.GetToken().Position
}

// value decodes the node at p into v. null is the same as absent.
func (d *decoder) value(p place, v reflect.Value) {
	if _, null := p.node.(*ast.NullNode); null || p.node == nil {
		return
	}
	if pos := position(p.node); pos != nil {
		d.places[p.path] = pos
	}
	switch t := v.Type(); {
	case t == timeType || t.Kind() != reflect.Struct && t.Kind() != reflect.Slice && t.Kind() != reflect.Map:
		d.scalar(p, v)
	case t.Kind() == reflect.Struct && listField(t) >= 0:
		d.listOrStructure(p, v)
	case t.Kind() == reflect.Struct:
		d.structure(p, v)
	case t.Kind() == reflect.Map:
		d.texts(p, v)
	case keyField(t.Elem()) >= 0:
		d.keyed(p, v)
	default:
		d.list(p, v)
	}
}

// structure decodes a mapping whose keys are v's fields.
func (d *decoder) structure(p place, v reflect.Value) {
	fields := fieldsOf(v.Type())
	for key, m := range d.pairs(p) {
		at := place{path: join(p.path, key), node: m.Key}
		i := slices.IndexFunc(fields, func(f reflect.StructField) bool { return f.Tag.Get("yaml") == key })
		if i < 0 {
			d.unknown(p, m.Key, key, names(fields))
			continue
		}
		d.value(place{path: at.path, node: m.Value, tag: fields[i].Tag}, v.FieldByIndex(fields[i].Index))
	}
}

// listOrStructure decodes a list into the field that takes one, and a mapping
// into the others.
func (d *decoder) listOrStructure(p place, v reflect.Value) {
	switch p.node.(type) {
	case *ast.SequenceNode:
		d.list(p, v.Field(listField(v.Type())))
	case *ast.MappingNode, *ast.MappingValueNode:
		d.structure(p, v)
	default:
		d.wrong(p, "a list, or a mapping with "+strings.Join(names(fieldsOf(v.Type())), ", "))
	}
}

// unknown notes a key that is none of the fields. What does not look like a key
// is not repeated: it may be a secret that stands on the wrong side of a colon.
func (d *decoder) unknown(p place, node ast.Node, key string, known []string) {
	if len(d.problems) >= mostProblems {
		return
	}
	hint, near := suggest(key, known)
	if !near && !harmlessKey(key) {
		d.add(place{path: p.path, node: node}, "unknown key, not shown here: it may hold a secret", hint)
		return
	}
	d.add(place{path: join(p.path, key), node: node}, fmt.Sprintf("unknown key %q", key), hint)
}

// texts decodes a mapping of any keys to texts.
func (d *decoder) texts(p place, v reflect.Value) {
	v.Set(reflect.MakeMap(v.Type()))
	for key, m := range d.pairs(p) {
		elem := reflect.New(v.Type().Elem()).Elem()
		at := p.at(fmt.Sprintf("%s[%q]", p.path, key), m.Value)
		if _, null := m.Value.(*ast.NullNode); null {
			d.add(at, "has no value", `give it one; "" is an empty text`)
		}
		d.value(at, elem)
		v.SetMapIndex(reflect.ValueOf(key), elem)
	}
}

// keyed decodes a mapping into a slice of structs that keep the key, in the
// order of the file.
func (d *decoder) keyed(p place, v reflect.Value) {
	for key, m := range d.pairs(p) {
		elem := reflect.New(v.Type().Elem()).Elem()
		elem.Field(keyField(elem.Type())).SetString(key)
		at := p.at(fmt.Sprintf("%s[%q]", p.path, key), m.Value)
		d.places[at.path] = position(m.Key)
		d.value(at, elem)
		v.Set(reflect.Append(v, elem))
	}
}

// list decodes a sequence.
func (d *decoder) list(p place, v reflect.Value) {
	seq, ok := p.node.(*ast.SequenceNode)
	if !ok {
		d.wrong(p, "a list")
		return
	}
	for i, n := range seq.Values {
		elem := reflect.New(v.Type().Elem()).Elem()
		at := p.at(fmt.Sprintf("%s[%d]", p.path, i), n)
		if _, null := n.(*ast.NullNode); null {
			d.add(at, "an empty item", "remove the dash or fill it in")
		}
		d.value(at, elem)
		v.Set(reflect.Append(v, elem))
	}
}

// pairs gives the keys and values of a mapping; it notes what is none and keys
// that come twice.
func (d *decoder) pairs(p place) func(yield func(string, *ast.MappingValueNode) bool) {
	var values []*ast.MappingValueNode
	switch n := p.node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		d.wrong(p, "a mapping (key: value)")
	}
	return func(yield func(string, *ast.MappingValueNode) bool) {
		seen := map[string]bool{}
		for _, m := range values {
			key, ok := keyText(m.Key)
			switch {
			case !ok:
				d.add(place{path: p.path, node: m.Key}, "this is no plain key", "anchors, merges and tags are not supported")
				continue
			case seen[key]:
				path := p.path
				if harmlessKey(key) {
					path = join(path, key)
				}
				d.add(place{path: path, node: m.Key}, "the key appears twice", "keep one of them")
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

// wrong notes a node of the wrong kind.
func (d *decoder) wrong(p place, want string) {
	hint := ""
	switch p.node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		hint = "anchors, aliases and tags are not supported: write the value out"
	}
	d.add(p, fmt.Sprintf("%s is wanted here, not %s", want, kindOf(p.node)), hint)
}

// kindOf names a node's kind in a user's words.
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

// fieldsOf gives the fields that the file can set.
func fieldsOf(t reflect.Type) []reflect.StructField {
	var fields []reflect.StructField
	for f := range t.Fields() {
		if name := f.Tag.Get("yaml"); name != "" && name != "-" {
			fields = append(fields, f)
		}
	}
	return fields
}

func names(fields []reflect.StructField) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Tag.Get("yaml")
	}
	return out
}

// keyField is the index of the field that takes a mapping's key, or -1.
func keyField(t reflect.Type) int {
	if t.Kind() != reflect.Struct || t == timeType {
		return -1
	}
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("key") == "true" {
			return i
		}
	}
	return -1
}

// listField is the index of the field that takes a list in the mapping's place,
// or -1.
func listField(t reflect.Type) int {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("list") == "true" {
			return i
		}
	}
	return -1
}

func join(path, key string) string { return strings.TrimPrefix(path+"."+key, ".") }
