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

// scalar decodes a text, number, boolean, time or duration. Where a value
// holds ${NAME}, its expanded text is read as the field's type.
func (d *decoder) scalar(p place, v reflect.Value) {
	raw, ok := scalarText(p.node)
	if !ok {
		d.wrong(p, wanted(v.Type()))
		return
	}
	text, err := expand(raw, d.lookup)
	if err != nil {
		d.add(p, err.Error(), "set it, or write $${ for a plain ${")
		return
	}
	if strings.Contains(raw, "${") {
		d.raw[p.path] = raw
	}
	if !fits(p.node, v.Type(), strings.Contains(raw, "${")) {
		d.wrong(p, wanted(v.Type()))
		return
	}
	if err := assign(v, text); err != nil {
		d.add(p, fmt.Sprintf("%s is wanted here, not %s", wanted(v.Type()), shown(raw, v.Type())), hintFor(v.Type()))
		return
	}
	d.limits(p, v, raw)
}

// scalarText is the text of a scalar as it stands in the file.
func scalarText(n ast.Node) (string, bool) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, true
	case *ast.LiteralNode:
		return s.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// fits reports whether the file's own type will do: a quoted number is no
// number, true is no text; but what comes out of a variable is only a text.
func fits(n ast.Node, t reflect.Type, expanded bool) bool {
	switch n.(type) {
	case *ast.BoolNode:
		return t.Kind() == reflect.Bool
	case *ast.StringNode, *ast.LiteralNode:
		return expanded || t == durationType || t == timeType || t.Kind() == reflect.String
	case *ast.InfinityNode, *ast.NanNode:
		return false
	}
	return t.Kind() != reflect.Bool
}

// assign reads text as v's type.
func assign(v reflect.Value, text string) error {
	switch t := v.Type(); {
	case t == durationType:
		n, err := time.ParseDuration(text)
		v.SetInt(int64(n))
		return err
	case t == timeType:
		at, err := time.Parse(time.RFC3339, text)
		v.Set(reflect.ValueOf(at))
		return err
	case t.Kind() == reflect.String:
		v.SetString(text)
	case t.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return err
	case t.Kind() == reflect.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		v.SetInt(n)
		return err
	default:
		return assignFloat(v, text)
	}
	return nil
}

func assignFloat(v reflect.Value, text string) error {
	n, err := strconv.ParseFloat(text, 64)
	if err == nil && (math.IsNaN(n) || math.IsInf(n, 0)) {
		err = strconv.ErrRange
	}
	if err == nil {
		v.SetFloat(n)
	}
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

func wanted(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration"
	case t == timeType:
		return "a time"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int:
		return "a whole number"
	case t.Kind() == reflect.Float64:
		return "a number"
	}
	return "a text"
}

func hintFor(t reflect.Type) string {
	switch t {
	case durationType:
		return "durations are written like 10s, 6h or 720h"
	case timeType:
		return "times are written like 2026-11-01T00:00:00Z"
	}
	return ""
}
