package impactapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxPages is how many pages impact.com lets a list have. A longer one is an error
// that asks for a shorter window.
//
// https://integrations.impact.com/brand-api-reference/reference/actions/actions
const MaxPages = 10

// PageSize is impact.com's default number of rows in a page. Its maximum is not
// documented.
const PageSize = 20_000

// MaxWindow is the longest time between the ends of a window.
const MaxWindow = 45 * 24 * time.Hour

// MinWindow is the shortest window that is worth halving where one has too many rows.
const MinWindow = time.Minute

// Window selects the rows of a list by when they were updated. A change of state by
// the clock, such as locking, is no update.
type Window struct {
	CampaignID string
	From, To   time.Time
	Page       int // from 1
	PageSize   int // 0 means PageSize
}

func (w Window) query() url.Values {
	size := w.PageSize
	if size == 0 {
		size = PageSize
	}
	return url.Values{
		"CampaignId": {w.CampaignID}, "StartDate": {w.From.UTC().Format(time.RFC3339)}, "EndDate": {w.To.UTC().Format(time.RFC3339)},
		"Page": {strconv.Itoa(max(w.Page, 1))}, "PageSize": {strconv.Itoa(size)},
	}
}

// Page says what impact.com said about a page of a list.
type Page struct {
	Rows     int // that were read
	Pages    int // of the list; 0: not said
	Total    int // rows of the list; -1: not said
	Last     bool
	Rate     Rate
	Attempts int // HTTP requests that it took
}

// TooMany reports whether an error may mean that a window has more rows than pages
// may hold. How impact.com words that is not documented.
func TooMany(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// listing names a page of a list of the account's.
type listing struct {
	resource   string
	keys       []string // in lower case; the list has one of them
	query      url.Values
	page, size int // size 0: not asked for
}

// listed gets one page of a list and calls each with its rows while they come.
func listed[row any](ctx context.Context, c *Client, resource string, w Window, each func(*row) error) (*Page, error) {
	return rowsOf(ctx, c, listing{resource, []string{strings.ToLower(resource)}, w.query(), max(w.Page, 1), w.PageSize}, each)
}

func rowsOf[row any](ctx context.Context, c *Client, l listing, each func(*row) error) (*Page, error) {
	if c.config.AuthToken == "" {
		return nil, ErrNoCredentials
	}
	u := c.api.JoinPath("Advertisers", c.config.AccountSID, l.resource)
	u.RawQuery = l.query.Encode()
	var p pager
	a, err := c.do(ctx, &call{
		method: http.MethodGet, path: "/Advertisers/{AccountSID}/" + l.resource, url: u, headers: c.signed, repeatable: true, limit: maxBody,
		list: func(r io.Reader) (err error) {
			p, err = readRows(r, l.keys, each)
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	page := p.page(l.page, l.size)
	page.Rate, page.Attempts = a.rate, a.attempts
	return page, nil
}

// pager is what an answer says about its pages.
type pager struct {
	rows                    int
	pages, total, size, uri text
	said                    bool // @nextpageuri is there
}

func (p pager) page(number, asked int) *Page {
	out := &Page{Rows: p.rows, Total: -1}
	out.Pages, _ = strconv.Atoi(string(p.pages))
	if n, err := strconv.Atoi(string(p.total)); err == nil && n >= 0 {
		out.Total = n
	}
	switch {
	case p.rows == 0:
		out.Last = true
	case out.Pages > 0:
		out.Last = number >= out.Pages
	case p.said:
		out.Last = p.uri == ""
	default:
		size, _ := strconv.Atoi(string(p.size))
		out.Last = p.rows < max(size, asked)
	}
	return out
}

// readRows reads an object with a list and what it says about pages. Keys are
// compared without regard to case, as everywhere in impact.com's answers.
func readRows[row any](r io.Reader, keys []string, each func(*row) error) (p pager, err error) {
	d := json.NewDecoder(bufio.NewReaderSize(r, 64<<10))
	if err := open(d, '{'); err != nil {
		return p, err
	}
	found := false
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return p, cutOff(err)
		}
		if word := strings.ToLower(fmt.Sprint(key)); !slices.Contains(keys, word) {
			err = p.say(d, word)
		} else {
			found = true
			p.rows, err = eachRow(d, each)
		}
		if err != nil {
			return p, cutOff(err)
		}
	}
	if _, err := d.Token(); err != nil {
		return p, cutOff(err)
	}
	if !found {
		return p, errors.New("the answer has no list of " + keys[0])
	}
	return p, nil
}

func (p *pager) say(d *json.Decoder, word string) error {
	var skipped json.RawMessage
	switch word {
	case "@numpages":
		return d.Decode(&p.pages)
	case "@total":
		return d.Decode(&p.total)
	case "@pagesize":
		return d.Decode(&p.size)
	case "@nextpageuri":
		p.said = true
		return d.Decode(&p.uri)
	}
	return d.Decode(&skipped)
}

// eachRow reads the rows of a list. An empty one may be null.
func eachRow[row any](d *json.Decoder, each func(*row) error) (n int, err error) {
	start, err := d.Token()
	if err != nil || start == nil {
		return 0, err
	}
	if start != json.Delim('[') {
		return 0, fmt.Errorf("a list begins with %v", start)
	}
	for d.More() {
		var one row
		if err := d.Decode(&one); err != nil {
			return n, err
		}
		if err := each(&one); err != nil {
			return n, err
		}
		n++
	}
	_, err = d.Token()
	return n, err
}

func open(d *json.Decoder, want json.Delim) error {
	got, err := d.Token()
	if err != nil {
		return cutOff(err)
	}
	if got != want {
		return fmt.Errorf("not an answer of impact.com: it begins with %v", got)
	}
	return nil
}

// cutOff makes the end of an answer in the middle of a list an unexpected one.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// text is a value that may be a JSON string, a number, or null: impact.com's
// documents disagree about which.
type text string

// UnmarshalJSON keeps the digits of a number as they are written.
func (t *text) UnmarshalJSON(data []byte) error {
	switch {
	case string(data) == "null":
		return nil
	case data[0] == '"':
		if plain := data[1 : len(data)-1]; !strings.ContainsRune(string(plain), '\\') {
			*t = text(strings.TrimSpace(string(plain)))
			return nil
		}
		var s string
		err := json.Unmarshal(data, &s)
		*t = text(strings.TrimSpace(s))
		return err
	case data[0] == '{' || data[0] == '[':
		return nil // it has no text
	}
	*t = text(data)
	return nil
}

// decimal returns a number as a plain decimal, also if it is written with an exponent.
func (t text) decimal() string {
	if !strings.ContainsAny(string(t), "eE") || len(t) > 24 {
		return string(t)
	}
	_, exponent, _ := strings.Cut(strings.ToLower(string(t)), "e")
	if n, err := strconv.Atoi(exponent); err != nil || n < -9 || n > 15 {
		return string(t)
	}
	number, ok := new(big.Rat).SetString(string(t))
	if !ok {
		return string(t)
	}
	return number.FloatString(9)
}

// time returns a time, or the zero time if there is none that can be read.
func (t text) time() time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999999999", time.DateTime, time.DateOnly} {
		if at, err := time.Parse(layout, string(t)); err == nil {
			return at
		}
	}
	return time.Time{}
}
