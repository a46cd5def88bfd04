package impactapi

import (
	"context"
	"errors"
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

type fileSubmissionRow struct {
	BatchID        text `json:"BatchId"`
	FileName       text
	Type           text
	Status         text
	SubmissionDate text
	CompletionDate text
	TotalRecords   text
	TotalErrors    text
	ErrorsURI      text `json:"ErrorsUri"`
}

func (r *fileSubmissionRow) submission() FileSubmission {
	return FileSubmission{
		BatchID: string(r.BatchID), FileName: string(r.FileName), Type: string(r.Type), Status: string(r.Status),
		SubmittedAt: r.SubmissionDate.time(), CompletedAt: r.CompletionDate.time(),
		Records: r.TotalRecords.number(), Errors: r.TotalErrors.number(), ErrorsURI: string(r.ErrorsURI),
	}
}

// number returns a whole number, or -1 if there is none.
func (t text) number() int64 {
	n, err := strconv.ParseInt(string(t), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// FileSubmissions gets one page, from 1, of the files that impact.com got between two
// times, and calls each with them while they come. There is no filter by name.
func (c *Client) FileSubmissions(ctx context.Context, from, to time.Time, page int, each func(FileSubmission) error) (*Page, error) {
	query := url.Values{"SubmissionDateStart": {from.UTC().Format(time.RFC3339)}, "SubmissionDateEnd": {to.UTC().Format(time.RFC3339)}, "Page": {strconv.Itoa(page)}}
	l := listing{"FTPFileSubmissions", []string{"ftpfilesubmissions", "apisubmission"}, query, page, 0} // the latter is in an older sample of impact.com's
	return rowsOf(ctx, c, l, func(r *fileSubmissionRow) error { return each(r.submission()) })
}

type fileErrorRow struct {
	Line            text
	OrderID         text `json:"OrderId"`
	Sku             text
	ActionTrackerID text `json:"ActionTrackerId"`
	EventCode       text
	Status          text
	Reason          text
}

func (r *fileErrorRow) error() FileError {
	e := FileError{
		Line: string(r.Line), OrderID: idOf(r.OrderID), Sku: idOf(r.Sku), EventType: string(r.ActionTrackerID), ErrorType: redactEmails(string(r.Status)),
		Reasons: strings.Fields(strings.ReplaceAll(redactEmails(string(r.Reason)), ",", " ")),
	}
	if e.EventType == "" || e.EventType == "0" {
		e.EventType = string(r.EventCode)
	}
	return e
}

// FileErrors gets one page, from 1, of what was wrong in a file, by the submission's
// ErrorsURI or BatchID, and calls each with it while it comes. A URI that does not
// belong to the client's account is not followed.
func (c *Client) FileErrors(ctx context.Context, s *FileSubmission, page int, each func(FileError) error) (*Page, error) {
	resource, err := c.errorsOf(s)
	if err != nil {
		return nil, err
	}
	l := listing{resource, []string{"errordetails", "errordetail", "errors"}, url.Values{"Page": {strconv.Itoa(page)}}, page, 0}
	return rowsOf(ctx, c, l, func(r *fileErrorRow) error { return each(r.error()) })
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
