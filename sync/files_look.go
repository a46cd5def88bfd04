package sync

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/state"
	"github.com/impactsync/impactsync/sync/limit"
)

// Bounds of impact.com's list of files: how long it is kept, how long a window of it may
// be (documented for its other lists), and by how much clocks may differ.
const (
	submissionsKept = 90 * 24 * time.Hour
	longestWindow   = 45 * 24 * time.Hour
	clocksDiffer    = time.Hour
	mostPages       = 10_000
	errorsAtOnce    = 5000 // stored in one commit
)

// lookAtFiles asks impact.com what became of files, and settles their orders.
func (p *pass) lookAtFiles(ctx context.Context) error {
	files, err := p.State.OpenFiles(ctx, state.FileSent, state.FileUnknown)
	if err != nil {
		return fmt.Errorf("read which files are open: %w", err)
	}
	files = slices.DeleteFunc(files, func(f state.File) bool { return p.now().Sub(f.SentAt) > submissionsKept })
	if !slices.ContainsFunc(files, func(f state.File) bool { return f.Completed || p.now().Sub(f.LookedAt) >= p.Files.LookEvery }) {
		return nil
	}
	shown, err := p.listFiles(ctx, files)
	if err != nil {
		if trouble := p.filesTrouble(ctx, err); trouble != nil || !forbidden(err) { // with a 403, they stay unseen
			return trouble
		}
	}
	if err := p.settleFiles(ctx, shown); err != nil {
		return err
	}
	lost, err := p.State.ExpireFiles(ctx, p.Files.UnknownAfter)
	for _, name := range lost {
		p.Log.WarnContext(ctx, "impact.com never completed a file of conversions; nothing of it is sent again by itself", "file", name, "hint", "impactsync file show "+name)
	}
	return err
}

// shownFile is one of ours in impact.com's list.
type shownFile struct {
	state.File
	impactapi.FileSubmission
}

// listFiles looks for files in impact.com's list, which has no filter by name.
func (p *pass) listFiles(ctx context.Context, files []state.File) (shown []shownFile, err error) {
	wanted := make(map[string]state.File, len(files))
	from := p.now()
	for _, f := range files {
		wanted[f.Name] = f
		if f.SentAt.Before(from) {
			from = f.SentAt
		}
	}
	end := p.now().Add(clocksDiffer)
	for from = from.Add(-clocksDiffer); from.Before(end); from = from.Add(longestWindow) {
		to := from.Add(longestWindow)
		if to.After(end) {
			to = end
		}
		err := p.pages(ctx, func(page int) (*impactapi.Page, error) {
			return p.Client.FileSubmissions(ctx, from, to, page, func(s impactapi.FileSubmission) error {
				name := path.Base(strings.ReplaceAll(s.FileName, `\`, "/"))
				if f, ours := wanted[name]; ours {
					delete(wanted, name)
					shown = append(shown, shownFile{f, s})
				}
				return nil
			})
		})
		if err != nil {
			return nil, err
		}
	}
	news := make([]state.FileNews, len(shown))
	for i, s := range shown {
		news[i] = state.FileNews{ID: s.ID, BatchID: s.BatchID, Status: s.FileSubmission.Status, Records: s.Records, Errors: s.Errors, CompletedAt: s.CompletedAt}
	}
	return shown, p.State.NoteFileNews(ctx, news, files)
}

// pages gets the pages of a list within the limits of the API host.
func (p *pass) pages(ctx context.Context, get func(page int) (*impactapi.Page, error)) error {
	for page := 1; page <= mostPages; page++ {
		var at *impactapi.Page
		requests, err := p.limits.api.Ask(ctx, patience, func() (a limit.Asked, err error) {
			if at, err = get(page); err == nil {
				a = limit.Asked{Rate: at.Rate, Attempts: at.Attempts}
			}
			return a, err
		})
		if err := errors.Join(err, p.State.NoteRequests(ctx, state.HostAPI, requests)); err != nil {
			return err
		}
		if at.Last {
			return nil
		}
	}
	return fmt.Errorf("a list of impact.com's has no end after page %d", mostPages)
}

// settleFiles settles the orders of files that impact.com completed.
func (p *pass) settleFiles(ctx context.Context, shown []shownFile) error {
	for i := range shown {
		f := &shown[i]
		if !f.Complete() {
			continue
		}
		problem, fewer, err := p.readErrors(ctx, f)
		if err != nil {
			if trouble := p.filesTrouble(ctx, err); trouble != nil {
				return trouble
			}
			problem = "what was wrong in it cannot be read: " + err.Error()
		}
		if problem != "" {
			if err := p.State.NoteFileProblem(ctx, f.ID, problem); err != nil {
				return err
			}
			continue
		}
		done, err := p.State.CompleteFile(ctx, f.ID, severity[VerdictFault], p.Mapper.Fingerprint(), fewer)
		if err != nil {
			return fmt.Errorf("settle the orders of the file %s: %w", f.Name, err)
		}
		if done.Problem != "" {
			p.Log.WarnContext(ctx, "impact.com completed a file of conversions, and some of its errors belong to no order: perhaps it did not take them all", "file", f.Name, "problem", done.Problem,
				"hint", "look at the file in impact.com; impactsync file show "+f.Name)
		}
		p.Log.InfoContext(ctx, "impact.com completed a file of conversions", "file", f.Name, "orders", done.Orders, "refused", done.Refused)
	}
	return nil
}

// readErrors stores what was wrong in a file. It returns why the file cannot be settled,
// if impact.com's numbers contradict what was sent, and whether it lists fewer errors
// than it counts.
func (p *pass) readErrors(ctx context.Context, f *shownFile) (problem, fewer string, err error) {
	if f.Records >= 0 && f.Records+max(f.Errors, 0) < f.Orders {
		return fmt.Sprintf("by impact.com, its records: %d, its errors: %d; its orders: %d", f.Records, max(f.Errors, 0), f.Orders), "", nil
	}
	if f.Errors == 0 || f.Errors < 0 && f.ErrorsURI == "" {
		return "", "", nil
	}
	found := 0
	err = p.pages(ctx, func(page int) (*impactapi.Page, error) {
		var some []state.FileError
		keep := func() error {
			found += len(some)
			err := p.State.AddFileErrors(ctx, f.ID, some)
			some = some[:0]
			return err
		}
		at, err := p.Client.FileErrors(ctx, &f.FileSubmission, page, func(e impactapi.FileError) error {
			if some = append(some, fileError(e)); len(some) == errorsAtOnce {
				return keep()
			}
			return nil
		})
		return at, errors.Join(err, keep())
	})
	switch {
	case err != nil:
	case found == 0 && f.Errors > 0:
		problem = fmt.Sprintf("by impact.com, its errors are %d, and it lists none", f.Errors)
	case int64(found) < f.Errors:
		fewer = fmt.Sprintf("by impact.com, its errors are %d, and it lists %d", f.Errors, found)
	}
	return problem, fewer, err
}

// fileError reads an entry of impact.com's list of errors as its verdicts on single
// conversions are read.
func fileError(e impactapi.FileError) state.FileError {
	verdict := reading(&impactapi.Submission{Status: "Complete", ErrorType: e.ErrorType, Reasons: e.Reasons})
	if verdict == VerdictCounted { // it is in the list of errors
		verdict = VerdictFault
	}
	return state.FileError{
		OrderID: e.OrderID, EventType: e.EventType, Sku: e.Sku, ErrorType: e.ErrorType, Reasons: strings.Join(e.Reasons, " "),
		Verdict: verdict, Severity: severity[verdict],
	}
}

func forbidden(err error) bool {
	var api *impactapi.Error
	return errors.As(err, &api) && api.Status == http.StatusForbidden
}

// filesTrouble ends looking at files in this run. Only refused credentials fail it.
func (p *pass) filesTrouble(ctx context.Context, err error) error {
	var api *impactapi.Error
	switch {
	case !errors.As(err, &api):
		if errors.Is(err, limit.ErrNoRoom) {
			p.Log.InfoContext(ctx, "what became of files of conversions is looked up later", "reason", err)
			return nil
		}
		return err
	case api.Status == http.StatusUnauthorized:
		return credentialsError(api)
	}
	hint := "the next run continues"
	if forbidden(err) {
		hint = "the token's scopes lack reading FTP file submissions (Settings, Technical, API): without it, nobody learns what became of a file"
	}
	p.Log.WarnContext(ctx, "impact.com's list of files cannot be read", "error", err, "hint", hint)
	return nil
}
