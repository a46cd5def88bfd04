package segmentapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// The bases of the Profile API in each region.
const (
	ProfileUS = "https://profiles.segment.com"
	ProfileEU = "https://profiles.euw1.segment.com"
)

// MostPerSecond is how many requests a second Segment allows for one space.
const MostPerSecond = 100

// profilePage is the most that Segment's page on paging allows.
const profilePage = 100

// The classes of traits that can be asked for.
const (
	ClassAudience = "audience"
	ClassComputed = "computed_trait"
)

// Profiles is a client of the Profile API (https://segment.com/docs/unify/profile-api/)
// for one space. It is safe for concurrent use.
type Profiles struct {
	*caller
	space string
}

// NewProfiles returns a client for a space's access token.
func NewProfiles(base, space, token string, o Options) *Profiles {
	return &Profiles{newCaller(base, o, func(r *http.Request) { r.SetBasicAuth(token, "") }), space}
}

// ID is an external id of a person, such as user_id:u1.
type ID struct{ Type, Value string }

// path returns the path of a profile. Segment finds ids in lower case only, and fails
// on characters that are not escaped.
func (p *Profiles) path(id ID, what string) string {
	escaped := strings.ReplaceAll(url.QueryEscape(strings.ToLower(id.Value)), "+", "%20")
	return "/v1/spaces/" + url.PathEscape(p.space) + "/collections/users/profiles/" + url.QueryEscape(id.Type) + ":" + escaped + "/" + what
}

// cursor is how the Profile API pages.
type cursor struct {
	More bool   `json:"has_more"`
	Next string `json:"next"`
}

func (c cursor) next() string {
	if !c.More {
		return ""
	}
	return c.Next
}

// Traits returns the traits of a class that a person has: audiences as true or false,
// computed traits as text, numbers as Segment writes them. A person whom Segment does not
// know is an error for which [NotFound] holds.
func (p *Profiles) Traits(ctx context.Context, id ID, class string) (map[string]string, error) {
	traits := map[string]string{}
	err := p.pages(ctx, id, "traits", url.Values{"class": {class}}, func(body *profileBody) error {
		if body.Traits == nil {
			return fmt.Errorf("%w: it has no traits", errAnswer)
		}
		for key, value := range body.Traits {
			if text, ok := textOf(value); ok {
				traits[key] = text
			}
		}
		return nil
	})
	return traits, err
}

// ExternalIDs returns a person's ids. [NotFound] is as for Traits.
func (p *Profiles) ExternalIDs(ctx context.Context, id ID) (all []ID, err error) {
	err = p.pages(ctx, id, "external_ids", url.Values{}, func(body *profileBody) error {
		for _, one := range body.Data {
			all = append(all, ID{one.Type, one.ID})
		}
		return nil
	})
	return all, err
}

type profileBody struct {
	Traits map[string]json.RawMessage `json:"traits"`
	Data   []struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	} `json:"data"`
	Cursor cursor `json:"cursor"`
}

func (p *Profiles) pages(ctx context.Context, id ID, what string, q url.Values, fn func(*profileBody) error) error {
	q.Set("limit", strconv.Itoa(profilePage))
	err := pages(func(cursor string) (string, error) {
		if cursor != "" {
			q.Set("next", cursor)
		}
		var body profileBody
		if err := p.get(ctx, p.path(id, what), q, "application/json", &body); err != nil {
			return "", err
		}
		return body.Cursor.next(), fn(&body)
	})
	if err != nil {
		return fmt.Errorf("read a profile's %s: %w", what, err)
	}
	return nil
}

// textOf returns a value as text. It is false for null, lists and objects.
func textOf(value json.RawMessage) (string, bool) {
	var text string
	raw := strings.TrimSpace(string(value))
	switch {
	case raw == "" || raw == "null" || raw[0] == '{' || raw[0] == '[':
		return "", false
	case raw[0] != '"':
		return raw, true
	}
	err := json.Unmarshal(value, &text)
	return text, err == nil
}
