package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// file is one that was dropped for impact.com.
type file struct {
	id, name string
	content  *os.File // until it is processed
	at       time.Time

	kind    string // Conversion, Modification, Reversal
	done    time.Time
	records int
	errors  []rowError
}

// rowError is what was wrong with one line of a file.
type rowError struct {
	line                                                    int
	campaign, tracker, event, partner, order, category, sku string
	errorType, reason                                       string
}

// version tells whether a file was replaced by another of its name.
type version struct {
	name     string
	size     int64
	modified time.Time
}

// pickUp takes what is new in Config.DropDir. A file is open from then on, so that
// it may be removed.
func (s *Sandbox) pickUp(now time.Time) error {
	if s.config.DropDir == "" {
		return nil
	}
	defer s.ledger.open(now)()
	entries, err := os.ReadDir(s.config.DropDir)
	if err != nil {
		return fmt.Errorf("read the folder of files: %w", err)
	}
	var problems []error
	for _, entry := range entries {
		if entry.Type().IsRegular() && s.wants(entry.Name()) {
			problems = append(problems, s.pickUpFile(entry.Name(), now))
		}
	}
	return errors.Join(problems...)
}

// wants leaves out other kinds of files, and the names that impact.com keeps for its
// own answers.
//
// https://help.impact.com/en/support/solutions/articles/155000000556-beta-configure-an-ftp-ftps-connection-for-batch-jobs
func (s *Sandbox) wants(name string) bool {
	fits, _ := filepath.Match(cmp.Or(s.config.DropPattern, "*.csv"), name)
	return fits && !strings.HasPrefix(name, "receipt_") && !strings.HasPrefix(name, "result_")
}

func (s *Sandbox) pickUpFile(name string, now time.Time) error {
	content, err := os.Open(filepath.Join(s.config.DropDir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil // it was removed in the meantime
	}
	if err != nil {
		return fmt.Errorf("pick up a file: %w", err)
	}
	info, err := content.Stat()
	if err != nil {
		content.Close()
		return fmt.Errorf("pick up a file: %w", err)
	}
	v := version{name, info.Size(), info.ModTime()}
	if s.ledger.picked[v] {
		return content.Close()
	}
	s.ledger.picked[v] = true
	s.ledger.after(now, s.config.PickUpAfter, func(now time.Time) {
		f := &file{id: "F-" + strconv.FormatUint(hash(name+v.modified.String()), 16), name: name, content: content, at: now, kind: "Conversion"}
		s.ledger.files = append(s.ledger.files, f)
		s.ledger.after(now, s.config.SettleAfter, func(now time.Time) { s.processFile(f, now) })
	})
	return nil
}

// fileAnswer is a file as impact.com words it.
type fileAnswer struct {
	BatchID        string `json:"BatchId"`
	SubmissionDate string
	FileName       string
	Type           string
	Status         string
	TotalRecords   any
	TotalErrors    any
	CompletionDate string
	ErrorsURI      string `json:"ErrorsUri"`
	URI            string `json:"Uri"`
}

func (s *Sandbox) fileAnswer(f *file, sid string) fileAnswer {
	uri := "/Advertisers/" + sid + "/FTPFileSubmissions/" + f.id
	a := fileAnswer{
		BatchID: f.id, SubmissionDate: date(f.at), FileName: f.name, Type: f.kind, Status: "Queued",
		TotalRecords: s.count(f.records), TotalErrors: s.count(len(f.errors)), ErrorsURI: uri + "/ErrorDetails", URI: uri,
	}
	if !f.done.IsZero() {
		a.Status, a.CompletionDate = "Complete", date(f.done)
	}
	return a
}

func (s *Sandbox) count(n int) any {
	if s.config.NumbersAsText {
		return strconv.Itoa(n)
	}
	return n
}

// fileSubmissions answers GET /Advertisers/{AccountSID}/FTPFileSubmissions and what is
// below it.
//
// https://integrations.impact.com/brand-api-reference/reference/submissions/ftp-submissions
func (s *Sandbox) fileSubmissions(x *exchange, sid, path string) {
	defer s.ledger.open(x.at)()
	id, rest, _ := strings.Cut(path, "/")
	f := s.ledger.file(id)
	switch {
	case id == "":
		s.listFiles(x, sid)
	case f == nil, rest != "" && rest != "ErrorDetails":
		x.refuse(http.StatusNotFound)
	case rest == "":
		x.reply(http.StatusOK, s.fileAnswer(f, sid))
	default:
		s.listErrors(x, f)
	}
}

func (l *ledger) file(id string) *file {
	for _, f := range l.files {
		if f.id == id {
			return f
		}
	}
	return nil
}

// kept is how long impact.com shows submissions.
const kept = 90 * 24 * time.Hour

func (s *Sandbox) listFiles(x *exchange, sid string) {
	q := s.plainListing(x, "FTPFileSubmissions")
	submitted := [2]time.Time{q.bound("SubmissionDateStart"), q.bound("SubmissionDateEnd")}
	completed := [2]time.Time{q.bound("CompletedDateStart"), q.bound("CompletedDateEnd")}
	if len(q.problems) > 0 {
		x.invalid(q.problems...)
		return
	}
	var found []*file
	for _, f := range s.ledger.files {
		if between(f.at, submitted) && between(f.done, completed) && x.at.Sub(f.at) <= kept {
			found = append(found, f)
		}
	}
	answers := []fileAnswer{}
	for _, f := range cut(q, found) {
		answers = append(answers, s.fileAnswer(f, sid))
	}
	replyPage(x, q, len(found), answers)
}

// between reports whether a time is within bounds that may be missing.
func between(t time.Time, bounds [2]time.Time) bool {
	from, to := bounds[0], bounds[1]
	return (from.IsZero() || !t.Before(from)) && (to.IsZero() || !t.IsZero() && !t.After(to))
}

// errorAnswer is an error of a line as impact.com words it.
type errorAnswer struct {
	Line            any
	CampaignID      any `json:"CampaignId"`
	ActionTrackerID any `json:"ActionTrackerId"`
	MediaPartnerID  any `json:"MediaPartnerId"`
	EventCode       string
	OrderID         string `json:"OrderId"`
	Category        string
	Sku             string
	Status          string
	Reason          string
}

func (s *Sandbox) listErrors(x *exchange, f *file) {
	q := s.plainListing(x, "ErrorDetail")
	if len(q.problems) > 0 {
		x.invalid(q.problems...)
		return
	}
	start := min((q.page-1)*q.size, len(f.errors))
	answers := []errorAnswer{}
	for _, e := range f.errors[start:min(start+q.size, len(f.errors))] {
		answers = append(answers, errorAnswer{
			Line: s.count(e.line), CampaignID: s.number(e.campaign), ActionTrackerID: s.number(e.tracker), MediaPartnerID: s.number(e.partner),
			EventCode: e.event, OrderID: e.order, Category: e.category, Sku: e.sku, Status: e.errorType, Reason: e.reason,
		})
	}
	replyPage(x, q, len(f.errors), answers)
}
