package impactapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// FileSubmission is what impact.com says of a file of conversions that it fetched or
// was sent. It is kept for 90 days.
//
// https://integrations.impact.com/brand-api-reference/reference/submissions/ftp-submissions
type FileSubmission struct {
	BatchID     string
	FileName    string
	Type        string // Conversion, Modification, Reversal
	Status      string // Queued, In Progress, Complete
	SubmittedAt time.Time
	CompletedAt time.Time // zero until Complete
	Records     int64     // -1 if impact.com does not say
	Errors      int64     // -1 if impact.com does not say
	ErrorsURI   string    // for FileErrors; blank for none
}

// Complete reports whether impact.com is done with the file, which may have Errors.
func (s *FileSubmission) Complete() bool { return strings.EqualFold(s.Status, "Complete") }

// FileError is what impact.com says of one line of a file.
type FileError struct {
	Line      string // whether the header counts is not documented
	OrderID   string
	Sku       string
	EventType string   // its id, or its code; blank if impact.com does not say
	ErrorType string   // Validation, Contract Error
	Reasons   []string // such as CONV_DUPLICATE
}

// Page is where a list goes on.
type Page struct {
	Last     bool
	Rate     Rate
	Attempts int // HTTP requests that it took
}

// FileSubmissions returns a page, from 1, of the files that impact.com got between two
// times. It has no filter by name.
func (c *Client) FileSubmissions(ctx context.Context, from, to time.Time, page int) ([]FileSubmission, Page, error) {
	query := url.Values{"SubmissionDateStart": {from.UTC().Format(time.RFC3339)}, "SubmissionDateEnd": {to.UTC().Format(time.RFC3339)}}
	// An older sample of impact.com's has APISubmission as the key.
	rows, p, err := c.listPage(ctx, "FTPFileSubmissions", query, page, "ftpfilesubmissions", "ftpfilesubmission", "apisubmissions", "apisubmission")
	all := make([]FileSubmission, len(rows))
	for i, b := range rows {
		all[i] = FileSubmission{
			BatchID: b.text("batchid"), FileName: b.text("filename"), Type: b.text("type"), Status: b.text("status"),
			SubmittedAt: b.time("submissiondate"), CompletedAt: b.time("completiondate"),
			Records: b.number("totalrecords"), Errors: b.number("totalerrors"), ErrorsURI: b.text("errorsuri"),
		}
	}
	return all, p, err
}

// FileErrors returns a page, from 1, of what was wrong in a file, by the submission's
// ErrorsURI and BatchID. A URI that does not belong to the client's account is not
// followed.
func (c *Client) FileErrors(ctx context.Context, s *FileSubmission, page int) ([]FileError, Page, error) {
	resource, err := c.errorsOf(s)
	if err != nil {
		return nil, Page{}, err
	}
	rows, p, err := c.listPage(ctx, resource, url.Values{}, page, "errordetails", "errordetail", "errors")
	all := make([]FileError, len(rows))
	for i, b := range rows {
		event := b.text("actiontrackerid")
		if event == "" || event == "0" {
			event = b.text("eventcode")
		}
		all[i] = FileError{
			Line: b.text("line"), OrderID: b.text("orderid"), Sku: b.text("sku"), EventType: event,
			ErrorType: b.text("status"), Reasons: strings.Fields(strings.ReplaceAll(b.text("reason"), ",", " ")),
		}
	}
	return all, p, err
}

// errorsOf returns the resource of a file's errors. impact.com's documents spell the
// path in two ways, so its own word counts.
func (c *Client) errorsOf(s *FileSubmission) (string, error) {
	usable := func(id string) bool {
		return id != "" && !strings.ContainsAny(id, "/%?#") && strings.Trim(id, ".") != ""
	}
	if s.ErrorsURI == "" {
		if !usable(s.BatchID) {
			return "", errors.New("look up a file's errors: the submission names neither a batch nor their URI")
		}
		return "FTPFileSubmissions/" + s.BatchID + "/ErrorDetails", nil
	}
	u, err := url.Parse(s.ErrorsURI)
	if err != nil || u.Host != "" && u.Host != c.api.Host {
		return "", errors.New("look up a file's errors: their URI is not one of this API host")
	}
	_, resource, found := strings.Cut(u.Path, "/Advertisers/"+c.config.AccountSID+"/")
	parts := strings.Split(resource, "/")
	if !found || len(parts) != 3 || !usable(parts[0]) || !usable(parts[1]) || !usable(parts[2]) {
		return "", errors.New("look up a file's errors: their URI is not one of this account's")
	}
	return resource, nil
}

// pageSize keeps an answer well below what is read of one.
const pageSize = 5000

// listPage gets a page of a list of the account's, whose key is the first that is there.
func (c *Client) listPage(ctx context.Context, resource string, query url.Values, page int, keys ...string) ([]body, Page, error) {
	query.Set("Page", strconv.Itoa(page))
	query.Set("PageSize", strconv.Itoa(pageSize))
	k := &call{
		method: http.MethodGet, path: "/Advertisers/{AccountSID}/" + resource, url: c.api.JoinPath("Advertisers", c.config.AccountSID, resource),
		headers: c.signed, repeatable: true, limit: maxList,
	}
	if c.config.AuthToken == "" {
		return nil, Page{}, ErrNoCredentials
	}
	k.url.RawQuery = query.Encode()
	a, err := c.do(ctx, k)
	if err != nil {
		return nil, Page{}, err
	}
	for _, key := range keys {
		if _, cut := a.body[key].(brokenOff); cut || !a.body.has(key) {
			continue
		}
		return a.body.objects(key), Page{Last: a.body.lastPage(page), Rate: a.rate, Attempts: a.attempts}, nil
	}
	return nil, Page{}, &Error{
		Method: k.method, Path: k.path, Status: a.status, Message: "the answer cannot be read: it has no " + keys[0], Rate: a.rate, Sent: SentAnswered, Attempts: a.attempts,
	}
}

// lastPage reports whether no page follows.
func (b body) lastPage(page int) bool {
	if b.has("@numpages") {
		return int64(page) >= b.number("@numpages")
	}
	return b.text("@nextpageuri") == ""
}

// objects returns the objects of an array, or the only one.
func (b body) objects(key string) []body {
	if one, single := b[key].(map[string]any); single {
		return body{key: []any{one}}.list(key)
	}
	return b.list(key)
}

// number returns a number, which may be a text; -1 if there is none.
func (b body) number(key string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(b.text(key)), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// time returns a time, or the zero time.
func (b body) time(key string) time.Time {
	at, _ := time.Parse(time.RFC3339, b.text(key))
	return at
}
