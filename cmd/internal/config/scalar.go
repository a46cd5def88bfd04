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

// scalarType describes how values of a type are written in the file.
type scalarType struct {
	what, hint string    // what is wanted
	in         nodeKinds // the nodes that are accepted, where no variable is involved
}

type nodeKinds int

const (
	texts nodeKinds = 1 << iota
	numbers
	booleans
)

// scalarOf returns how a type is written. A quoted number is no number.
func scalarOf(t reflect.Type) scalarType {
	switch {
	case t == durationType:
		return scalarType{"a duration", "durations are written like 10s, 6h, 720h or 45d", texts | numbers}
	case t == timeType:
		return scalarType{"a time", "times are written like 2026-11-01T00:00:00Z", texts | numbers}
	case t.Kind() == reflect.Bool:
		return scalarType{"true or false", "", booleans}
	case t.Kind() == reflect.Int:
		return scalarType{"a whole number", "", numbers}
	case t.Kind() == reflect.Float64:
		return scalarType{"a number", "", numbers}
	}
	return scalarType{"a text", "", texts | numbers}
}

// parse sets v to the value that a text has as v's type.
func parse(v reflect.Value, text string) (err error) {
	switch p := v.Addr().Interface().(type) {
	case *time.Duration:
		*p, err = ParseDuration(text)
	case *time.Time:
		*p, err = time.Parse(time.RFC3339, text)
	case *bool:
		*p, err = strconv.ParseBool(text)
	case *int:
		*p, err = strconv.Atoi(text)
	case *float64:
		if *p, err = strconv.ParseFloat(text, 64); math.IsNaN(*p) || math.IsInf(*p, 0) {
			*p, err = 0, strconv.ErrRange
		}
	default:
		v.SetString(text)
	}
	return err
}

// ParseDuration returns a duration such as 45d, 1d12h or 30m: as [time.ParseDuration]
// does, and with days of 24 hours in front.
func ParseDuration(text string) (time.Duration, error) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	n, err := strconv.Atoi(days)
	if err != nil || n < 0 || n > 36_500 {
		return 0, fmt.Errorf("invalid duration %q", text)
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err == nil && more < 0 {
		err = fmt.Errorf("invalid duration %q", text)
	}
	return d + more, err
}

// scalar decodes a text, number, boolean, time or duration. Where a value
// holds ${NAME}, its expanded text is read as the field's type.
func (l *loader) scalar(p place, v reflect.Value) {
	kind := scalarOf(v.Type())
	raw, in := scalarText(p.node)
	text, err := expand(raw, l.lookup)
	if err != nil {
		l.add(p, err.Error(), "set it, or write $${ for a plain ${")
		return
	}
	if strings.Contains(raw, "${") {
		l.raw[p.path] = raw
		in = kind.in
	}
	if unbraced.MatchString(raw) {
		l.config.Warnings = append(l.config.Warnings, l.problemAt(position(p.node), p.path, "is used as it stands, with its $", "write ${NAME} for an environment variable"))
	}
	switch {
	case kind.in&in == 0:
		l.wrong(p, kind.what)
	case text == "" && raw != "" && p.tag.Get("emptied") == "refuse":
		l.add(p, "is empty: the environment has no value for "+raw, "give it one, or remove the key for the default")
	case text == "" && v.Kind() == reflect.String && (raw != "" || p.tag.Get("empty") == "") && p.tag.Get("oneof") == "":
		// the default stays
	default:
		if err := parse(v, text); err != nil {
			l.add(p, fmt.Sprintf("want %s, not %s", kind.what, shown(raw)), kind.hint)
			return
		}
		l.limits(p, v, raw)
	}
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

// limits checks a value against its field's tags oneof and range.
func (l *loader) limits(p place, v reflect.Value, raw string) {
	if words := strings.Fields(p.tag.Get("oneof")); len(words) > 0 && !slices.Contains(words, v.String()) {
		l.add(p, fmt.Sprintf("%s is not one of %s", shown(raw), strings.Join(words, ", ")), "")
	}
	low, high, ok := strings.Cut(p.tag.Get("range"), " ")
	if !ok {
		return
	}
	least, _ := strconv.ParseFloat(low, 64)
	most, _ := strconv.ParseFloat(high, 64)
	n := v.Convert(reflect.TypeFor[float64]()).Float()
	if n < least || n > most {
		l.add(p, fmt.Sprintf("must be between %s and %s, is %s", low, high, shown(raw)), "")
	}
}

// shown quotes a value as it stands in the file, before expansion. It hides what
// may be a secret in the wrong place.
func shown(raw string) string {
	if !harmlessValue(raw) {
		return "this"
	}
	return strconv.Quote(raw)
}
