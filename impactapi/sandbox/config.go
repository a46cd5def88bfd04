package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/impactsync/impactsync/impactapi"
	"github.com/impactsync/impactsync/sync/money"
)

// Config says whose requests the sandbox takes and how it fails. With the zero value
// it takes every valid request from anybody at once.
type Config struct {
	// AccountSID and AuthToken are the only valid credentials. Without them any
	// pair is valid if the path has the same account.
	AccountSID, AuthToken string

	// LogFile is the path of the call log, which is appended to, mode 0600. Blank: none.
	LogFile string
	// Record keeps all calls in memory for Calls.
	Record bool

	// Segment answers the paths of Segment's APIs, which are then on the same port. nil: none.
	Segment http.Handler

	Latency time.Duration // between taking a request and answering it

	ErrorRate   float64 // share answered 503 without being taken, 0 to 1
	ResetBefore float64 // share whose connection is dropped before they are taken
	ResetAfter  float64 // share whose connection is dropped after that
	ResetMidway float64 // share whose connection is dropped in the middle of the answer
	Seed        uint64  // decides which requests those are

	// Fault, if set, decides about each request before the rates do. It is called
	// concurrently.
	Fault func(r *http.Request, form impactapi.Params) Fault

	RateLimit Limit // of /Advertisers/; zero for none

	// Campaigns are the programs of the account; conversions for others become
	// CAMPAIGN_NOT_FOUND. None: any program is known.
	Campaigns []string

	WarnUnknown bool // warn of undocumented page load parameters

	// Forbidden are resources that the token's scopes lack, such as Actions; they are
	// answered 403.
	Forbidden []string

	// Now is the clock, which must not go back; nil means time.Now.
	Now func() time.Time

	Speed float64 // how many times as fast the following times pass; 0: once

	SettleAfter  time.Duration // how long a submission stays Queued
	ActionAfter  time.Duration // how long after that an action is there
	LockAfter    time.Duration // from the event to the locking of its action, at a midnight; 0: 27 days
	LateAfter    time.Duration // events that are older when they are reported get the date of the report; 0: none
	ConsentAfter time.Duration // how long a partner takes to consent; 0: for ever

	// Attribute, if set, decides what becomes of a conversion that is valid and no
	// duplicate. It is called for one conversion at a time. Without it, a partner who
	// is named in MediaId gets the action, one of ten partners gets an order with a
	// click id, and PartnerShare of the others, chosen by Seed, event type and OrderId.
	Attribute    func(form impactapi.Params) Attribution
	PartnerShare float64

	// What becomes of the orders that a partner gets, likewise; their sum is at most 1.
	RefusedShare      float64       // no action, but CONTRACT_NOT_FOUND
	TwiceShare        float64       // two actions with one OrderId
	ReattributedShare float64       // given to another partner after ReattributeAfter
	OtherAmountShare  float64       // booked with 1.23
	ConsentShare      float64       // changes wait for the partner's consent
	ReattributeAfter  time.Duration // at least a second

	Currency     string            // of the account; blank: USD
	Rates        map[string]string // what a unit of other currencies is worth in it; amounts of others stay as they are
	OpenEnded    []string          // event types (ActionTrackerId) that lock at the first update of an order
	Dispositions []string          // the account's own codes, beside the documented ones

	// DropDir is the folder for files of conversions and of changes, which an SFTP
	// server may write to. Files that fit DropPattern (blank: *.csv) are picked up when
	// the next request comes, and left where they are.
	DropDir, DropPattern string
	PickUpAfter          time.Duration // how long it takes until a file is listed

	// PageSize, if set, is the largest page of a list, so that a test needs few actions.
	PageSize      int
	NumbersAsText bool // ids and amounts of actions are JSON texts
}

// times returns the durations that Speed divides, by name.
func (c *Config) times() map[string]*time.Duration {
	return map[string]*time.Duration{
		"SettleAfter": &c.SettleAfter, "ActionAfter": &c.ActionAfter, "LockAfter": &c.LockAfter, "LateAfter": &c.LateAfter,
		"ConsentAfter": &c.ConsentAfter, "ReattributeAfter": &c.ReattributeAfter, "PickUpAfter": &c.PickUpAfter,
	}
}

// hurry has the times pass as fast as Speed says.
func (c *Config) hurry() {
	if c.LockAfter == 0 {
		c.LockAfter = usualLock
	}
	if c.Speed == 0 {
		return
	}
	for _, d := range c.times() {
		*d = time.Duration(float64(*d) / c.Speed)
	}
}

// usualLock is the longest period of whole days after which actions lock.
//
// https://help.impact.com/brand/what-would-you-like-to-learn-about/readme/set-action-locking-and-payment-scheduling-periods
const usualLock = 27 * 24 * time.Hour

func check(c Config) error {
	problems := append(c.badShares(), c.badValues()...)
	if info, err := os.Stat(c.DropDir); c.DropDir != "" && (err != nil || !info.IsDir()) {
		problems = append(problems, fmt.Errorf("config: DropDir is %q: want a folder", c.DropDir))
	}
	if _, err := filepath.Match(c.DropPattern, ""); err != nil {
		problems = append(problems, fmt.Errorf("config: DropPattern is %q: want a pattern such as *.csv", c.DropPattern))
	}
	if (c.AccountSID == "") != (c.AuthToken == "") {
		problems = append(problems, errors.New("config: AccountSID and AuthToken belong together: set both or neither"))
	}
	if err := c.RateLimit.check(); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func (c *Config) badShares() (problems []error) {
	fates := c.RefusedShare + c.TwiceShare + c.ReattributedShare + c.OtherAmountShare + c.ConsentShare
	for _, share := range []struct {
		name  string
		value float64
	}{
		{"ErrorRate", c.ErrorRate}, {"ResetBefore", c.ResetBefore}, {"ResetAfter", c.ResetAfter}, {"ResetMidway", c.ResetMidway},
		{"ResetAfter with ResetMidway", c.ResetAfter + c.ResetMidway}, {"PartnerShare", c.PartnerShare}, {"RefusedShare", c.RefusedShare},
		{"TwiceShare", c.TwiceShare}, {"ReattributedShare", c.ReattributedShare}, {"OtherAmountShare", c.OtherAmountShare},
		{"ConsentShare", c.ConsentShare}, {"the sum of RefusedShare to ConsentShare", fates},
	} {
		const rounding = 1e-9
		if !(share.value >= 0 && share.value <= 1+rounding) {
			problems = append(problems, fmt.Errorf("config: %s is %v: want a share from 0 to 1", share.name, share.value))
		}
	}
	return problems
}

func (c *Config) badValues() (problems []error) {
	times := c.times()
	times["Latency"] = &c.Latency
	for name, d := range times {
		if *d < 0 {
			problems = append(problems, fmt.Errorf("config: %s is %v: want a positive duration or 0", name, *d))
		}
	}
	if !(c.Speed >= 0) {
		problems = append(problems, fmt.Errorf("config: Speed is %v: want a positive number", c.Speed))
	}
	for code, rate := range c.Rates {
		if a, err := money.Parse(rate); err != nil || a <= 0 {
			problems = append(problems, fmt.Errorf("config: Rates has %q for %s: want a positive decimal number", rate, code))
		}
	}
	for _, id := range c.Campaigns {
		if !isNumber(id) {
			problems = append(problems, fmt.Errorf("config: Campaigns has %q: want program ids, which are whole numbers", id))
		}
	}
	return problems
}
