package segmentapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// The bases of the Public API in each region.
const (
	PublicUS = "https://api.segmentapis.com"
	PublicEU = "https://eu1.api.segmentapis.com"
)

const (
	pageSize = 200 // the most that Segment documents for audiences
	acceptV1 = "application/vnd.segment.v1+json"
	// Spaces and computed traits are not in v1.
	acceptAlpha = "application/vnd.segment.v1alpha+json"
)

// Public is a client of the Public API (https://docs.segmentapis.com). It is safe for
// concurrent use.
type Public struct{ *caller }

// NewPublic returns a client for a workspace's token, which only a workspace owner can
// make.
func NewPublic(base, token string, o Options) *Public {
	return &Public{newCaller(base, o, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })}
}

// Size is how many profiles Segment counts. A profile has one or more ids, so that it
// is not the number of ids.
type Size struct {
	Count int64  `json:"count"`
	Type  string `json:"type"` // USERS, ACCOUNTS or ENTITIES
}

// Computation is an audience or a computed trait of a space.
type Computation struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Key     string `json:"key"`
	Enabled bool   `json:"enabled"`
	Status  string `json:"status"`
	Size    *Size  `json:"size"` // of audiences
}

type paging struct {
	Next *string `json:"next"`
}

func (p *paging) next() string {
	if p.Next == nil {
		return ""
	}
	return *p.Next
}

// Audiences returns the audiences of a space (GET /spaces/{id}/audiences).
func (p *Public) Audiences(ctx context.Context, space string) (all []Computation, err error) {
	return p.computations(ctx, space, "audiences", acceptV1)
}

// ComputedTraits returns the computed traits of a space (GET
// /spaces/{id}/computed-traits, which Segment calls alpha).
func (p *Public) ComputedTraits(ctx context.Context, space string) (all []Computation, err error) {
	return p.computations(ctx, space, "computed-traits", acceptAlpha)
}

func (p *Public) computations(ctx context.Context, space, what, accept string) (all []Computation, err error) {
	err = pages(func(cursor string) (string, error) {
		var page struct {
			Data *struct {
				Audiences  []Computation `json:"audiences"`
				Traits     []Computation `json:"computedTraits"`
				Pagination paging        `json:"pagination"`
			} `json:"data"`
		}
		err := p.get(ctx, "/spaces/"+url.PathEscape(space)+"/"+what, query(cursor), accept, &page)
		if err != nil {
			return "", err
		}
		if page.Data == nil || what == "audiences" && page.Data.Audiences == nil || what != "audiences" && page.Data.Traits == nil {
			return "", fmt.Errorf("%w: it has no data.%s", errAnswer, what)
		}
		all = append(append(all, page.Data.Audiences...), page.Data.Traits...)
		return page.Data.Pagination.next(), nil
	})
	if err != nil {
		return nil, fmt.Errorf("read Segment's %s: %w", what, err)
	}
	return all, nil
}

// Suppressed calls fn with each suppressed user id (GET /suppressions). Segment
// suppresses objects, too; they are not people.
func (p *Public) Suppressed(ctx context.Context, fn func(userID string) error) error {
	err := pages(func(cursor string) (string, error) {
		var page struct {
			Data struct {
				Suppressed []struct {
					Type string   `json:"subjectType"`
					IDs  []string `json:"subjectIds"`
				} `json:"suppressed"`
				Pagination paging `json:"pagination"`
			} `json:"data"`
		}
		if err := p.get(ctx, "/suppressions", query(cursor), acceptV1, &page); err != nil {
			return "", err
		}
		if page.Data.Suppressed == nil {
			return "", fmt.Errorf("%w: it has no data.suppressed", errAnswer)
		}
		for _, s := range page.Data.Suppressed {
			if s.Type != "" && s.Type != "USER_ID" {
				continue
			}
			for _, id := range s.IDs {
				if err := fn(id); err != nil {
					return "", err
				}
			}
		}
		return page.Data.Pagination.next(), nil
	})
	if err != nil {
		return fmt.Errorf("read Segment's suppressions: %w", err)
	}
	return nil
}

// Space returns an error if the token may not read the space: it asks for one audience.
func (p *Public) Space(ctx context.Context, space string) error {
	var page struct{}
	return p.get(ctx, "/spaces/"+url.PathEscape(space)+"/audiences", url.Values{"pagination.count": {"1"}}, acceptV1, &page)
}

func query(cursor string) url.Values {
	q := url.Values{"pagination.count": {strconv.Itoa(pageSize)}}
	if cursor != "" {
		q.Set("pagination.cursor", cursor)
	}
	return q
}

// errEndless says that cursors repeat.
var errEndless = errors.New("the pages do not end")

// pages calls fn with each cursor, "" at first, until it returns none.
func pages(fn func(cursor string) (next string, err error)) error {
	seen := map[string]bool{}
	for cursor := ""; ; seen[cursor] = true {
		next, err := fn(cursor)
		if err != nil || next == "" {
			return err
		}
		if seen[next] || next == cursor || len(seen) >= mostPages {
			return errEndless
		}
		cursor = next
	}
}
