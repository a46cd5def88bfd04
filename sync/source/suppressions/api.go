package suppressions

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/impactsync/impactsync/sync/segment"
)

// API reads the suppressed users of a workspace from Segment's Public API, GET
// /suppressions (https://docs.segmentapis.com/tag/Deletion-and-Suppression).
// Client and Wait may be zero.
type API struct {
	Base   string // https://api.segmentapis.com, or https://eu1.api.segmentapis.com
	Token  string
	Client *http.Client
	Wait   time.Duration // before the first repeat of a failed call; it doubles each time; 0 means 1 s
}

// Limits of the calls and their answers.
const (
	pageSize   = 200
	pageTries  = 5
	mostPages  = 100_000
	pageBytes  = 16 << 20
	longestLag = time.Minute // how long an answer may make us wait
)

type subject struct {
	Type string   `json:"subjectType"`
	IDs  []string `json:"subjectIds"`
}

type page struct {
	Data struct {
		Suppressed []subject `json:"suppressed"`
		Pagination struct {
			Next *string `json:"next"`
		} `json:"pagination"`
	} `json:"data"`
}

// Each calls fn with each suppressed user id, page by page. A call that fails for
// the moment (429, 5xx, no connection) is repeated up to four times. Errors never
// hold the token.
func (a *API) Each(ctx context.Context, fn func(segment.Identity) error) error {
	seen := map[string]bool{}
	for cursor := ""; ; {
		p, err := a.page(ctx, cursor)
		if err != nil {
			return fmt.Errorf("read Segment's suppressions: %w", err)
		}
		for i := range p.Data.Suppressed {
			s := &p.Data.Suppressed[i]
			if s.Type != "" && s.Type != "USER_ID" { // Segment suppresses objects, too; they are not people
				continue
			}
			for _, id := range s.IDs {
				if err := fn(segment.NewIdentity(id, "", "")); err != nil {
					return err
				}
			}
		}
		next := p.Data.Pagination.Next
		if next == nil || *next == "" {
			return nil
		}
		if seen[*next] || len(seen) >= mostPages {
			return errors.New("read Segment's suppressions: the pages do not end")
		}
		cursor = *next
		seen[cursor] = true
	}
}

// again is an error after which another try may succeed.
type again struct {
	error
	after time.Duration
}

func (e *again) Unwrap() error { return e.error }

func (a *API) page(ctx context.Context, cursor string) (page, error) {
	wait := cmp.Or(a.Wait, time.Second)
	for try := 1; ; try++ {
		p, err := a.get(ctx, cursor)
		var later *again
		if !errors.As(err, &later) || try == pageTries {
			return p, err
		}
		select {
		case <-time.After(min(max(wait, later.after), longestLag)):
		case <-ctx.Done():
			return p, context.Cause(ctx)
		}
		wait *= 2
	}
}

func (a *API) get(ctx context.Context, cursor string) (p page, err error) {
	query := url.Values{"pagination.count": {strconv.Itoa(pageSize)}}
	if cursor != "" {
		query.Set("pagination.cursor", cursor)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("no answer within a minute"))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(a.Base, "/")+"/suppressions?"+query.Encode(), http.NoBody)
	if err != nil {
		return p, errors.New("privacy.segmentURL is not a valid address")
	}
	req.Header.Set("Authorization", "Bearer "+a.Token)
	req.Header.Set("Accept", "application/vnd.segment.v1+json")
	res, err := a.client().Do(req)
	if err != nil {
		return p, &again{error: bare(err)}
	}
	defer res.Body.Close()
	if err := check(res); err != nil {
		return p, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, pageBytes+1))
	switch {
	case err != nil:
		return p, &again{error: bare(err)}
	case len(body) > pageBytes:
		return p, errors.New("an answer is longer than 16 MiB")
	case json.Unmarshal(body, &p) != nil:
		return p, errors.New("the answer is not the JSON that is documented")
	case p.Data.Suppressed == nil:
		return p, errors.New("the answer has no data.suppressed")
	}
	return p, nil
}

// client returns a client that follows no redirects: the token is for one host.
func (a *API) client() *http.Client {
	c := http.Client{}
	if a.Client != nil {
		c = *a.Client
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// bare returns a transport's error without the address and its query.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func check(res *http.Response) error {
	err := fmt.Errorf("%s answers %d", res.Request.URL.Host, res.StatusCode)
	switch {
	case res.StatusCode == http.StatusOK:
		return nil
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%w: privacy.segmentToken is not the token of a workspace owner, or the workspace is in another region (privacy.segmentURL)", err)
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode >= http.StatusInternalServerError:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return &again{err, time.Duration(min(max(seconds, 0), 3600)) * time.Second}
	}
	return err
}
