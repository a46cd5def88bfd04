package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// scalarType is how one type stands in the file.
type scalarType struct {
	what string // what is wanted, in a user's words
	hint string
	// in says which nodes are taken. What comes out of a variable is always a text.
	in    nodeKinds
	parse func(v reflect.Value, text string) error
}

type nodeKinds int

const (
	texts nodeKinds = 1 << iota
	numbers
	booleans
)

// scalarOf returns how a type stands in the file. A quoted number is no number.
func scalarOf(t reflect.Type) scalarType {
	switch {
	case t == durationType:
		return scalarType{"a duration", "durations are written like 10s, 6h or 720h", texts | numbers, parseDuration}
	case t == timeType:
		return scalarType{"a time", "times are written like 2026-11-01T00:00:00Z", texts | numbers, parseTime}
	case t.Kind() == reflect.Bool:
		return scalarType{"true or false", "", booleans, parseBool}
	case t.Kind() == reflect.Int:
		return scalarType{"a whole number", "", numbers, parseInt}
	case t.Kind() == reflect.Float64:
		return scalarType{"a number", "", numbers, parseFloat}
	}
	return scalarType{"a text", "", texts | numbers, func(v reflect.Value, text string) error {
		v.SetString(text)
		return nil
	}}
}

// scalar decodes a text, number, boolean, time or duration. Where a value
// holds ${NAME}, its expanded text is read as the field's type.
func (d *decoder) scalar(p place, v reflect.Value) {
	kind := scalarOf(v.Type())
	raw, in := scalarText(p.node)
	text, err := expand(raw, d.lookup)
	if err != nil {
		d.add(p, err.Error(), "set it, or write $${ for a plain ${")
		return
	}
	if strings.Contains(raw, "${") {
		d.raw[p.path] = raw
		in = kind.in
	}
	if kind.in&in == 0 {
		d.wrong(p, kind.what)
		return
	}
	if err := kind.parse(v, text); err != nil {
		d.add(p, fmt.Sprintf("%s is wanted here, not %s", kind.what, shown(raw, v.Type())), kind.hint)
		return
	}
	d.limits(p, v, raw)
}

// scalarText returns the text of a scalar as it stands in the file, and what it is.
func scalarText(n ast.Node) (string, nodeKinds) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, texts
	case *ast.LiteralNode:
		return s.Value.Value, texts
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, numbers
	case *ast.BoolNode:
		return n.GetToken().Value, booleans
	}
	return "", 0
}

func parseDuration(v reflect.Value, text string) error {
	n, err := time.ParseDuration(text)
	v.SetInt(int64(n))
	return err
}

func parseTime(v reflect.Value, text string) error {
	at, err := time.Parse(time.RFC3339, text)
	v.Set(reflect.ValueOf(at))
	return err
}

func parseBool(v reflect.Value, text string) error {
	b, err := strconv.ParseBool(text)
	v.SetBool(b)
	return err
}

func parseInt(v reflect.Value, text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	v.SetInt(n)
	return err
}

func parseFloat(v reflect.Value, text string) error {
	n, err := strconv.ParseFloat(text, 64)
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return strconv.ErrRange
	}
	v.SetFloat(n)
	return err
}

// limits checks a value against its field's tags oneof and range.
func (d *decoder) limits(p place, v reflect.Value, raw string) {
	if words := strings.Fields(p.tag.Get("oneof")); len(words) > 0 && !slices.Contains(words, v.String()) {
		d.add(p, fmt.Sprintf("%s is not one of %s", shown(raw, v.Type()), strings.Join(words, ", ")), "")
	}
	low, high, ok := strings.Cut(p.tag.Get("range"), " ")
	if !ok {
		return
	}
	least, _ := strconv.ParseFloat(low, 64)
	most, _ := strconv.ParseFloat(high, 64)
	n := v.Convert(reflect.TypeFor[float64]()).Float()
	if n < least || n > most {
		d.add(p, fmt.Sprintf("must be between %s and %s, is %s", low, high, shown(raw, v.Type())), "")
	}
}

// shown quotes a value as it stands in the file, before expansion; of a secret,
// and of what may be one in the wrong place, nothing.
func shown(raw string, t reflect.Type) string {
	if t == secretType || !harmlessValue(raw) {
		return "this"
	}
	return strconv.Quote(raw)
}
