package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/impactsync/impactsync/sync/daemon"
	"github.com/impactsync/impactsync/sync/mapping"
)

var (
	digits   = regexp.MustCompile(`^[0-9]{1,16}$`)
	currency = regexp.MustCompile(`^[A-Z]{3}$`)
)

// check reports what types and tags cannot say.
func (l *loader) check() {
	l.checkDestination()
	l.checkSources()
	l.checkPrivacy()
	l.checkPeople()
	l.checkTelling()
	l.checkSegment()
	l.checkReport()
	l.checkRefunds()
	l.checkConversions()
	l.checkReconcile()
	l.checkReceive()
	c := l.config
	_, zone := time.LoadLocation(c.TimeZone)
	l.must(c.MaxEventAge > 0, "maxEventAge", "must be more than 0s", "leave it out for 720h")
	l.must(c.Delivery.RequestTimeout > 0, "delivery.requestTimeout", "must be more than 0s", "leave it out for 10s")
	l.must(c.Delivery.AttributionWait >= 0, "delivery.attributionWait", "must not be negative", "0s means not to wait")
	l.must(c.DefaultCurrency == "" || currency.MatchString(c.DefaultCurrency), "defaultCurrency", "must be three capital letters", "an ISO 4217 code such as USD")
	l.checkSchedule(c.Schedule)
	l.must(zone == nil, "timeZone", "no such time zone", "an IANA name such as Europe/Berlin")
	if g := c.Guard; g.FirstSync == "hold" && g.MaxJoins == nil && g.Conversions == nil {
		l.warn("guard.firstSync", "holds nothing by itself", "set guard.maxJoins or guard.conversions, too")
	}
}

func (l *loader) checkRefunds() {
	r := l.config.Refunds
	if r == nil {
		return
	}
	l.must(r.Wait > 0, "refunds.wait", "must be more than 0s", "leave it out for 48h")
	l.must(r.Margin >= 0, "refunds.margin", "must not be negative", "0s: until the last moment")
	for i, m := range r.Meanings {
		key := fmt.Sprintf("refunds.meanings[%d]", i)
		l.must(m.Amount != "" || m.Full != "", key+".amount", "is missing", "one of "+strings.Join(mapping.Meanings, ", "))
		l.must((m.Amount == mapping.MeansField) == (m.Field != ""), key+".field", "goes with amount: field, which needs it", "such as properties.refund_amount")
		l.must(!m.MinorUnits || m.Field != "", key+".minorUnits", "goes with amount: field", "remove it")
		if m.Source != "" {
			l.checkGlob(key+".source", m.Source)
		}
	}
	actions := map[string]bool{}
	for _, name := range l.config.Destination.ActionEventNames.Named() {
		actions[mapping.FoldEvent(name)] = true
	}
	for _, name := range slices.Concat([]string{"Order Refunded", "Order Cancelled", "Order Updated"}, r.RefundEventNames.Named(), r.CancelEventNames.Named(), r.UpdateEventNames.Named()) {
		if actions[mapping.FoldEvent(name)] {
			l.problem("destination.actionEventNames", fmt.Sprintf("%q takes orders back (refunds), and would be sent as a conversion", name), "take it out of one of them")
		}
	}
}

func (l *loader) checkReconcile() {
	r := &l.config.Reconcile
	_, share := parseShare(r.Share)
	l.must(r.Every >= 0, "reconcile.every", "must not be negative", "0s means only by hand")
	l.must(r.Window > 0, "reconcile.window", "must be more than 0s", "leave it out for 45d")
	l.must(r.After >= 0, "reconcile.after", "must not be negative", "leave it out for 48h")
	l.must(share && r.ShareOfQuota() > 0, "reconcile.share", l.quote("reconcile.share", r.Share)+" is not a share", "all, or a share of more than 0% and at most 100%, such as 20%")
}

func (l *loader) checkConversions() {
	c := &l.config.Conversions
	_, share := parseShare(c.Verify)
	l.must(share, "conversions.verify", l.quote("conversions.verify", c.Verify)+" is not a share", "off, all, or a share of 0% to 100%, such as 1%")
	l.must(c.Patience >= 0, "conversions.patience", "must not be negative", "leave it out for 6h")
	l.must(c.File.UnknownAfter > 0, "conversions.file.unknownAfter", "must be more than 0s", "leave it out for 24h")
	const key = "conversions.file.url"
	if c.File.URL == "" {
		c.File.URL = l.config.conversionFolder()
	}
	u, err := url.Parse(c.File.URL) // not quoted: it may hold a password
	switch {
	case err != nil || u.Scheme != "file" && u.Scheme != "sftp":
		l.problem(key, "is not an address of a folder", "file:///absolute/folder/, file://./folder/ for one beside this file, or sftp://user@host/folder/")
	case u.Scheme == "sftp":
		l.must(c.File.PrivateKey != "" || c.File.PrivateKeyFile != "", "conversions.file.privateKeyFile", "is missing", "the path of the SSH key with which to log in (RSA for impact.com)")
		l.must(len(c.File.HostKeys) > 0, "conversions.file.hostKeys", "is missing", "the server's key, such as ssh-rsa AAAA... or SHA256:...; ssh-keyscan HOST shows it")
	default:
		l.must(c.File.PrivateKey == "" && c.File.PrivateKeyFile == "" && len(c.File.HostKeys) == 0, key, "is a folder of this machine, which needs no keys", "sftp://user@host/folder/, or remove privateKeyFile and hostKeys")
	}
}

func (l *loader) checkSchedule(text string) {
	_, err := daemon.ParseSchedule(text)
	what := l.quote("schedule", text) + " is not a cron schedule"
	if why := daemon.ScheduleError(""); errors.As(err, &why) { // cron's own errors quote the text, which may be a secret's
		what = l.quote("schedule", text) + " cannot be followed: " + why.Error()
	}
	l.must(err == nil, "schedule", what, `five fields such as "0 */2 * * *", or @every 2h`)
}

func (l *loader) checkDestination() {
	d := l.config.Destination
	l.must(d.AccountSID != "", "destination.accountSid", "is missing", "impact.com's Account SID: Settings, Technical, API")
	l.must(d.APIKey != "" || d.APIKeyFile != "", "destination.apiKey", "is missing", "impact.com's Auth Token, or apiKeyFile with the path of a file that holds it")
	l.must(d.CampaignID != "", "destination.campaignId", "is missing", "the id of the impact.com program")
	l.must(digits.MatchString(d.CampaignID), "destination.campaignId", "must be digits", "the id of the program, not its name")
	l.must(d.EventTypeID == "" || digits.MatchString(d.EventTypeID), "destination.eventTypeId", "must be digits", "leave it blank to send the event's name")
	for name, id := range d.EventTypeIDs {
		l.must(digits.MatchString(id), fmt.Sprintf("destination.eventTypeIds[%q]", name), "must be digits", "")
	}
	l.checkEventNames()
	l.checkMapping("destination.customParameterMapping", d.CustomParameterMapping)
	l.checkMapping("destination.customMappingForProducts", d.CustomMappingForProducts)
	l.checkHost("destination.trackingURL", d.TrackingURL)
	l.checkHost("destination.apiURL", d.APIURL)
	if local(d.TrackingURL) != local(d.APIURL) {
		l.warn("destination.trackingURL", "one of trackingURL and apiURL is a sandbox's, the other is not", "set both: page loads of a trial would reach impact.com")
	}
	l.checkPageURL(d.PageURL)
}

func (l *loader) checkPrivacy() {
	p := l.config.Privacy
	const shortest = 32 // hex digits of 128 bits
	l.must(p.HashKey == "" || len(p.HashKey) >= shortest, "privacy.hashKey", fmt.Sprintf("must have %d characters or more", shortest), "make one with: openssl rand -hex 32")
	if p.SuppressionList != "" {
		l.checkBucket("privacy.suppressionList", p.SuppressionList)
	}
	l.checkHost("privacy.segmentURL", p.SegmentURL)
}

// checkPeople checks placeholderIds and trustedIds.
func (l *loader) checkPeople() {
	c := l.config
	placeholders := map[string]bool{}
	folded := func(id string) string { return strings.ToLower(strings.TrimSpace(id)) }
	for i, id := range c.PlaceholderIDs {
		l.must(folded(id) != "", fmt.Sprintf("placeholderIds[%d]", i), "is empty", "an empty id is nobody's anyway: remove the line")
		placeholders[folded(id)] = true
	}
	for i, id := range c.TrustedIDs {
		key := fmt.Sprintf("trustedIds[%d]", i)
		l.must(folded(id) != "", key, "is empty", "write the id as Segment has it, or remove the line")
		l.must(!placeholders[folded(id)], key, "is in placeholderIds, too", "it is one person's (trustedIds) or nobody's (placeholderIds)")
	}
}

// checkEventNames warns of names in two lists, of which only the first counts.
func (l *loader) checkEventNames() {
	d := &l.config.Destination
	first := map[string]string{}
	for _, list := range []struct {
		key   string
		names EventNames
	}{
		{"destination.actionEventNames", d.ActionEventNames}, // in the order in which they count
		{"destination.installEventNames", d.InstallEventNames},
		{"destination.pageLoadEventNames", d.PageLoadEventNames},
	} {
		path := list.key
		if list.names.Replaces() {
			path += ".only"
		}
		for i, name := range list.names.Named() {
			at, folded := fmt.Sprintf("%s[%d]", path, i), mapping.FoldEvent(name)
			if other := cmp.Or(first[folded], list.key); other != list.key {
				l.warn(at, fmt.Sprintf("%s is in %s too (case does not count), and follows that list", l.quote(at, name), other), "keep it in one of them")
				continue
			}
			first[folded] = list.key
		}
	}
}

func (l *loader) checkMapping(key string, mapping map[string]string) {
	for parameter, from := range mapping {
		at := fmt.Sprintf("%s[%q]", key, parameter)
		switch raw := l.raw[l.at(at)]; {
		case parameter == "":
			l.problem(at, "want a parameter and a path", "such as CustomerStatus: properties.customer_status")
		case from == "" && raw != "":
			l.problem(at, "is empty: the environment has no value for "+raw, `give it one, or write "" to leave the parameter out`)
		}
	}
}

// checkHost requires https, since credentials and personal data are sent there. A
// loopback address, such as the sandbox's, may do without.
func (l *loader) checkHost(key, text string) {
	switch u := webAddress(text); {
	case u == nil:
		l.problem(key, "is not an http address", "such as https://api.impact.com")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		l.problem(key, "must be a plain address, without user, query or fragment", "such as https://api.impact.com")
	case u.Scheme == "http" && !local(text):
		l.problem(key, "must be https", "http is for loopback addresses only, such as the sandbox's")
	}
}

// local reports whether an address is on this machine.
func local(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func (l *loader) checkPageURL(text string) {
	const key = "destination.pageUrl"
	if text == "" {
		sendsTraits := slices.ContainsFunc(l.config.Sources, func(s Source) bool {
			return s.Kind == KindAudiences || s.Kind == KindWarehouse && s.Reader != ReaderEvents || len(s.Traits.Include) > 0 || s.AllAudiences
		})
		l.must(!sendsTraits, key, "is missing, and trait updates need it", "your home page, such as https://www.example.com/")
		return
	}
	l.must(webAddress(text) != nil, key, "is not a web address", "such as https://www.example.com/")
}

// webAddress parses an address of http or https. It returns nil for anything else.
func webAddress(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil
	}
	return u
}

func (l *loader) checkSources() {
	l.must(len(l.config.Sources) > 0, "sources", "is missing", "there is nothing to read; see examples/minimal.yaml")
	first := map[string]int{}
	for i := range l.config.Sources {
		s := &l.config.Sources[i]
		key := l.source(i)
		l.must(s.Name != "", key+".name", "is missing", "a short name for logs and the state, such as web")
		if j, twice := first[s.Name]; twice {
			l.problem(key+".name", fmt.Sprintf("%s is the name of %s already", l.quote(key+".name", s.Name), l.source(j)), "give each source a name of its own")
		} else if s.Name != "" {
			first[s.Name] = i
		}
		l.checkSource(key, s)
	}
	l.checkKeys()
}

func (l *loader) checkSource(key string, s *Source) {
	switch s.Kind {
	case "":
		l.problem(key+".kind", "is missing", "events, audiences or warehouse")
	case KindEvents:
		if !s.AllAudiences {
			l.refuse(key, "kind: "+s.Kind, "audiences")
		}
	case KindAudiences:
		l.refuse(key, "kind: "+s.Kind, "traits", "honourIntegrations", "startAt")
	case KindWarehouse:
		l.checkWarehouse(key, s)
	}
	if s.Kind != KindWarehouse {
		l.refuse(key, "kind: "+s.Kind, warehouseKeys...)
		l.checkBucket(key+".url", s.URL)
	}
	l.must(s.MaxAge >= 0, key+".maxAge", "must not be negative", "")
	l.checkGlobs(key+".traits.include", s.Traits.Include)
	l.checkGlobs(key+".traits.exclude", s.Traits.Exclude)
	for _, a := range s.Audiences {
		at := fmt.Sprintf("%s.audiences[%q]", key, a.Pattern)
		if s.Kind == KindAudiences {
			l.refuse(at, "kind: "+s.Kind, traitKeys...)
			l.checkGlob(at, a.Pattern)
		}
	}
}

func (l *loader) refuse(section, with string, keys ...string) {
	for _, key := range keys {
		l.must(!l.isSet(section+"."+key), section+"."+key, "does not go with "+with, "remove it")
	}
}

// checkBucket checks an address that sync/source/bucket is to open. The address is
// not quoted: its query may hold a key.
func (l *loader) checkBucket(key, text string) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		l.problem(key, "is missing", "such as s3://bucket/segment-logs/abc/?region=eu-west-1")
	case err != nil:
		l.problem(key, "is not a URL", "such as s3://bucket/segment-logs/abc/?region=eu-west-1")
	case u.Scheme == "file":
		l.must(u.Host == "" && u.Path != "", key, "names no folder", "file:///absolute/folder/, or file://./folder/ for one beside this file")
	case slices.Contains([]string{"s3", "gs", "azblob"}, u.Scheme):
		l.must(u.Host != "", key, "names no bucket", "such as "+u.Scheme+"://bucket/folder/")
	default:
		l.problem(key, "its scheme is not one of file://, s3://, gs:// or azblob://", "")
	}
}

// checkReport makes the report's path absolute, if it is one, or checks its address.
func (l *loader) checkReport() {
	path := &l.config.Report.Path
	if scheme, rest, address := strings.Cut(*path, "://"); address {
		l.must(slices.Contains([]string{"s3", "gs", "azblob"}, scheme), "report.path", "its scheme is not one of s3://, gs:// or azblob://", "a file is named by its path alone")
		object, _, _ := strings.Cut(rest, "?")
		bucket, name, _ := strings.Cut(object, "/")
		l.must(bucket != "" && name != "" && !strings.HasSuffix(name, "/"), "report.path", "names no object", "such as "+scheme+"://bucket/impactsync/status.html")
	} else if *path != "" && !filepath.IsAbs(*path) {
		*path = filepath.Join(l.folder, *path)
	}
}

func (l *loader) checkGlobs(key string, patterns []string) {
	for i, p := range patterns {
		l.checkGlob(fmt.Sprintf("%s[%d]", key, i), p)
	}
}

func (l *loader) checkGlob(key, pattern string) {
	if _, err := path.Match(pattern, ""); err != nil || strings.TrimSpace(pattern) == "" {
		l.problem(key, l.quote(key, pattern)+" is not a pattern", `* stands for any text, ? for one character, [ab] for a or b; write \[ for a bracket`)
	}
}
