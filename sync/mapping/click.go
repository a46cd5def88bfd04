package mapping

import (
	"net/url"
	"strings"

	"github.com/impactsync/impactsync/sync/segment"
)

var (
	pathReferrerType = segment.MustPath("context.referrer.type")
	pathReferrerID   = segment.MustPath("context.referrer.id")
)

// clickPaths are where a landing URL or its query may stand.
var clickPaths = [...]segment.Path{
	pathPageURL, pathPropertiesURL,
	segment.MustPath("context.page.search"), segment.MustPath("properties.search"),
}

// clickNames are the names of impact.com's landing parameter, newest first.
var clickNames = [...]string{"im_ref", "irclickid", "clickid"}

// ClickID is the click id that a message itself carries, or nothing. A URL's
// is decoded once; ids that cannot be sent are none.
func (m *Mapper) ClickID(msg *segment.Message) string {
	id, long := cutText(clickIDOf(msg), maxClickID)
	if long || !segment.UsableID(id) {
		return ""
	}
	return strings.Clone(id)
}

// HasClickID reports whether a message carries a click id of its own.
func (m *Mapper) HasClickID(msg *segment.Message) bool { return m.ClickID(msg) != "" }

// maxClickID is the documented length of a ClickId
// (https://integrations.impact.com/impact-brand/reference/the-conversion-object).
const maxClickID = 64

func clickIDOf(m *segment.Message) string {
	if kind, _ := m.Lookup(pathReferrerType).Str(); kind == "impactRadius" {
		if id := textOf(m.Lookup(pathReferrerID)); id != "" {
			return id
		}
	}
	for i := range clickPaths {
		text, _ := m.Lookup(clickPaths[i]).Text()
		if strings.IndexByte(text, '?') < 0 {
			continue // most have none, and it costs least to see
		}
		if id := clickIDIn(bounded(text)); id != "" {
			return id
		}
	}
	return ""
}

// clickIDIn finds the click id in a URL or in a query alone.
func clickIDIn(text string) string {
	_, query, _ := strings.Cut(text, "?")
	query, _, _ = strings.Cut(query, "#")
	for _, name := range clickNames {
		if id := queryValue(query, name); id != "" {
			return id
		}
	}
	return ""
}

func queryValue(query, name string) string {
	if !strings.Contains(query, name) {
		return ""
	}
	var pair string
	for query != "" {
		pair, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		if key != name || value == "" {
			continue
		}
		decoded, err := url.QueryUnescape(value)
		if err != nil {
			decoded = value
		}
		return segment.Redact(strings.ToValidUTF8(decoded, ""))
	}
	return ""
}
