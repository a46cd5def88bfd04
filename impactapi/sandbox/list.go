package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// The documented bounds of a list of actions.
const (
	pageSize     = 20_000
	smallestPage = 2_000
	mostPages    = 10
	longestRange = 45 * 24 * time.Hour
	usualRange   = 7 * 24 * time.Hour
	mostYears    = 3
)

// window is a range of time, both ends in it. The zero value has no ends.
type window struct{ from, to time.Time }

func (w window) holds(t time.Time) bool {
	return w.from.IsZero() || !t.IsZero() && !t.Before(w.from) && !t.After(w.to)
}

// listing is what a list call asks for.
type listing struct {
	campaign, state         string
	updated, event, locking window
	page, size              int
	problems                []documentedError
	values                  url.Values
	path, resource          string
}

// readListing reads the parameters of GET Actions and GET ActionUpdates.
//
// https://integrations.impact.com/brand-api-reference/reference/actions/actions
func (s *Sandbox) readListing(x *exchange, resource string) *listing {
	q := &listing{values: x.r.URL.Query(), path: x.r.URL.Path, resource: resource, page: 1}
	q.campaign, q.state = q.values.Get("CampaignId"), q.values.Get("State")
	if !isNumber(q.campaign) {
		q.complain("CampaignId", "Not a numeric value")
	}
	if q.state != "" && !slices.Contains([]string{pending, approved, reversed}, q.state) {
		q.complain("State", "Not one of PENDING, APPROVED, REVERSED")
	}
	q.updated = q.window("StartDate", "EndDate", x.at)
	q.event = q.window("ActionDateStart", "ActionDateEnd", x.at)
	q.locking = q.window("LockingDateStart", "LockingDateEnd", x.at)
	if none := (window{}); q.updated == none && q.event == none && q.locking == none {
		q.updated = window{x.at.Add(-usualRange), x.at}
	}
	s.readPage(q, smallestPage, pageSize)
	return q
}

// plainPage is the usual size of the pages of other lists, as another page of the
// documents has it.
const plainPage = 1_000

// plainListing reads the parameters of lists without the bounds of actions.
func (s *Sandbox) plainListing(x *exchange, resource string) *listing {
	q := &listing{values: x.r.URL.Query(), path: x.r.URL.Path, resource: resource, page: 1}
	s.readPage(q, 1, plainPage)
	return q
}

// bound reads one end of a range of time; zero for none.
func (q *listing) bound(name string) time.Time {
	text := q.values.Get(name)
	if text == "" {
		return time.Time{}
	}
	return q.date(name, text)
}

func (q *listing) complain(field, message string) {
	q.problems = append(q.problems, documentedError{field, message})
}

// window reads a pair of dates. That the bounds hold for each pair is only documented
// for StartDate and EndDate.
func (q *listing) window(from, to string, now time.Time) (w window) {
	a, b := q.values.Get(from), q.values.Get(to)
	switch {
	case a == "" && b == "":
		return w
	case a == "" || b == "":
		q.complain(from, from+" and "+to+" are required together")
		return w
	}
	w = window{q.date(from, a), q.date(to, b)}
	switch {
	case w.from.IsZero() || w.to.IsZero():
	case w.to.Before(w.from):
		q.complain(to, "Before "+from)
	case w.to.Sub(w.from) > longestRange:
		q.complain(to, "Date range exceeds 45 days")
	case w.from.Before(now.AddDate(-mostYears, 0, 0)):
		q.complain(from, "More than 3 years in the past")
	}
	return w
}

func (q *listing) date(field, text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		q.complain(field, "Not an ISO 8601 date with a time and an offset")
	}
	return t
}

func (s *Sandbox) readPage(q *listing, smallest, usual int) {
	q.size = usual
	if text := q.values.Get("Page"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			q.complain("Page", "Not a page number")
		}
		q.page = n
	}
	if text := q.values.Get("PageSize"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < smallest || n > pageSize {
			q.complain("PageSize", "Not a number from "+strconv.Itoa(smallest)+" to "+strconv.Itoa(pageSize))
		}
		q.size = n
	}
	if s.config.PageSize > 0 {
		q.size = min(q.size, s.config.PageSize)
	}
}

// fits checks the number of records that a list has.
func (q *listing) fits(total int) bool {
	if total <= mostPages*q.size {
		return true
	}
	q.complain("PageSize", "More than "+strconv.Itoa(mostPages)+" pages: reduce the date range or increase PageSize")
	return false
}

// cut returns the page's part of a list, newest first, of records in the order of time.
func cut[T any](q *listing, records []T) []T {
	end := max(len(records)-(q.page-1)*q.size, 0)
	part := slices.Clone(records[max(end-q.size, 0):end])
	slices.Reverse(part)
	return part
}

// replyPage answers with a page: keys with an @, whose values are texts.
//
// https://github.com/api-evangelist/impact/blob/main/conventions/impact-conventions.yml
func replyPage[T any](x *exchange, q *listing, total int, records []T) {
	pages := max((total+q.size-1)/q.size, 1)
	start := min((q.page-1)*q.size, total)
	x.reply(http.StatusOK, map[string]any{
		"@page": strconv.Itoa(q.page), "@numpages": strconv.Itoa(pages), "@pagesize": strconv.Itoa(q.size), "@total": strconv.Itoa(total),
		"@start": strconv.Itoa(start), "@end": strconv.Itoa(max(start+len(records)-1, 0)), "@uri": q.uri(q.page),
		"@firstpageuri": q.uri(1), "@lastpageuri": q.uri(pages), "@nextpageuri": q.neighbour(q.page+1, pages), "@previouspageuri": q.neighbour(q.page-1, pages),
		q.resource: records,
	})
}

func (q *listing) uri(page int) string {
	values := url.Values{}
	for name, v := range q.values {
		values[name] = v
	}
	values.Set("Page", strconv.Itoa(page))
	return q.path + "?" + values.Encode()
}

func (q *listing) neighbour(page, pages int) string {
	if page < 1 || page > pages {
		return ""
	}
	return q.uri(page)
}
