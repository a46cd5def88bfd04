package sandbox

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/impactsync/impactsync/impactapi"
)

// fileColumns are the columns of files by their names in lower case, since the case of
// headers differs from one of impact.com's samples to the next. Some names differ from
// the API's.
//
// https://integrations.impact.com/impact-brand/docs/item-level-data
var fileColumns = func() map[string]string {
	columns := make(map[string]string)
	for _, p := range impactapi.Catalogue() {
		columns[strings.ToLower(p.Name)] = p.Name
	}
	maps.Copy(columns, map[string]string{
		"oid": "OrderId", "currency": "CurrencyCode", "actionid": "ActionId", "reason": "Reason",
		"sku": "ItemSku", "category": "ItemCategory", "quantity": "ItemQuantity", "name": "ItemName",
	})
	return columns
}()

// row is one line of a file.
type row struct {
	line   int
	fields map[string]string // by the API's names, items' without their number
}

// rowReader reads the lines of a file and hands them on, those of an order together.
type rowReader struct {
	sandbox *Sandbox
	file    *file
	now     time.Time
	columns []string
	group   []row
}

// processFile reads a file to its end. What cannot be read as CSV ends it.
func (s *Sandbox) processFile(f *file, now time.Time) {
	defer f.content.Close()
	f.done = now
	c := csv.NewReader(bufio.NewReaderSize(f.content, 1<<16))
	c.FieldsPerRecord, c.ReuseRecord = -1, true
	r := &rowReader{sandbox: s, file: f, now: now}
	for line := 1; ; line++ {
		cells, err := c.Read()
		if err != nil {
			r.flush()
			if line == 1 || !errors.Is(err, io.EOF) {
				r.refuse(row{line: line}, validation, malformed)
			}
			return
		}
		if line == 1 {
			r.header(cells)
			continue
		}
		f.records++
		r.take(row{line, r.fields(cells)})
	}
}

// malformed is the documented reason for values that cannot be read.
const malformed = "MALFORMED"

func (r *rowReader) header(cells []string) {
	for _, name := range cells {
		if known := fileColumns[strings.ToLower(name)]; known != "" {
			name = known
		}
		r.columns = append(r.columns, name)
		if name == "Reason" {
			r.file.kind = "Modification"
		}
	}
}

func (r *rowReader) fields(cells []string) map[string]string {
	fields := make(map[string]string, len(cells))
	for i, value := range cells {
		if i < len(r.columns) && value != "" {
			fields[r.columns[i]] = value
		}
	}
	return fields
}

func (r *rowReader) take(one row) {
	if r.file.kind == "Modification" {
		r.change(one)
		return
	}
	if len(r.group) > 0 && !r.group[0].joins(one) {
		r.flush()
	}
	r.group = append(r.group, one)
}

// joins reports whether two lines are items of one order.
func (a row) joins(b row) bool {
	for _, name := range []string{"OrderId", "CampaignId", "ActionTrackerId", "EventTypeId", "EventTypeCode"} {
		if a.fields[name] != b.fields[name] {
			return false
		}
	}
	return a.fields["ItemSku"] != "" && b.fields["ItemSku"] != ""
}

// flush reports the order of the lines so far.
func (r *rowReader) flush() {
	if len(r.group) == 0 {
		return
	}
	errorType, reason := r.convert()
	if reason != "" {
		for _, one := range r.group {
			r.refuse(one, errorType, reason)
		}
	}
	r.group = r.group[:0]
}

func (r *rowReader) convert() (errorType, reason string) {
	form := formOf(r.group)
	x := &exchange{form: form, at: r.now}
	form = asDocumented(x, impactapi.Conversions)
	order := first(form, "OrderId")
	switch {
	case order == "":
		return validation, "OID_MISSING"
	case problems(impactapi.NewConversion(form)) != nil, hasFormula(form):
		return validation, malformed
	case r.tooOld(form):
		return validation, "OUTSIDE_ASSOCIATION_WINDOW"
	}
	sub := &submission{at: r.file.at, form: form, campaign: first(form, "CampaignId"), order: order}
	sub.tracker, sub.event = trackerOf(form)
	return r.sandbox.process(sub, r.now)
}

// tooOld reports whether an event is older than files may have: 88 days, or 398 when
// the partner is named.
//
// https://help.impact.com/brand/what-would-you-like-to-learn-about/platform-features/submit-and-modify-conversion-data/submit-conversion-data/batch-submit-conversion-data
func (r *rowReader) tooOld(form impactapi.Params) bool {
	const day = 24 * time.Hour
	most := 88 * day
	if first(form, "MediaId", "MediaPartnerId") != "" {
		most = 398 * day
	}
	at, err := time.Parse(time.RFC3339, first(form, "EventDate"))
	return err == nil && r.file.at.Sub(at) > most
}

// hasFormula reports whether a cell has a formula instead of a value.
func hasFormula(form impactapi.Params) bool {
	for _, p := range form {
		if strings.HasPrefix(p.Value, "=") {
			return true
		}
	}
	return false
}

// formOf returns the API's parameters of an order. The Amount of a line with a Sku is
// the line's.
func formOf(group []row) (form impactapi.Params) {
	for name, value := range group[0].fields {
		if !strings.HasPrefix(name, "Item") && (name != "Amount" || group[0].fields["ItemSku"] == "") {
			form.Add(name, value)
		}
	}
	for i, one := range group {
		for name, value := range one.fields {
			if name == "Amount" && one.fields["ItemSku"] != "" {
				name = "ItemSubTotal"
			}
			if strings.HasPrefix(name, "Item") {
				form.Add(name+strconv.Itoa(i+1), value)
			}
		}
	}
	return form
}

// change carries out a line of a file of modifications.
func (r *rowReader) change(one row) {
	var form impactapi.Params
	for name, value := range one.fields {
		form.Add(strings.TrimPrefix(name, "Item"), value)
	}
	c, problems := r.sandbox.readChange(form, false)
	if len(problems) > 0 {
		r.refuse(one, validation, malformed)
		return
	}
	sub := &submission{at: r.file.at, form: form}
	if errorType, reason := r.sandbox.change(c, sub, r.now); reason != "" {
		r.refuse(one, errorType, reason)
	}
}

func (r *rowReader) refuse(one row, errorType, reason string) {
	f := one.fields
	e := rowError{
		line: one.line, campaign: f["CampaignId"], tracker: f["ActionTrackerId"], event: f["EventTypeCode"], partner: f["MediaId"],
		order: f["OrderId"], category: f["ItemCategory"], sku: f["ItemSku"], errorType: errorType, reason: reason,
	}
	if e.tracker == "" {
		e.tracker = f["EventTypeId"]
	}
	r.file.errors = append(r.file.errors, e)
}
