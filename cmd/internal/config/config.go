// Package config reads impactsync's one YAML file.
//
// The file is parsed by goccy/go-yaml. Its values are decoded one by one over the
// defaults, and then checked together. Both steps go on after a problem, so that
// one attempt shows all of them, each with its line and column.
package config

import (
	"strconv"
	"strings"
	"time"
)

// Config is the configuration with every default filled in. A zero number or
// duration is what the file says, never "not set".
//
// The tags of a field: its key (yaml), its default, the words (oneof) or numbers
// (range) that it may have. An empty text means the default, but with
// empty:"true", and an error with emptied:"refuse" if the environment made it so:
// with the default a trial would reach impact.com, or a new state begin.
type Config struct {
	// Where to send, and what to make of Segment's messages.
	Destination Destination `yaml:"destination"`
	// Holds back what looks like broken input until somebody approves it.
	Guard Guards `yaml:"guard"` // stands before the sources, whose guards are decoded over it
	// What to read. At least one.
	Sources []Source `yaml:"sources"`
	// Take messages of Segment's webhooks into a folder, which a source reads. Default: none are taken. docs/receive.md
	Receive *Receive `yaml:"receive"`
	// Where the state is kept.
	State State `yaml:"state"`
	// How requests are sent.
	Delivery Delivery `yaml:"delivery"`
	// What to do about conversions that impact.com has accepted.
	Conversions Conversions `yaml:"conversions"`
	// What impact.com made of the orders, read from its actions. Nothing is sent.
	Reconcile Reconcile `yaml:"reconcile"`
	// What to do about orders that are taken back. Default: nothing, messages about refunds are not read.
	Refunds *Refunds `yaml:"refunds"`
	// Events older than this are counted as too old and never sent. Default 720h.
	MaxEventAge time.Duration `yaml:"maxEventAge" default:"720h"`
	// User ids, anonymous ids and e-mail addresses that stand for nobody, in addition to undefined, null, guest and the like; case does not matter. Default none.
	PlaceholderIDs []string `yaml:"placeholderIds"`
	// Ids that belong to one person although they look like placeholders or have very many visitors; case matters. Default none.
	TrustedIDs []string `yaml:"trustedIds"`
	// Which messages not to send, by Segment's consent rules.
	Consent Consent `yaml:"consent"`
	// Whose data to keep out of the state, and whose not to use any more.
	Privacy Privacy `yaml:"privacy"`
	// Segment's own APIs: what it says of audiences, suppressed users and people.
	Segment Segment `yaml:"segment"`
	// Where the metrics of a run go, beside the daemon's /metrics.
	Metrics Metrics `yaml:"metrics"`
	// Whom to tell how runs end.
	Notify Notify `yaml:"notify"`
	// A page to look at, written after each run.
	Report Report `yaml:"report"`
	// ISO 4217 code used for money without a currency; "" sends none, and impact.com uses the account's. Default USD.
	DefaultCurrency string `yaml:"defaultCurrency" default:"USD" empty:"true"`
	// When the daemon runs: five cron fields or @every. Default "0 */2 * * *".
	Schedule string `yaml:"schedule" default:"0 */2 * * *"`
	// IANA name of the schedule's time zone. Default UTC.
	TimeZone string `yaml:"timeZone" default:"UTC"`

	// Several programs or accounts in place of one destination, whose keys then hold for all of them. docs/destinations.md
	Destinations []Program `yaml:"destinations"` // stands after all that is decoded into them

	// Warnings are things that work but should be corrected.
	Warnings []Problem `yaml:"-"`
	// Name is the destination's, if it is one of several.
	Name string `yaml:"-"`
	// Each has a configuration for each of several destinations.
	Each []*Config `yaml:"-"`
	// Neighbours are the states of other destinations of the same account: its quota
	// is theirs, too.
	Neighbours []string `yaml:"-"`

	unusable Problems // why this destination of several cannot be used, as opposed to the file
}

// Destination holds the settings of Segment's "Impact Partnership Cloud"
// destination under Segment's own names, and the addresses to send to.
// See https://segment.com/docs/connections/destinations/catalog/impact-partnership-cloud/.
type Destination struct {
	// impact.com's Account SID. Required.
	AccountSID string `yaml:"accountSid"`
	// impact.com's Auth Token. Required, here or in a file.
	APIKey Secret `yaml:"apiKey"`
	// A file that holds the Auth Token and nothing else.
	APIKeyFile string `yaml:"apiKeyFile"`
	// The id of the program (campaign): digits. Required.
	CampaignID string `yaml:"campaignId"`
	// Event type of all conversions but app installs. Blank: the event's name is sent as EventTypeCode.
	EventTypeID string `yaml:"eventTypeId"`
	// Event type by event name, in any case; wins over eventTypeId and the apps' ids.
	EventTypeIDs map[string]string `yaml:"eventTypeIds"`
	// PropertyId of the iOS app, and the event type of its installs.
	IOSAppID string `yaml:"iOsAppId"`
	// PropertyId of the Android app, and the event type of its installs.
	AndroidAppID string `yaml:"androidAppId"`
	// Track events that are conversions, in any case, beside Order Completed and Order Complete.
	ActionEventNames EventNames `yaml:"actionEventNames"`
	// Track events that are app installs, in any case, beside Application Installed.
	InstallEventNames EventNames `yaml:"installEventNames"`
	// Track events that are page loads, in any case, beside Application Opened and Page Load.
	PageLoadEventNames EventNames `yaml:"pageLoadEventNames"`
	// Ask impact.com, before the conversion of an app install, which click it came from. Default true.
	AppInstall bool `yaml:"appInstall" default:"true"`
	// Send page calls as page loads. Default false.
	EnablePageEvents bool `yaml:"enablePageEvents"`
	// Send screen calls as page loads. Default false.
	EnableScreenEvents bool `yaml:"enableScreenEvents"`
	// Send plain identify calls as page loads; trait updates do not need it. Default false.
	EnableIdentifyEvents bool `yaml:"enableIdentifyEvents"`
	// impact.com parameter -> Segment path, such as CustomerStatus: properties.customer_status; "" leaves the parameter out.
	CustomParameterMapping map[string]string `yaml:"customParameterMapping"`
	// impact.com item parameter -> product field, such as ItemSku: product_id; "" leaves the parameter out.
	CustomMappingForProducts map[string]string `yaml:"customMappingForProducts"`
	// An order with products that cannot be sent as items: refuse it, or send its own sum as amount instead of all items. Default refuse.
	UnusableItems string `yaml:"unusableItems" oneof:"refuse amount" default:"refuse"`
	// OrderDiscount, which impact.com subtracts: auto sends it beside items that are priced before it, send always, omit never. Default auto.
	OrderDiscount string `yaml:"orderDiscount" oneof:"auto send omit" default:"auto"`
	// An order with money but without an id: send its messageId as OrderId, or refuse it. Default messageId.
	MissingOrderID string `yaml:"missingOrderId" oneof:"messageId refuse" default:"messageId"`
	// The decimal sign in texts such as 1,199 and 1.199, which are ambiguous; auto refuses them. Default auto.
	DecimalSign string `yaml:"decimalSign" oneof:"auto point comma" default:"auto"`
	// More names of the landing URL's parameter that holds impact.com's click id, as the gateway settings of your program may choose; im_ref, irclickid and clickid are always read. Default none.
	ClickIDNames []string `yaml:"clickIdNames"`
	// Parameters to send although impact.com does not document them, or not for that call: any of AppName, AppleAdTrack, DeviceCarrier, DeviceLocale, DeviceOs, DeviceOsVer, IntegrationSource, IntegrationVersion, Latitude, Longitude, MobileApp. Default none.
	UndocumentedParameters []string `yaml:"undocumentedParameters"`
	// PageUrl of trait updates; required when there are traits to send.
	PageURL string `yaml:"pageUrl"`
	// Base of the tracking host; https, or a loopback address. Default https://trkapi.impact.com.
	TrackingURL string `yaml:"trackingURL" emptied:"refuse" default:"https://trkapi.impact.com"`
	// Base of the API host; https, or a loopback address. Default https://api.impact.com.
	APIURL string `yaml:"apiURL" emptied:"refuse" default:"https://api.impact.com"`
}

// EventNames is the value of one of the lists of event names: a list that adds to
// the defaults, or a mapping with only, which replaces them.
type EventNames struct {
	// The names of a list.
	Names []string `yaml:"-"`
	// Exactly these names, without the defaults. []: none.
	Only []string `yaml:"only"`
}

// Replaces reports whether the names replace the defaults.
func (e EventNames) Replaces() bool { return e.Only != nil }

// Named returns the names that the file has, without the defaults.
func (e EventNames) Named() []string {
	if e.Replaces() {
		return e.Only
	}
	return e.Names
}

// State says where the state is.
type State struct {
	// The SQLite file, on a local disk; relative to this file. Default /var/lib/impactsync/state.db.
	Path string `yaml:"path" emptied:"refuse" default:"/var/lib/impactsync/state.db"`
}

// Report says where the page of the state goes after each run.
type Report struct {
	// The HTML file: a path, relative to this file, or s3://, gs:// or azblob:// with a name at the end. --report wins. Default none.
	Path string `yaml:"path"`
	// Show ids of people on it. Default false.
	WithIDs bool `yaml:"withIds"`
}

// Delivery says how requests are sent.
type Delivery struct {
	// Requests at the same time. Default 16.
	Workers int `yaml:"workers" range:"1 1024" default:"16"`
	// All due traits of a person in one page load; false: one call per change. Default true.
	Coalesce bool `yaml:"coalesce" default:"true"`
	// Time for one request. Default 10s.
	RequestTimeout time.Duration `yaml:"requestTimeout" default:"10s"`
	// The longest a conversion waits for earlier page loads of the same person. Default 6h; 0s: not at all.
	AttributionWait time.Duration `yaml:"attributionWait" default:"6h"`
	// Our own limit; impact.com documents none. Default 100; 0: none.
	PageLoadsPerSecond float64 `yaml:"pageLoadsPerSecond" range:"0 1000000" default:"100"`
	// Every request to apiURL counts; impact.com's default limit is 1,000. Default 900; 0: none.
	ConversionsPerHour int `yaml:"conversionsPerHour" range:"0 1000000000" default:"900"`
	// What to do with deliveries whose answer never came.
	Unknown Unknown `yaml:"unknown"`
}

// Unknown says what is done about deliveries that may have arrived.
type Unknown struct {
	// Page loads of events; impact.com does not drop repeated ones. Default resend.
	PageLoads string `yaml:"pageLoads" oneof:"resend drop hold" default:"resend"`
	// Conversions; impact.com drops a repeated OrderId for a while. Default resend.
	Conversions string `yaml:"conversions" oneof:"resend drop hold" default:"resend"`
}

// Conversions says what is done about conversions that impact.com has accepted.
type Conversions struct {
	// Share of conversionsPerHour that looking up impact.com's verdicts may take, after all deliveries: off, all (what is left), or a share such as 1%. Default 1%.
	Verify string `yaml:"verify" default:"1%"`
	// How conversions go: api, each in a request; file, in files that impact.com fetches or is sent; auto, in files what the API's quota would not take in time. Default api.
	Route string `yaml:"route" oneof:"api file auto" default:"api"`
	// With route auto: how long a conversion may have to wait for the quota before it goes in a file. Default 6h.
	Patience time.Duration `yaml:"patience" default:"6h"`
	// Where files go, and how large they are.
	File ConversionFile `yaml:"file"`
}

// ConversionFile says where files of conversions go.
type ConversionFile struct {
	// A folder, file://, to upload from by hand or to be fetched from; or sftp://user@host/folder/. Default: the folder conversions beside the state.
	URL string `yaml:"url" emptied:"refuse"`
	// The SSH key in PEM with which to log in; impact.com takes RSA keys. Required for sftp://, here or in a file.
	PrivateKey Secret `yaml:"privateKey"`
	// A file that holds the SSH key and nothing else.
	PrivateKeyFile string `yaml:"privateKeyFile"`
	// The SFTP server's keys, such as "ssh-rsa AAAA..." or "SHA256:...". Required for sftp://.
	HostKeys []string `yaml:"hostKeys"`
	// Orders in one file, at most; impact.com documents no limit. Default 5000.
	Orders int `yaml:"orders" range:"1 5000000" default:"5000"`
	// A file that impact.com has not completed by then is unknown; nothing of it is sent again by itself. Default 24h.
	UnknownAfter time.Duration `yaml:"unknownAfter" default:"24h"`
}

// VerifyShare returns Verify as a number: 0 for off, 1 for all.
func (c Conversions) VerifyShare() float64 {
	share, _ := parseShare(c.Verify) // checked when it was loaded
	return share
}

func parseShare(text string) (share float64, ok bool) {
	switch text {
	case "off":
		return 0, true
	case "all":
		return 1, true
	}
	number, found := strings.CutSuffix(text, "%")
	percent, err := strconv.ParseFloat(number, 64)
	return percent / 100, found && err == nil && percent >= 0 && percent <= 100
}

// Reconcile says how impact.com's actions are read and compared with the orders.
type Reconcile struct {
	// Reconcile at the end of a run if the last time is longer ago, such as 24h. Default 0s: only by impactsync reconcile.
	Every time.Duration `yaml:"every"`
	// How far back impact.com's actions are read. Default 45d.
	Window time.Duration `yaml:"window" default:"1080h"`
	// An order has no action sooner than this after it was sent: until then it is waiting. Default 48h.
	After time.Duration `yaml:"after" default:"48h"`
	// Share of conversionsPerHour that the requests may take. Default 20%.
	Share string `yaml:"share" default:"20%"`
	// impact.com's ActionTrackerId of event types that are sent by name, such as Order Completed: "310". Default: found by number, code, name or common orders.
	EventTypes map[string]string `yaml:"eventTypes"`
	// Dispositions of actions that were given to another partner, beside those with REATTRIB in them; impact.com documents none. Default none.
	ReattributionCodes []string `yaml:"reattributionCodes"`
}

// ShareOfQuota returns Share as a number.
func (r Reconcile) ShareOfQuota() float64 {
	share, _ := parseShare(r.Share) // checked when it was loaded
	return share
}

// Refunds says which messages take orders back, what they mean, and what is sent.
type Refunds struct {
	// report: nothing is sent. reverse: actions of orders that were taken back as a whole are reversed. items: returned items are sent, too. Default report.
	Mode string `yaml:"mode" oneof:"report reverse items" default:"report"`
	// Track events that are refunds, in any case, beside Order Refunded.
	RefundEventNames EventNames `yaml:"refundEventNames"`
	// Track events that cancel a whole order, in any case, beside Order Cancelled.
	CancelEventNames EventNames `yaml:"cancelEventNames"`
	// Track events that update an order, in any case, beside Order Updated; they only count if meanings say so.
	UpdateEventNames EventNames `yaml:"updateEventNames"`
	// The path of a refund's own id, by which a repeated one is recognised. Default properties.refund_id.
	RefundID string `yaml:"refundId" default:"properties.refund_id"`
	// What amounts and products of such messages mean; the first that matches counts. Default: an order id alone is the whole order, products with quantities are those returned, and anything else is only reported.
	Meanings []RefundMeaning `yaml:"meanings"`
	// impact.com's reason for a reversal. Default ITEM_RETURNED.
	Reason string `yaml:"reason" oneof:"ADV_ACT_DISPUTE CONS_ERROR CONS_FRAUD ITEM_OUT_OF_STOCK ITEM_RETURNED NOT_COMPLIANCE_TERMS ORDER_ERROR PUB_ACT_DISPUTE REJECTED TEST_ACTION" default:"ITEM_RETURNED"`
	// Event types (id or code) whose actions lock only when somebody approves or rejects them: they are reported, and not changed. Default none.
	OpenEnded []string `yaml:"openEnded"`
	// How long an action may take to appear, and a change to show, before that is reported. Default 48h.
	Wait time.Duration `yaml:"wait" default:"48h"`
	// An action that locks within this time is not changed any more. Default 24h.
	Margin time.Duration `yaml:"margin" default:"24h"`
	// The most actions that one run changes; 0: any number. Default 500.
	PerRun int `yaml:"perRun" range:"0 1000000" default:"500"`
}

// RefundMeaning says what messages about refunds of a source and an event mean.
type RefundMeaning struct {
	// A pattern of names of sources (path.Match). Default: all.
	Source string `yaml:"source"`
	// The event, in any case. Default: refunds, and with newTotal updates, too.
	Event string `yaml:"event"`
	// returned: the amount is what was given back. newTotal: it is what is left. wholeOrder: it is ignored, the whole order was taken back. fromProducts: it is ignored, the products are those returned. field: what was given back is at field.
	Amount string `yaml:"amount" oneof:"returned newTotal wholeOrder fromProducts field"`
	// The path of the amount (amount: field), such as properties.refund_amount.
	Field string `yaml:"field"`
	// The path of a boolean that is true if the whole order was taken back, such as properties.isFullRefund. Default none.
	Full string `yaml:"full"`
	// The amount at field is in cents, or in whatever the smallest unit of its currency is. Default false.
	MinorUnits bool `yaml:"minorUnits"`
	// The amount is the sum of all refunds of the order so far. Default false.
	Cumulative bool `yaml:"cumulative"`
}

// Guard limits how many people may leave or join an audience in one list, or
// within 24 hours by messages.
type Guard struct {
	// Exits are held when both limits are exceeded.
	MaxExits MaxExits `yaml:"maxExits"`
	// Joins are held when both limits are exceeded. Default: no limit, but 100 percent and 100 for a list that seems to be another one renamed.
	MaxJoins *MaxJoins `yaml:"maxJoins"`
	// A first sync: pass lets it through, hold judges it by maxJoins and conversions like any other. Default pass.
	FirstSync string `yaml:"firstSync" oneof:"pass hold" default:"pass"`
}

// Guards holds the general guard, and those of conversions and suppressions.
type Guards struct {
	Guard
	// New conversions are held, all of them, when there are too many or they are worth too much. Default: no limit.
	Conversions *MaxConversions `yaml:"conversions"`
	// People who are new on a list of suppressed people are held, all of them, when both limits are exceeded; meanwhile nothing is sent about them.
	MaxSuppressions MaxSuppressions `yaml:"maxSuppressions"`
	// Orders to be taken back are held, all of them, when there are too many or they are worth too much.
	Reversals MaxReversals `yaml:"reversals"`
	// The guard of single trait keys, whatever feeds them; wins over the one under audiences.
	Keys map[string]Guard `yaml:"keys"`
}

// MaxExits are the guard's limits: exits are held when there are at least
// AtLeast of them and they are more than Percent of those told true.
type MaxExits struct {
	// Percent of those told true. Default 30.
	Percent float64 `yaml:"percent" range:"0 100" default:"30"`
	// Fewer exits than this always pass. Default 100.
	AtLeast int `yaml:"atLeast" range:"0 1000000000" default:"100"`
}

// MaxJoins are limits like [MaxExits], on joins.
type MaxJoins struct {
	// Percent of those told true. Default 100.
	Percent float64 `yaml:"percent" range:"0 1000000" default:"100"`
	// Fewer joins than this always pass. Default 100.
	AtLeast int `yaml:"atLeast" range:"0 1000000000" default:"100"`
}

// MaxConversions are limits on the conversions of 24 hours, compared with the
// daily average of those delivered in the last 14 days.
type MaxConversions struct {
	// Percent of the daily average, of their number or of the money in one currency. Default 300.
	Percent float64 `yaml:"percent" range:"0 1000000" default:"300"`
	// Fewer conversions than this always pass. Default 100.
	AtLeast int `yaml:"atLeast" range:"0 1000000000" default:"100"`
	// Less money than this, in one currency, always passes. Default 0: money is not judged.
	Money float64 `yaml:"money" range:"0 1000000000000"`
}

// MaxReversals are limits on the orders that a run would have impact.com take back,
// with those of the last 24 hours, compared with the daily average of the last 14 days.
type MaxReversals struct {
	// Percent of the daily average, of their number or of the money in one currency. Default 300.
	Percent float64 `yaml:"percent" range:"0 1000000" default:"300"`
	// Fewer orders than this always pass. Default 20.
	AtLeast int `yaml:"atLeast" range:"0 1000000000" default:"20"`
	// Less money than this, in one currency, always passes. Default 1000; 0: money is not judged.
	Money float64 `yaml:"money" range:"0 1000000000000" default:"1000"`
}

// MaxSuppressions are limits on the people that the lists of suppressed people
// (privacy) would take something from in one run.
type MaxSuppressions struct {
	// Percent of the people known. Default 30.
	Percent float64 `yaml:"percent" range:"0 100" default:"30"`
	// Fewer people than this always pass. Default 100.
	AtLeast int `yaml:"atLeast" range:"0 1000000000" default:"100"`
}

// Consent lists the consent categories that a message needs.
type Consent struct {
	// All of these must be true in context.consent.categoryPreferences, where a message has it. Default none.
	RequiredCategories []string `yaml:"requiredCategories"`
}

// What to do about suppressed people whom impact.com may hold as members.
const (
	SuppressedSendFalse = "sendFalse"
	SuppressedNothing   = "nothing"
)

// Privacy says how people who asked for it are kept out.
type Privacy struct {
	// Secret of 32 characters or more by which forgotten people are recognised (HMAC-SHA-256). Without one they can come back.
	HashKey Secret `yaml:"hashKey"`
	// A file that holds the hash key and nothing else.
	HashKeyFile string `yaml:"hashKeyFile"`
	// Suppressed people: sendFalse sends a last false for each audience that impact.com may hold as true, nothing sends nothing. Default sendFalse.
	Suppressed string `yaml:"suppressed" oneof:"sendFalse nothing" default:"sendFalse"`
	// A folder of files that list suppressed user ids (CSV, NDJSON or one a line): file://, s3://, gs:// or azblob://. Default none.
	SuppressionList string `yaml:"suppressionList"`
	// Token of Segment's Public API, to read its suppressions in each run. Default none.
	SegmentToken Secret `yaml:"segmentToken"`
	// A file that holds that token and nothing else.
	SegmentTokenFile string `yaml:"segmentTokenFile"`
	// Base of Segment's Public API; https://eu1.api.segmentapis.com for workspaces in the EU. Default https://api.segmentapis.com.
	SegmentURL string `yaml:"segmentURL" default:"https://api.segmentapis.com"`
}
