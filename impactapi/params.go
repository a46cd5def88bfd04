package impactapi

import (
	"fmt"
	"net/url"
	"strings"
)

// Param is one form parameter: a name as impact.com spells it and its value,
// neither of them escaped.
type Param struct {
	Name, Value string
}

// Params is an ordered list of form parameters. Every request is one. The order is
// kept in the form, which makes requests comparable byte for byte. Look-ups are
// linear, since lists are small. The zero value is an empty list. Params is not safe
// for concurrent writes.
type Params []Param

// Get returns the value of the first parameter with that exact name, and whether
// there is one.
func (p Params) Get(name string) (string, bool) {
	for i := range p {
		if p[i].Name == name {
			return p[i].Value, true
		}
	}
	return "", false
}

// Add appends a parameter, even if there is one with that name.
func (p *Params) Add(name, value string) {
	*p = append(*p, Param{Name: name, Value: value})
}

// AppendForm appends the list to dst as application/x-www-form-urlencoded text and
// returns the extended slice. Each byte outside A-Z a-z 0-9 - . _ ~ is escaped
// exactly once, a space as +.
func (p Params) AppendForm(dst []byte) []byte {
	for i := range p {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, url.QueryEscape(p[i].Name)...)
		dst = append(dst, '=')
		dst = append(dst, url.QueryEscape(p[i].Value)...)
	}
	return dst
}

// Encode returns what AppendForm appends, as a string.
func (p Params) Encode() string {
	return string(p.AppendForm(make([]byte, 0, p.formSize())))
}

// formSize guesses the encoded length, so that one allocation is the usual case.
func (p Params) formSize() int {
	n := 0
	for i := range p {
		n += len(p[i].Name) + len(p[i].Value) + 16
	}
	return n
}

// ParseForm reads application/x-www-form-urlencoded text, keeping the order and
// repeated names. It is the inverse of Encode: parsing what Encode returns yields
// the same list. Empty pairs are skipped; a broken escape is an error.
func ParseForm(form string) (Params, error) {
	if form == "" {
		return nil, nil
	}
	p := make(Params, 0, strings.Count(form, "&")+1)
	for pair := range strings.SplitSeq(form, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, fmt.Errorf("read name of form parameter %d: %w", len(p)+1, err)
		}
		value, err = url.QueryUnescape(value)
		if err != nil {
			return nil, fmt.Errorf("read value of form parameter %q: %w", name, err)
		}
		p = append(p, Param{Name: name, Value: value})
	}
	return p, nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
