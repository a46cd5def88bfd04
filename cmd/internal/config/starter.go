package config

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Starter is what a first configuration is made from.
type Starter struct {
	AccountSID string   // or ${NAME} of the environment
	Token      string   // the name of an environment variable, or the path of a file; never the token
	CampaignID string   // digits
	PageURL    string   // of trait updates
	Inputs     []string // folders and URLs, with events= or audiences= before those that do not tell
	Sandbox    bool     // for the sandbox on loopback
}

// SandboxStarter returns a starter for the sandbox, which takes any account.
func SandboxStarter() Starter {
	return Starter{AccountSID: "IRsandboxAccount", Token: "sandbox-token", CampaignID: "23224", PageURL: "https://www.example.com/", Inputs: []string{"./audiences"}, Sandbox: true}
}

// Question asks for one part of a starter.
type Question struct {
	Flag    string // its flag, without --
	Text    string
	Default string // "" where an answer is required
	set     func(s *Starter, answer string) error
}

// Questions are the questions whose answers make a starter.
var Questions = []Question{
	{"account-sid", "Account SID of impact.com (Settings > API), or ${NAME} of an environment variable", "${IMPACT_ACCOUNT_SID}",
		func(s *Starter, answer string) error { s.AccountSID = answer; return nil }},
	{"token", "Where the Auth Token is: the name of an environment variable, or a file's path. Not the token itself", "IMPACT_AUTH_TOKEN",
		func(s *Starter, answer string) error { s.Token = answer; return checkToken(answer) }},
	{"campaign", "Campaign (program) id: digits", "",
		func(s *Starter, answer string) error { s.CampaignID = answer; return nil }},
	{"page-url", "Your home page, which trait updates name as their page: https://...", "",
		func(s *Starter, answer string) error { s.PageURL = answer; return nil }},
	{"input", "Where the inputs are: folders, s3://, gs:// or azblob:// with blanks between; events=... for Segment's raw logs, audiences=... for lists of people", "",
		func(s *Starter, answer string) error { s.Inputs = strings.Fields(answer); return nil }},
}

// Answer takes the answer to a question. Its error says what is wrong with it.
func (q Question) Answer(s *Starter, answer string) error {
	if err := q.set(s, answer); err != nil {
		return err
	}
	trial := Starter{AccountSID: "1", Token: "IMPACT_AUTH_TOKEN", CampaignID: "1", PageURL: "https://www.example.com/", Inputs: []string{"./a"}}
	if err := q.set(&trial, answer); err != nil {
		return err
	}
	return trial.check()
}

var (
	variableName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)
	variableUse  = regexp.MustCompile(`^\$\{[A-Za-z_][A-Za-z0-9_]*\}$`)
)

// checkToken refuses what may be the token itself: it must not get into a file that
// is shown around.
func checkToken(answer string) error {
	if variableName.MatchString(answer) || strings.ContainsAny(answer, `/\.`) {
		return nil
	}
	return errors.New("name an environment variable in capitals, or a file with its folder, such as ./auth-token: the token itself is not written down here")
}

// check returns the first thing for which a run would refuse the starter.
func (s Starter) check() error {
	s.Token = "IMPACT_AUTH_TOKEN" // its file may come later
	_, err := read(s.YAML(), "impactsync.yaml", "/", func(string) (string, bool) { return "1", true })
	var problems Problems
	if errors.As(err, &problems) {
		p := problems[0]
		if p.Hint != "" {
			return fmt.Errorf("%s (%s)", p.Message, p.Hint)
		}
		return errors.New(p.Message)
	}
	return err
}

// YAML returns the file, with comments.
func (s Starter) YAML() []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if s.Sandbox {
		line("# For impactsync sandbox, which stands in for impact.com. Nothing of it reaches impact.com.")
	} else {
		line("# Written by impactsync config init. ${NAME} reads the environment.")
	}
	line("# docs/configuration.md lists every key; impactsync config schema gives editors the schema.\n")
	line("destination:")
	setting := func(key, value, comment string) { line("  %-41s # %s", key+": "+value, comment) }
	setting("accountSid", asScalar(s.AccountSID), "impact.com: Settings > API")
	switch {
	case s.Sandbox:
		setting("apiKey", scalar(s.Token), "the sandbox's, not a secret")
	case variableName.MatchString(s.Token):
		setting("apiKey", "${"+s.Token+"}", "impact.com's Auth Token")
	default:
		setting("apiKeyFile", scalar(s.Token), "holds impact.com's Auth Token and nothing else")
	}
	setting("campaignId", strconv.Quote(s.CampaignID), "the id of your program")
	setting("pageUrl", scalar(s.PageURL), "the page that trait updates name: they come from none")
	if s.Sandbox {
		setting("trackingURL", "http://127.0.0.1:8090", "the sandbox; without these two lines, impact.com")
		setting("apiURL", "http://127.0.0.1:8090", "the same")
	}
	setting("# enablePageEvents", "true", "send Segment's page calls as page loads")
	line("\nsources:")
	s.sources(line)
	s.rest(line)
	return b.Bytes()
}

func (s Starter) rest(line func(string, ...any)) {
	if s.Sandbox {
		line("\n# One destination has one state: use another path for impact.com.\nstate: {path: sandbox.db}")
		line("\n# The sandbox has no limits.\ndelivery: {pageLoadsPerSecond: 0, conversionsPerHour: 0}")
		return
	}
	line("\n# What impact.com was sent. On a local disk, beside this file, and in your backups.\nstate: {path: state.db}")
	line("\n# A list that loses more people than this is held back until you approve it.\nguard: {maxExits: {percent: 30, atLeast: 100}}")
	line("\n# When impactsync daemon runs.\n# schedule: \"0 */2 * * *\"")
}

func (s Starter) sources(line func(string, ...any)) {
	seen := map[string]int{}
	for _, input := range s.Inputs {
		kind, where := inputKind(input)
		name := map[string]string{KindEvents: "web", KindAudiences: "exports"}[kind]
		if seen[kind]++; seen[kind] > 1 {
			name = fmt.Sprintf("%s%d", name, seen[kind])
		}
		line("  - name: %s\n    kind: %s\n    url: %s", name, kind, scalar(where))
		if kind == KindAudiences {
			line("    # Each file is the list of one audience: VIP.csv, with a header user_id, is the audience vip.")
			continue
		}
		line("    # Raw logs hold every audience of the space: name those that impact.com is to know.")
		line("    # traits: {include: [vip, \"order_*\"]}")
		line("    # startAt: 2026-01-31T12:00:00Z          # ignore older messages")
	}
}

// asScalar returns a text as a scalar, but leaves a reference to the environment.
func asScalar(text string) string {
	if variableUse.MatchString(text) {
		return text
	}
	return scalar(text)
}

// inputKind returns the kind of source that an input names, and its URL.
func inputKind(input string) (kind, where string) {
	for _, kind := range []string{KindEvents, KindAudiences} {
		if rest, ok := strings.CutPrefix(input, kind+"="); ok {
			return kind, folderURL(rest)
		}
	}
	if strings.Contains(input, "segment-logs") || holdsLogs(input) {
		return KindEvents, folderURL(input)
	}
	return KindAudiences, folderURL(input)
}

// holdsLogs reports whether a local folder looks like one of Segment's raw logs.
func holdsLogs(dir string) bool {
	files, _ := os.ReadDir(strings.TrimPrefix(dir, "file://"))
	return slices.ContainsFunc(files, func(f os.DirEntry) bool { return strings.HasSuffix(f.Name(), ".gz") })
}

// folderURL returns a folder's URL.
func folderURL(text string) string {
	if strings.Contains(text, "://") {
		return text
	}
	slash := strings.TrimSuffix(filepath.ToSlash(text), "/") + "/"
	if filepath.IsAbs(text) {
		return (&url.URL{Scheme: "file", Path: slash}).String()
	}
	return "file://./" + (&url.URL{Path: strings.TrimPrefix(slash, "./")}).EscapedPath()
}

// Folders returns the local folders of the inputs that are relative to the file.
func (s Starter) Folders() (dirs []string) {
	for _, input := range s.Inputs {
		_, where := inputKind(input)
		if rest, ok := strings.CutPrefix(where, "file://./"); ok {
			dirs = append(dirs, rest)
		}
	}
	return dirs
}

// Needs returns the environment variables that the file reads.
func (s Starter) Needs() (names []string) {
	if variableUse.MatchString(s.AccountSID) {
		names = append(names, strings.Trim(s.AccountSID, "${}"))
	}
	if !s.Sandbox && variableName.MatchString(s.Token) {
		names = append(names, s.Token)
	}
	return names
}
