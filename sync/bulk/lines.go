package bulk

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/impactsync/impactsync/impactapi"
)

// ErrWithoutItems says that an order has no items: it belongs into a file of orders.
var ErrWithoutItems = errors.New("the order has no items")

// UnfitError says why no file can hold an order that the API could take.
type UnfitError struct{ Reason string }

// Error implements error.
func (e *UnfitError) Error() string { return "cannot be in a file: " + e.Reason }

// Writer writes the lines of orders. It is not safe for concurrent use.
type Writer struct {
	columns *Columns
	csv     *csv.Writer
	order   []string // the columns that all lines of an order share
	lines   []line
}

// line is one item.
type line struct {
	cells    []string
	price    string
	subTotal string
	reduced  bool // by a discount of its own
}

// NewWriter returns a writer without writing the header.
func NewWriter(w io.Writer, c *Columns) *Writer {
	return &Writer{columns: c, csv: csv.NewWriter(w), order: make([]string, len(c.header))}
}

// WriteHeader writes the header.
func (w *Writer) WriteHeader() error { return w.csv.Write(w.columns.header) }

// Flush writes what is buffered.
func (w *Writer) Flush() error {
	w.csv.Flush()
	return w.csv.Error()
}

// Write writes the lines of an order, one after the other, and returns how many. The
// error is ErrWithoutItems, an *UnfitError, or that of the underlying writer; nothing is
// written of an order that is not fit.
func (w *Writer) Write(order impactapi.Params) (lines int, err error) {
	if err := w.read(order); err != nil {
		return 0, err
	}
	if !w.columns.items {
		return 1, w.csv.Write(w.order)
	}
	reduced := w.value("OrderDiscount") != "" || w.value("OrderDiscountRate") != ""
	for i := range w.lines {
		if err := w.price(&w.lines[i], reduced); err != nil {
			return 0, err
		}
	}
	w.lines = merged(w.lines, w.columns)
	for i := range w.lines {
		if err := w.csv.Write(w.lines[i].cells); err != nil {
			return 0, err
		}
	}
	return len(w.lines), nil
}

// read sorts the parameters of an order into its lines.
func (w *Writer) read(order impactapi.Params) error {
	clear(w.order)
	w.lines = w.lines[:0]
	for i := range order {
		name, item := cutItem(order[i].Name)
		if item > 0 {
			continue
		}
		if err := w.put(w.order, name, order[i].Value); err != nil {
			return err
		}
	}
	for i := range order {
		if name, item := cutItem(order[i].Name); item > 0 {
			if err := w.putItem(item, name, order[i].Value); err != nil {
				return err
			}
		}
	}
	if w.columns.items != (len(w.lines) > 0) {
		return ErrWithoutItems
	}
	return nil
}

func (w *Writer) putItem(item int, name, value string) error {
	if !w.columns.items {
		return &UnfitError{"it has items"}
	}
	for len(w.lines) < item {
		w.lines = append(w.lines, line{cells: slices.Clone(w.order)})
	}
	l := &w.lines[item-1]
	switch name {
	case "ItemPrice":
		l.price = value
		return nil
	case "ItemSubTotal":
		l.subTotal = value
		return nil
	}
	l.reduced = l.reduced || strings.Contains(name, "Discount")
	return w.put(l.cells, name, value)
}

// put fills a cell. A parameter without a column must not get lost.
func (w *Writer) put(cells []string, parameter, value string) error {
	name := column(parameter)
	at, known := w.columns.at[name]
	if !known {
		return &UnfitError{"there is no column for " + parameter}
	}
	value = oneLine(value)
	if slices.Contains(identifiers, name) {
		if strings.HasPrefix(value, "=") || strings.HasPrefix(value, "@") {
			return &UnfitError{name + " begins like a formula, and impact.com takes none in files"}
		}
	} else {
		value = noFormula(value)
	}
	cells[at] = value
	return nil
}

func (w *Writer) value(name string) string {
	if at, known := w.columns.at[name]; known {
		return w.order[at]
	}
	return ""
}

// price fills in what a line is worth. Amount is documented as the line's total after
// discounts; with a discount that impact.com is to subtract, the line has its subtotal
// before it instead, as by the API.
func (w *Writer) price(l *line, reduced bool) error {
	at := w.columns.at
	if l.cells[at["Sku"]] == "" {
		return &UnfitError{"an item has no Sku, and impact.com requires one in files"}
	}
	if l.cells[at["Quantity"]] == "" {
		l.cells[at["Quantity"]] = "1"
	}
	total, err := cmp.Or(l.subTotal, l.price), error(nil)
	if l.subTotal == "" {
		total, err = times(l.price, l.cells[at["Quantity"]])
	}
	if err != nil {
		return err
	}
	column := "Amount"
	if reduced || l.reduced {
		column = "ItemSubtotal"
	}
	where, known := at[column]
	if !known {
		return &UnfitError{"there is no column for " + column}
	}
	l.cells[where] = total
	return nil
}

// times multiplies a price by a quantity, exactly.
func times(price, quantity string) (string, error) {
	units, places, fine := cutPoint(price)
	n, err := strconv.ParseInt(quantity, 10, 64)
	if high, low := bits.Mul64(uint64(units), uint64(n)); !fine || err != nil || n < 0 || high != 0 || low > math.MaxInt64 {
		return "", &UnfitError{fmt.Sprintf("%s times %s is no amount", price, quantity)}
	}
	return withPoint(units*n, places), nil
}

// plus adds two amounts of the same number of places; false if they have others.
func plus(a, b string) (string, bool) {
	x, placesX, fineX := cutPoint(a)
	y, placesY, fineY := cutPoint(b)
	if !fineX || !fineY || placesX != placesY || x > math.MaxInt64-y {
		return "", false
	}
	return withPoint(x+y, placesX), true
}

// cutPoint returns an amount in units of its last place, which is not negative.
func cutPoint(amount string) (units int64, places int, fine bool) {
	whole, fraction, _ := strings.Cut(amount, ".")
	units, err := strconv.ParseInt(whole+fraction, 10, 64)
	return units, len(fraction), err == nil && units >= 0
}

func withPoint(units int64, places int) string {
	text := strconv.FormatInt(units, 10)
	if places == 0 {
		return text
	}
	if short := places + 1 - len(text); short > 0 {
		text = strings.Repeat("0", short) + text
	}
	return text[:len(text)-places] + "." + text[len(text)-places:]
}

// merged sorts the lines of an order by Sku, and makes one of those that differ in
// quantity and amount alone: impact.com finds an item by its Sku, and an older guide of
// its says that later lines of the same order and Sku are dropped.
func merged(lines []line, c *Columns) []line {
	sku := c.at["Sku"]
	slices.SortStableFunc(lines, func(a, b line) int { return strings.Compare(a.cells[sku], b.cells[sku]) })
	kept := lines[:1]
	for _, l := range lines[1:] {
		if !kept[len(kept)-1].add(&l, c) {
			kept = append(kept, l)
		}
	}
	return kept
}

// add adds an item to another one, if they are the same.
func (l *line) add(other *line, c *Columns) bool {
	quantity, amount := c.at["Quantity"], c.at["Amount"]
	for i := range l.cells {
		if l.cells[i] != other.cells[i] && i != quantity && i != amount {
			return false
		}
	}
	n, fine := plus(l.cells[quantity], other.cells[quantity])
	total, exact := plus(l.cells[amount], other.cells[amount])
	if fine && exact {
		l.cells[quantity], l.cells[amount] = n, total
	}
	return fine && exact
}

// cutItem cuts the number of the item off a parameter's name: ItemSku2 is ItemSku of
// item 2, ItemText2_1 is ItemText_1 of item 2.
func cutItem(parameter string) (name string, item int) {
	if !strings.HasPrefix(parameter, "Item") {
		return parameter, 0
	}
	base, slot, slotted := strings.Cut(parameter, "_")
	name = strings.TrimRight(base, "0123456789")
	item, err := strconv.Atoi(base[len(name):])
	if err != nil {
		return parameter, 0
	}
	if slotted {
		name += "_" + slot
	}
	return name, item
}

// noFormula keeps a spreadsheet from computing a descriptive text. impact.com takes
// values only.
func noFormula(text string) string {
	if text != "" && strings.ContainsRune("=+-@", rune(text[0])) && !isNumber(text) {
		return "'" + text
	}
	return text
}

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}

// oneLine replaces control characters, so that a line of the file is one of the text.
func oneLine(text string) string {
	if !strings.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}
