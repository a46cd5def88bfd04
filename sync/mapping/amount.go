package mapping

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/impactsync/impactsync/sync/money"
	"github.com/impactsync/impactsync/sync/segment"
)

// number is a number as a message means it.
type number struct {
	plain string // a plain decimal, such as -1199.5
	mark  string // the sign or code of a currency beside it, or %
	found bool   // false if there is nothing
	fault string // why it is not a number, for people; plain is empty then
	point string // the number if its point, which may also separate thousands, is a decimal point
}

// asMeasure reads a number that is not money: a point is a decimal point then, and
// a percent sign means nothing.
func (n number) asMeasure() number {
	if n.point != "" && n.mark == "" {
		n.plain, n.fault = n.point, ""
	}
	if n.mark == percent {
		n.mark = ""
	}
	return n
}

// in reads a number as money in a currency. If the currency has three places, three
// digits after a point are these: 1.234 dinars are what a machine writes, and 1234 of
// them would have a point for the thousands and no places at all. A comma may still
// separate thousands, as it does where these currencies are used.
func (n number) in(currency string) number {
	if n.point != "" && money.Digits(currency) == len(n.point)-strings.Index(n.point, ".")-1 {
		n.plain, n.fault = n.point, ""
	}
	return n
}

// present reports whether a value is neither absent nor blank.
func present(v segment.Value) bool {
	return v.IsObject() || v.IsArray() || v.IsNumber() || strings.TrimSpace(textOf(v)) != ""
}

// numberOf reads a number, or a text that a person would read as one. JSON's own
// numbers are unambiguous; a text is taken if it can be read in only one way, see
// [spelt].
func (m *Mapper) numberOf(v segment.Value) number {
	switch text := textOf(v); {
	case v.IsNumber():
		if segment.IsDecimal(text) {
			return number{plain: text, found: true}
		}
		return number{found: true, fault: quote(text) + " is not a number"}
	case v.IsObject() || v.IsArray():
		return number{found: true, fault: "is an object or a list, not a number; map the key in it that holds the number"}
	case text == "":
		return number{}
	default:
		return numberIn(text, m.settings.DecimalSign)
	}
}

// numberIn reads the number in a text.
func numberIn(text, decimalSign string) number {
	trimmed := strings.TrimSpace(text)
	if segment.IsDecimal(trimmed) && !mayBeThousands(trimmed) {
		return number{plain: trimmed, found: true}
	}
	return formatted(trimmed, decimalSign)
}

// mayBeThousands reports whether the point of a plain decimal may separate
// thousands, as it does in much of Europe and South America: 1.199.
func mayBeThousands(plain string) bool {
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(plain, "-"), ".")
	return len(fraction) == 3 && len(whole) <= 3 && whole[0] != '0'
}

// maxNumber is the length in bytes of the longest text that may be a number.
const maxNumber = 64

// formatted reads a number as people write it: with the sign or code of a
// currency before or after it, groups of thousands, a minus or brackets.
func formatted(text, decimalSign string) number {
	text = strings.TrimSpace(strings.Map(visible, text))
	n := number{found: text != ""}
	first, last := strings.IndexAny(text, "0123456789"), strings.LastIndexAny(text, "0123456789")
	if first < 0 || len(text) > maxNumber {
		if n.found {
			n.fault = quote(text) + " is not a number"
		}
		return n
	}
	head, core, tail := text[:first], text[first:last+1], text[last+1:]
	negative := false
	if strings.HasPrefix(head, "(") && strings.HasSuffix(tail, ")") {
		negative, head, tail = true, head[1:], tail[:len(tail)-1]
	}
	head, core = leadingPoint(head, core)
	head, minus := withoutSign(head)
	tail, trailing := withoutSign(withoutDash(tail))
	mark, known := markOf(head, tail)
	plain, ambiguous, ok := spelt(core, decimalSign)
	contradictory := minus && trailing || negative && (minus || trailing)
	switch {
	case ambiguous && known && !contradictory:
		n.fault = quote(text) + " could be " + strings.Map(onlyDigits, core) + " or " + strings.Replace(core, ",", ".", 1) +
			"; destination.decimalSign says which"
		if strings.Contains(core, ".") {
			n.point, n.mark = signed(core, negative || minus || trailing), mark
		}
	case !ok || !known || contradictory:
		n.fault = quote(text) + " is not a number"
	default:
		n.plain, n.mark = signed(plain, negative || minus || trailing), mark
	}
	return n
}

func signed(plain string, negative bool) string {
	if negative {
		return "-" + plain
	}
	return plain
}

// visible drops the invisible characters, such as marks for the direction of
// writing, that formatters put into amounts.
func visible(r rune) rune {
	switch r {
	case '\u200b', '\u200e', '\u200f', '\u061c', '\ufeff', '\u2066', '\u2067', '\u2068', '\u2069':
		return -1
	}
	return r
}

func onlyDigits(r rune) rune {
	if r < '0' || r > '9' {
		return -1
	}
	return r
}

// leadingPoint moves a point at the start of a number from the head to the core:
// $.99. The point of an abbreviation stays: Rs.500.
func leadingPoint(head, core string) (newHead, newCore string) {
	rest := strings.TrimRight(head, ".,")
	if len(head)-len(rest) != 1 || currenciesOf(strings.TrimSpace(head)) != "" {
		return head, core
	}
	return rest, "0" + head[len(rest):] + core
}

// withoutDash removes the dash that stands for no cents: 50,- and 50.-
func withoutDash(tail string) string {
	rest := strings.TrimLeft(tail, ".,")
	if len(tail)-len(rest) == 1 {
		if cut := strings.TrimLeft(rest, "-–—"); cut != rest {
			return cut
		}
	}
	return tail
}

// withoutSign removes one plus or minus from either end.
func withoutSign(s string) (rest string, minus bool) {
	s = strings.TrimSpace(s)
	for _, sign := range [...]string{"-", "−", "+"} {
		cut := strings.TrimSuffix(strings.TrimPrefix(s, sign), sign)
		if len(s)-len(cut) == len(sign) {
			return strings.TrimSpace(cut), sign != "+"
		}
	}
	return s, false
}

// spellings are the ways to write a number. The first group is the whole part, with
// the signs that separate thousands; the second one is the decimals. The last
// spelling has lakhs and crores, which India separates by commas.
var spellings = [...]*regexp.Regexp{
	regexp.MustCompile(`^(\d+)$`),
	regexp.MustCompile(`^(\d+)[.,](\d+)$`),
	regexp.MustCompile(`^([1-9]\d{0,2}(?: \d{3})+)(?:[.,](\d+))?$`),
	regexp.MustCompile(`^([1-9]\d{0,2}(?:'\d{3})+)(?:[.,](\d+))?$`),
	regexp.MustCompile(`^([1-9]\d{0,2}(?:,\d{3})+)(?:\.(\d+))?$`),
	regexp.MustCompile(`^([1-9]\d{0,2}(?:\.\d{3})+)(?:,(\d+))?$`),
	regexp.MustCompile(`^([1-9]\d?(?:,\d{2})+,\d{3})(?:\.(\d+))?$`),
}

// oneGroup may be thousands or decimals: 1,199. But 1234,567 and 0,125 cannot be
// thousands.
var oneGroup = regexp.MustCompile(`^[1-9]\d{0,2}[.,]\d{3}$`)

var (
	blanksAndApostrophes = strings.NewReplacer("\u00a0", " ", "\u2007", " ", "\u2008", " ", "\u2009", " ", "\u202f", " ", "’", "'", "‘", "'", "ʼ", "'", "′", "'", "`", "'", "´", "'")
	withoutGroups        = strings.NewReplacer(" ", "", "'", "", ",", "", ".", "")
)

// spelt returns digits and the signs between them as a plain decimal.
func spelt(core, decimalSign string) (plain string, ambiguous, ok bool) {
	core = blanksAndApostrophes.Replace(core)
	if oneGroup.MatchString(core) {
		switch {
		case decimalSign == SignAuto:
			return "", true, false
		case strings.Contains(core, ".") != (decimalSign == SignPoint):
			return withoutGroups.Replace(core), false, true
		}
	}
	for _, spelling := range spellings {
		if m := spelling.FindStringSubmatch(core); m != nil {
			plain = withoutGroups.Replace(m[1])
			if len(m) > 2 && m[2] != "" {
				plain += "." + m[2]
			}
			return plain, false, true
		}
	}
	return "", false, false
}

// quote returns a text of a message for a reason: quoted, without addresses, and not
// too long.
func quote(text string) string {
	const most = 40
	short, cut := cutText(segment.Redact(text), most)
	if cut {
		short += "..."
	}
	return strconv.Quote(short)
}
