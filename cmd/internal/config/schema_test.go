package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write schema.json anew from the structs")

func TestSchemaIsInStepWithTheStructs(t *testing.T) {
	t.Parallel()
	want := generate(t)
	if *update {
		require.NoError(t, os.WriteFile("schema.json", want, 0o644))
		return
	}
	require.Equal(t, string(want), string(Schema()), "run: go test ./cmd/internal/config -run TestSchema -update")
}

func TestSchemaTakesTheExamples(t *testing.T) {
	t.Parallel()
	check := resolve(t)
	for _, file := range examples(t) {
		require.NoError(t, check.Validate(asJSON(t, slurp(t, file))), file)
	}
}

func TestSchemaRefusesWhatLoadRefuses(t *testing.T) {
	t.Parallel()
	check := resolve(t)
	for name, text := range map[string]string{
		"an unknown key":       "destinatoin: {}",
		"a number for a list":  "sources: 3",
		"a word out of a list": "delivery: {unknown: {pageLoads: retry}}",
		"out of range":         "delivery: {workers: 0}",
		"no duration":          "maxEventAge: 3 days",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Error(t, check.Validate(asJSON(t, []byte(text))))
			require.NotEmpty(t, problems(t, text))
		})
	}
}

func resolve(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	var s jsonschema.Schema
	require.NoError(t, json.Unmarshal(schema, &s))
	r, err := s.Resolve(nil)
	require.NoError(t, err)
	return r
}

func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	data, err := yaml.YAMLToJSON(text)
	require.NoError(t, err)
	var v any
	require.NoError(t, json.Unmarshal(data, &v))
	return v
}

func examples(t *testing.T) []string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "examples")
	files, err := filepath.Glob(filepath.Join(root, "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return append(files, filepath.Join(root, "shop", "impactsync.yaml"))
}

func slurp(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return data
}

// object is a JSON object; encoding/json writes its keys in order.
type object map[string]any

func generate(t *testing.T) []byte {
	t.Helper()
	root := structSchema(reflect.TypeFor[Config](), comments(t))
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "impactsync configuration"
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	require.NoError(t, e.Encode(root))
	return out.Bytes()
}

// comments returns the comment of each field by Type.Field.
func comments(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range []string{"config.go", "source.go", "telling.go", "destinations.go", "segment.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		fieldComments(file, out)
	}
	return out
}

func fieldComments(file *ast.File, out map[string]string) {
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.TYPE {
			continue
		}
		spec := group.Specs[0].(*ast.TypeSpec)
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			if len(f.Names) == 0 {
				continue // embedded
			}
			out[spec.Name.Name+"."+f.Names[0].Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
		}
	}
}

func structSchema(t reflect.Type, docs map[string]string) object {
	properties := object{}
	for _, f := range fieldsOf(t) {
		s := typeSchema(f.Type, f.Tag, docs)
		s["description"] = docs[declaring(t, f).Name()+"."+f.Name]
		properties[f.Tag.Get("yaml")] = s
	}
	return object{"type": "object", "additionalProperties": false, "properties": properties}
}

// declaring is the struct that declares a field: t or one that it embeds.
func declaring(t reflect.Type, f reflect.StructField) reflect.Type {
	for _, i := range f.Index[:len(f.Index)-1] {
		t = t.Field(i).Type
	}
	return t
}

func typeSchema(t reflect.Type, tag reflect.StructTag, docs map[string]string) object {
	variable := object{"type": "string", "pattern": `\$\{`}
	switch {
	case t.Kind() == reflect.Pointer:
		return typeSchema(t.Elem(), tag, docs)
	case t == durationType:
		return object{"type": "string", "pattern": `^([0-9]+d)?([0-9.]+(ns|us|µs|ms|s|m|h))*$|\$\{`}
	case t == timeType:
		return object{"type": "string", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}T|\$\{`}
	case t == eventNamesType:
		return object{"anyOf": []object{typeSchema(reflect.TypeFor[[]string](), "", docs), structSchema(t, docs)}}
	case t.Kind() == reflect.Struct:
		return structSchema(t, docs)
	case t == audiencesType:
		return object{"anyOf": []object{{"const": "all"}, {"type": "object", "additionalProperties": typeSchema(t.Elem(), "", docs)}}}
	case t.Kind() == reflect.Map:
		return object{"type": "object", "additionalProperties": typeSchema(t.Elem(), "", docs)}
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": typeSchema(t.Elem(), "", docs)}
	case t.Kind() == reflect.Bool:
		return object{"anyOf": []object{{"type": "boolean"}, variable}}
	case t.Kind() == reflect.Int:
		return object{"anyOf": []object{ranged("integer", tag), variable}}
	case t.Kind() == reflect.Float64:
		return object{"anyOf": []object{ranged("number", tag), variable}}
	case tag.Get("oneof") != "":
		return object{"anyOf": []object{{"enum": strings.Fields(tag.Get("oneof"))}, variable}}
	}
	return object{"type": []string{"string", "number"}}
}

func ranged(kind string, tag reflect.StructTag) object {
	low, high, _ := strings.Cut(tag.Get("range"), " ")
	least, _ := strconv.Atoi(low)
	most, _ := strconv.Atoi(high)
	return object{"type": kind, "minimum": least, "maximum": most}
}
