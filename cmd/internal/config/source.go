package config

import "time"

// The kinds of source.
const (
	KindEvents    = "events"
	KindAudiences = "audiences"
	KindWarehouse = "warehouse"
)

// Source is one place to read from.
type Source struct {
	// A name of its own, shown in logs and in the state. Required.
	Name string `yaml:"name"`
	// events: raw Segment messages. audiences: lists and change files. warehouse: lists in a database. Required.
	Kind string `yaml:"kind" oneof:"events audiences warehouse"`
	// Where the objects are: file://, s3://, gs:// or azblob://. file://./dir is relative to this file. Required, but for kind warehouse.
	URL string `yaml:"url"`
	// The database (kind warehouse), such as postgres://user:password@host:5432/database. Required, here or in a file.
	DSN Secret `yaml:"dsn"`
	// A file that holds the dsn and nothing else.
	DSNFile string `yaml:"dsnFile"`
	// What is read there (kind warehouse): profilesSync, the tables of Profiles Sync; engage, those of an Engage space; query, a statement or dbt model of each audience's own; events, the messages of a source. Required.
	Reader string `yaml:"reader" oneof:"profilesSync engage query events"`
	// The schema of Segment's tables (kind warehouse). Default: the one that the connection uses.
	Schema string `yaml:"schema"`
	// Several of them, for the readers engage and events.
	Schemas []string `yaml:"schemas"`
	// The table of reader engage: users, who is a member now, or identifies, each change. Default: users, and identifies for what users lacks.
	From string `yaml:"from" oneof:"users identifies"`
	// The path of dbt's manifest.json, for audiences with a ref (reader query).
	Manifest string `yaml:"manifest"`
	// The longest that a statement may take, all its rows included (kind warehouse). Default 1h; 0s: no limit.
	Timeout time.Duration `yaml:"timeout" default:"1h"`
	// Where lists are compared with what impact.com was told (kind warehouse): local, in the state; warehouse, by one statement on the warehouse's own engine, so that only what differs comes over. Default local.
	Diff string `yaml:"diff" oneof:"local warehouse" default:"local"`
	// A schema of the warehouse that is impactsync's own, and there already, for the tables of what impact.com was told. Required with diff: warehouse.
	ToldSchema string `yaml:"toldSchema"`
	// How far before the last row that was read the next run begins, since rows do not come in order (reader events). Default 1h.
	Overlap time.Duration `yaml:"overlap" default:"1h"`
	// Which traits to take from the messages (kind events). Default none.
	Traits Traits `yaml:"traits"`
	// Obey a message's integrations object (kind events). Default true.
	HonourIntegrations bool `yaml:"honourIntegrations" default:"true"`
	// Messages before this time are ignored (kind events, and reader events). Default none.
	StartAt time.Time `yaml:"startAt"`
	// Warn and exit 3 when the newest input is older. Default 0s: never.
	MaxAge time.Duration `yaml:"maxAge"`
	// Longest line in bytes; a longer one is rejected. Default 1048576.
	MaxLineBytes int `yaml:"maxLineBytes" range:"1024 1073741824" default:"1048576"`
	// Also read files of file:// that are links out of the folder. Default false: they are reported and left out.
	FollowLinks bool `yaml:"followLinks"`
	// What the files are, by a pattern for their names (path.Match); if several match, a plain name wins, otherwise the longest pattern (kind audiences). Of kind warehouse: what to take, by its key or name in Segment. all (kind events, readers profilesSync and engage): every enabled audience of the space, see segment.
	Audiences []Audience `yaml:"audiences"`
	// AllAudiences is audiences: all: every audience of the space that is enabled, see Segment.
	AllAudiences bool `yaml:"-"`
}

// Traits selects trait keys by pattern (path.Match); exclude wins.
type Traits struct {
	// Patterns of trait keys to take, such as vip or "order_*". Default none.
	Include []string `yaml:"include"`
	// Patterns of trait keys to leave out again. Default none.
	Exclude []string `yaml:"exclude"`
}

// Audience describes the files whose names match a pattern. Where List or Value
// is empty, the file itself decides.
type Audience struct {
	// The pattern (path.Match), relative to the source's URL; of kind warehouse, the key or name.
	Pattern string `yaml:"-"`
	// The audience's or trait's name, a label. Default: the file's name without extensions.
	Name string `yaml:"name"`
	// The trait key that impact.com sees. Default: made from the name.
	Key string `yaml:"key"`
	// full: who is a member now. changes: who joined or left. Default: decided by the columns.
	List string `yaml:"list" oneof:"full changes"`
	// membership: true or false. computed: a value per person. Default: decided by the columns.
	Value string `yaml:"value" oneof:"membership computed"`
	// All matching files together are one list. Default false: the newest wins.
	Parts bool `yaml:"parts"`
	// The columns of ids, where they have names of their own.
	Columns Columns `yaml:"columns"`
	// Its name or column in the warehouse, if that does not follow from its key (kind warehouse). Of reader query, the column that holds the value; default value.
	Column string `yaml:"column"`
	// One SELECT or WITH statement that gives user_id, anonymous_id or email, and perhaps value (reader query).
	Query string `yaml:"query"`
	// A file that holds the statement.
	QueryFile string `yaml:"queryFile"`
	// A dbt model to read instead: its name, package.model, or its whole id.
	Ref string `yaml:"ref"`
	// A list that vanished: keep changes nothing, exit lets all members leave (through the guard). Default keep.
	OnMissing string `yaml:"onMissing" oneof:"keep exit" default:"keep"`
	// Who is right when a list and change messages feed the same key. Required in that case.
	Authority string `yaml:"authority" oneof:"list changes latest"`
	// The guard of this key. Default: the general one.
	Guard Guard `yaml:"guard"`
}

// Columns are the names of a list's columns of ids, in any spelling (User ID,
// user_id).
type Columns struct {
	// Of user ids, such as customer_id. Default user_id.
	UserID string `yaml:"userId"`
	// Of anonymous ids. Default anonymous_id.
	AnonymousID string `yaml:"anonymousId"`
	// Of e-mail addresses. Default email.
	Email string `yaml:"email"`
}
