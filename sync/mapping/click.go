package mapping

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/segment"
)

var (
	pathReferrerType = segment.MustPath("context.referrer.type")
	pathReferrerID   = segment.MustPath("context.referrer.id")
)

// clickPlace is where a landing URL or its query may be.
type clickPlace struct {
	path     segment.Path
	query    bool // only the query
	referrer bool // a URL that may be another site's
}

// clickPlaces are those in Segment's spec
// (https://segment.com/docs/connections/spec/common/, /page/ and /mobile/: the
// url of a deep link that was opened). Of two ids under one name the first counts.
var clickPlaces = [...]clickPlace{
	{path: pathPageURL},
	{path: pathPropertiesURL},
	{path: segment.MustPath("context.page.search"), query: true},
	{path: segment.MustPath("properties.search"), query: true},
	{path: segment.MustPath("context.referrer.url"), referrer: true},
	{path: segment.MustPath("context.referrer.link"), referrer: true},
	{path: segment.MustPath("context.page.referrer"), referrer: true},
	{path: segment.MustPath("properties.referrer"), referrer: true},
}

// genericClickName is a name that other networks also use.
const genericClickName = "clickid"

// clickNames returns the names of the URL parameter by precedence: impact.com's own,
// newest first, those of the settings, and last the one that may be another
// network's, unless the settings have it.
func clickNames(own []string) (names []string) {
	for _, name := range slices.Concat([]string{"im_ref", "irclickid"}, own, []string{genericClickName}) {
		if name = strings.ToLower(name); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// maxClickID is the documented length of a ClickId
// (https://integrations.impact.com/impact-brand/reference/the-conversion-object).
const maxClickID = 64

// foundClick is the best click id so far.
type foundClick struct {
	id   string
	sure bool
	long bool // a better one was too long
	rank int  // of its name
}

// offer takes an id if it is usable and better than the present one: a placeholder
// replaces nothing.
func (f *foundClick) offer(id string, sure bool, rank int) {
	if id == "" || f.id != "" && f.rank <= rank {
		return
	}
	if _, long := cutText(id, maxClickID); long {
		f.long = true
		return
	}
	f.id, f.sure, f.rank = id, sure, rank
}

// findClick looks for the message's click id in the custom mapping, and then in its
// places.
func (b *build) findClick() (found foundClick) {
	if b.mapper.clickSource != nil {
		if found.offer(clickText(b.resolve(b.mapper.clickSource)), true, -2); found.id != "" {
			return found
		}
	}
	own := b.mapper.clickIn(b.msg)
	own.long = own.long || found.long
	return own
}

// clickIn looks for a message's click id in a referrer of impact.com, and for each name
// in each place.
func (m *Mapper) clickIn(msg *segment.Message) (found foundClick) {
	if kind, _ := msg.Lookup(pathReferrerType).Str(); strings.EqualFold(strings.TrimSpace(kind), "impactRadius") {
		if found.offer(clickText(textOf(msg.Lookup(pathReferrerID))), true, -1); found.id != "" {
			return found
		}
	}
	for i := range clickPlaces {
		p := &clickPlaces[i]
		text, _ := msg.Lookup(p.path).Text()
		if !p.query && !strings.ContainsAny(text, "?#") {
			continue // most have none, and this check is cheap
		}
		m.searchClick(bounded(text), p.query, p.referrer && otherSite(msg, text), &found)
	}
	return found
}

// otherSite reports whether a referrer is on another site than the page.
func otherSite(msg *segment.Message, referrer string) bool {
	for _, path := range [...]segment.Path{pathPageURL, pathPropertiesURL} {
		if page, _ := msg.Lookup(path).Text(); page != "" {
			return !strings.EqualFold(siteOf(page), siteOf(referrer))
		}
	}
	return false
}

// siteOf returns the host of a URL without www.
func siteOf(text string) string {
	_, host, _ := strings.Cut(text, "://")
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host = host[:i]
	}
	host = host[strings.LastIndexByte(host, '@')+1:]
	return strings.TrimPrefix(host, "www.")
}

// searchClick searches the query and the fragment of a URL, which may have a query
// of its own (#/path?im_ref=..), or only a query. In a URL of another site, clickid
// belongs to whichever network that site uses.
func (m *Mapper) searchClick(text string, query, otherSite bool, found *foundClick) {
	if !query {
		_, text = cutAt(text)
	}
	for text != "" {
		var pair string
		pair, text = cutAt(text)
		name, value, _ := strings.Cut(pair, "=")
		if value == "" {
			continue
		}
		rank := m.clickRank(name)
		if rank < 0 || found.id != "" && found.rank <= rank {
			continue
		}
		sure := m.clickNames[rank] != genericClickName || m.ownsGeneric
		if sure || !otherSite {
			found.offer(formClickText(value), sure, rank)
		}
	}
}

// cutAt cuts a URL at the next sign that separates the pairs of its query.
func cutAt(text string) (before, after string) {
	i := strings.IndexAny(text, "?#&")
	if i < 0 {
		return text, ""
	}
	return text[:i], text[i+1:]
}

// clickRank returns the position of a name, in any case, among the click names; -1
// if it is not one.
func (m *Mapper) clickRank(name string) int {
	name = strings.TrimPrefix(name, "amp;") // in a URL copied from HTML
	if strings.IndexByte(name, '%') >= 0 {
		if plain, err := url.PathUnescape(name); err == nil {
			name = plain
		}
	}
	for rank, known := range m.clickNames {
		if len(known) == len(name) && strings.EqualFold(known, name) {
			return rank
		}
	}
	return -1
}

// formClickText returns a click id from a query, see [clickText].
func formClickText(value string) string {
	if plain, err := url.QueryUnescape(value); err == nil {
		value = plain
	}
	return clickText(value)
}

// clickText returns a click id, or "" if the text is not one but a placeholder, the
// parameter's own name, an e-mail address, or unreadable. impact.com's ids have no
// percent sign, so what is still encoded was encoded twice.
func clickText(text string) string {
	for range 3 {
		if strings.IndexByte(text, '%') < 0 {
			break
		}
		plain, err := url.PathUnescape(text)
		if err != nil || plain == text {
			break
		}
		text = plain
	}
	text = strings.TrimSpace(text)
	switch {
	case !segment.UsableID(text), !utf8.ValidString(text), strings.ContainsRune(text, utf8.RuneError), segment.HoldsEmail(text):
		return ""
	case strings.ContainsAny(text, "{}<>$"), isDressedWord(text):
		return ""
	}
	return text
}

// isDressedWord reports whether a text is only a placeholder or the name of a click
// id, with signs around it or between its words: @clickid@, !!CLICK_ID!!,
// undefined/, YOUR-CLICK-ID.
func isDressedWord(text string) bool {
	core := strings.TrimFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if segment.IsPlaceholder(core) {
		return true
	}
	const longest = len("your_irclick_id")
	if len(core) > longest {
		return false
	}
	switch withoutJoints.Replace(strings.ToLower(core)) {
	case "imref", "irclickid", "clickid", "click", "yourclickid", "yourirclickid":
		return true
	}
	return false
}

// withoutJoints removes the signs between words.
var withoutJoints = strings.NewReplacer("_", "", "-", "", " ", "")

// clickID adds the message's own click id. A conversion without one takes the
// person's last click id, and so does one whose own may be another network's.
func (b *build) clickID(s *step) {
	found := b.click
	if b.on == impactapi.Conversions && (found.id == "" || !found.sure && b.person.ClickSure) {
		if b.put(s, bounded(b.person.ClickID)) {
			return
		}
	}
	if !b.put(s, found.id) && found.long {
		b.note(NoteTooLong, s.name)
		b.tooLong = true
	}
}
