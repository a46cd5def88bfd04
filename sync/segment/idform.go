package segment

import "strings"

// IDForm is the form of an id. Programs through which lists pass change it: a
// spreadsheet cuts long numbers and drops leading zeros, an export hashes ids.
type IDForm uint8

// The forms of ids.
const (
	FormOther IDForm = iota
	FormDigits
	FormLeadingZero // digits beginning with 0
	FormCut         // more than 15 digits with zeros at the end: Excel keeps 15, JavaScript 17
	FormScientific  // 1.23457E+15
	FormDecimal     // 123.0
	FormHex32
	FormHex40
	FormHex64
	FormUUID
	IDForms // the number of forms
)

// String returns a name for people.
func (f IDForm) String() string {
	return [...]string{
		"of letters and signs", "digits", "digits with a leading zero", "long numbers that end in zeros", "in scientific notation", "decimal numbers",
		"32 hex digits", "40 hex digits", "64 hex digits", "UUIDs",
	}[f]
}

// Mangled reports whether ids hardly ever have this form unless a program changed
// them.
func (f IDForm) Mangled() bool {
	return f == FormCut || f == FormScientific || f == FormDecimal || f == FormHex40 || f == FormHex64
}

// FormOf returns the form of an id. It does not allocate.
func FormOf(id string) IDForm {
	end := 0
	for end < len(id) && id[end]-'0' < 10 {
		end++
	}
	whole, rest := id[:end], id[end:]
	switch {
	case id == "":
		return FormOther
	case rest == "":
		return formOfDigits(id)
	case len(id) == 36 && id[8] == '-' && isGUID(id):
		return FormUUID
	case len(id) == 32 && isHex(id):
		return FormHex32
	case len(id) == 40 && isHex(id):
		return FormHex40
	case len(id) == 64 && isHex(id):
		return FormHex64
	case whole == "":
		return FormOther
	}
	return formOfNumber(whole, rest)
}

func formOfDigits(id string) IDForm {
	switch {
	case id[0] == '0':
		return FormLeadingZero
	case len(id) == 16 && id[15] == '0', len(id) > 16 && strings.HasSuffix(id, "00"):
		return FormCut
	}
	return FormDigits
}

// formOfNumber returns the form of an id that begins with the digits whole.
func formOfNumber(whole, rest string) IDForm {
	fraction := ""
	if rest[0] == '.' || rest[0] == ',' {
		power := strings.TrimLeft(rest[1:], digits)
		fraction, rest = rest[1:len(rest)-len(power)], power
	}
	switch {
	case rest == "" && fraction != "" && strings.Trim(fraction, "0") == "":
		return FormDecimal
	case len(whole) == 1 && isExponent(rest, fraction != ""):
		return FormScientific
	}
	return FormOther
}

// isExponent reports whether s is an exponent such as E+15. The sign may be missing
// only if the number has a fraction: "1E5" is more likely a code.
func isExponent(s string, signless bool) bool {
	if s == "" || s[0]|0x20 != 'e' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	} else if !signless {
		return false
	}
	return len(s) > 0 && len(s) < 4 && strings.Trim(s, digits) == ""
}
