-- The newest schema, as the migrations make it. go test ./state -run TestSchema -update

CREATE TABLE action_changes (
  id           TEXT PRIMARY KEY,            -- impact.com's: the action's and a number
  action_id    TEXT NOT NULL,
  state        TEXT NOT NULL,
  disposition  TEXT,                        -- why, as impact.com codes it
  delta_amount INTEGER,
  sku          TEXT,
  quantity     TEXT,
  updated_at   INTEGER
) WITHOUT ROWID;

CREATE TABLE action_types (
  tracker_id TEXT PRIMARY KEY,
  code       TEXT,                          -- EventCode
  name       TEXT,                          -- ActionTrackerName
  event_type TEXT,                          -- ours; NULL: not known
  how        TEXT NOT NULL DEFAULT '',      -- how that is known: id, code, setting, name, orders
  seen_at    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE actions (
  id              TEXT PRIMARY KEY,         -- impact.com's, such as 77.310.9001
  event_type      TEXT NOT NULL,            -- as in deliveries, as far as action_types knows it; else the ActionTrackerId
  order_id        TEXT,                     -- Oid; NULL: it has none
  state           TEXT NOT NULL,            -- PENDING, APPROVED, REVERSED
  amount          INTEGER,                  -- now
  intended_amount INTEGER,                  -- before it was modified
  currency        TEXT,                     -- usually the account's, not the order's
  payout          INTEGER,                  -- the partner's commission
  client_cost     INTEGER,                  -- the commission and impact.com's fee
  partner_id      TEXT,
  event_at        INTEGER,
  created_at      INTEGER,
  locking_at      INTEGER,                  -- it can be changed until then; NULL: not set
  cleared_at      INTEGER,                  -- paid
  seen_at         INTEGER NOT NULL,
  tracker_id      TEXT NOT NULL,            -- ActionTrackerId
  read_in         INTEGER NOT NULL DEFAULT 0 -- the pass of reconcile_windows that saw it last
) WITHOUT ROWID;

CREATE TABLE "approvals_given" (
  id          INTEGER PRIMARY KEY,
  scope       INTEGER NOT NULL,             -- as in counters; -2: suppressions, -3: reversals
  direction   TEXT NOT NULL CHECK (direction IN ('exits', 'joins', 'computation', 'conversions', 'suppressions', 'reversals')),
  computation TEXT,                         -- its id or that of its space, of that direction
  amount      INTEGER NOT NULL,
  used        INTEGER,                      -- how much of it was let through; NULL: it is open
  run         INTEGER,                      -- that used it
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER,                      -- NULL: never
  os_user     TEXT,                         -- who gave it
  host        TEXT,
  given_as    TEXT                          -- the name that they gave
);

CREATE TABLE computations (
  trait_id       INTEGER NOT NULL REFERENCES traits (id) ON DELETE CASCADE,
  space_id       TEXT NOT NULL,
  computation_id TEXT NOT NULL,
  seen_at        INTEGER NOT NULL,
  approved_at    INTEGER,                   -- the first one is, when it is seen
  PRIMARY KEY (trait_id, space_id, computation_id)
) WITHOUT ROWID;

CREATE TABLE counters (
  scope INTEGER NOT NULL,
  name  TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (scope, name)
) WITHOUT ROWID;

CREATE TABLE crowds (
  profile_id  INTEGER PRIMARY KEY,
  id          TEXT NOT NULL,                -- the user id or the anonymous id
  kind        TEXT NOT NULL CHECK (kind IN ('user_id', 'anonymous_id')),
  visitors    INTEGER NOT NULL,             -- anonymous ids that were merged into it
  messages    INTEGER NOT NULL,             -- of the run that found it; 0 if its visitors are the reason
  of_messages INTEGER NOT NULL,             -- all messages of that run
  found_at    INTEGER NOT NULL
);

CREATE TABLE deliveries (
  id              INTEGER PRIMARY KEY,
  kind            TEXT NOT NULL CHECK (kind IN ('page_load', 'conversion')),
  status          INTEGER NOT NULL,         -- as in trait_values; 0: delivered or dropped
  has_click       INTEGER NOT NULL DEFAULT 0,
  profile_id      INTEGER NOT NULL,
  message_id      TEXT NOT NULL,
  event           TEXT NOT NULL,            -- page, screen, identify or the track event's name
  event_type      TEXT,                     -- with order_id: a conversion's key
  order_id        TEXT,
  amount          INTEGER,                  -- of a conversion's money, in hundredths; NULL without money
  currency        TEXT,
  event_at        INTEGER NOT NULL,
  created_at      INTEGER NOT NULL,
  payload         TEXT,
  origin          INTEGER REFERENCES objects (id),
  line            INTEGER,
  attempt         INTEGER,
  attempts        INTEGER NOT NULL DEFAULT 0,
  doubt           INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER,
  last_error      TEXT,
  class           TEXT,
  refused_at      INTEGER,
  fingerprint     TEXT,
  delivered_at    INTEGER,
  queued_uri      TEXT,                     -- where impact.com shows its verdict on a conversion
  look_at         INTEGER,                  -- that verdict is not to be looked up before; NULL: not at all
  outcome         TEXT                      -- of status 0: delivered, dropped, duplicate
, own_refusal TEXT, unsure INTEGER NOT NULL DEFAULT 0, file INTEGER);

CREATE TABLE "event_keys" (
  minute     INTEGER NOT NULL,                 -- of the message's own clock, since 1970; 0: not known
  key     BLOB NOT NULL,                    -- the first 16 bytes of the SHA-256 of the messageId, or of the message
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (minute, key)
) WITHOUT ROWID;

CREATE TABLE events_by_person (
  profile_id  INTEGER NOT NULL,
  delivery_id INTEGER NOT NULL,
  PRIMARY KEY (profile_id, delivery_id)
) WITHOUT ROWID;

CREATE TABLE "failed_attempts" (
  id          INTEGER PRIMARY KEY,
  attempt     INTEGER NOT NULL,
  run         INTEGER NOT NULL,
  profile_id  INTEGER NOT NULL,
  delivery_id INTEGER,
  detail      TEXT NOT NULL,
  at          INTEGER NOT NULL,
  outcome     TEXT NOT NULL,                -- refused, retry later, unknown
  error       TEXT NOT NULL
);

CREATE TABLE file_errors (
  order_id   TEXT NOT NULL,
  file_id    INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
  event_type TEXT NOT NULL DEFAULT '',
  sku        TEXT NOT NULL DEFAULT '',      -- '': of the whole order
  error_type TEXT,                          -- impact.com's word, such as Validation
  reasons    TEXT,                          -- impact.com's codes, with blanks between them
  verdict    TEXT NOT NULL,                 -- our reading of them, as in verdicts
  severity   INTEGER NOT NULL,
  PRIMARY KEY (order_id, file_id, event_type, sku)
) WITHOUT ROWID;

CREATE TABLE files (
  id            INTEGER PRIMARY KEY,
  name          TEXT NOT NULL UNIQUE,       -- the only link to impact.com's list of files
  level         TEXT NOT NULL CHECK (level IN ('item', 'order')),
  status        TEXT NOT NULL CHECK (status IN ('writing', 'leaving', 'sent', 'complete', 'unknown', 'withdrawn', 'retried')),
  place         TEXT NOT NULL,              -- the folder or server it goes to
  run           INTEGER NOT NULL,           -- that claimed its orders
  attempt       INTEGER NOT NULL,
  orders        INTEGER NOT NULL DEFAULT 0,
  lines         INTEGER NOT NULL DEFAULT 0, -- without the header
  bytes         INTEGER NOT NULL DEFAULT 0,
  claimed_at    INTEGER NOT NULL,
  sent_at       INTEGER,                    -- it has its name since then
  looked_at     INTEGER,                    -- impact.com's list was read the last time
  shown_at      INTEGER,                    -- impact.com's list had it first
  completed_at  INTEGER,                    -- by impact.com's clock
  settled_at    INTEGER,                    -- its orders are settled, or due again
  batch_id      TEXT,                       -- impact.com's
  impact_status TEXT,                       -- impact.com's word: Queued, In Progress, Complete
  records       INTEGER,                    -- as impact.com counted them
  errors        INTEGER,
  problem       TEXT,                       -- why it is not settled, or was withdrawn
  tidied        INTEGER NOT NULL DEFAULT 0  -- of a file that was withdrawn: nothing of it is left in its place
);

CREATE TABLE forgotten (
  hash   BLOB PRIMARY KEY,
  person BLOB NOT NULL,                     -- the hash that the person was named by
  at     INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE generations (
  id         INTEGER PRIMARY KEY,
  trait_id   INTEGER NOT NULL REFERENCES traits (id) ON DELETE CASCADE,
  run        INTEGER,
  source     TEXT NOT NULL,
  objects    TEXT NOT NULL,                 -- names, one a line
  listed_at  INTEGER NOT NULL,              -- orders the lists of a trait
  state      TEXT NOT NULL CHECK (state IN ('applying', 'applied', 'held')),
  members    INTEGER NOT NULL DEFAULT 0,
  joins      INTEGER NOT NULL DEFAULT 0,
  exits      INTEGER NOT NULL DEFAULT 0,    -- people told true who are not on it
  told       INTEGER NOT NULL DEFAULT 0,    -- people told true before it
  unchanged  INTEGER NOT NULL DEFAULT 0,
  verdict    TEXT NOT NULL DEFAULT '',      -- the guard's words
  applied_at INTEGER
);

CREATE TABLE guard_passed (
  profile_id INTEGER NOT NULL,
  trait_id   INTEGER NOT NULL REFERENCES traits (id) ON DELETE CASCADE,
  is_exit    INTEGER NOT NULL,
  at         INTEGER NOT NULL,              -- the last time
  PRIMARY KEY (profile_id, trait_id, is_exit)
) WITHOUT ROWID;

CREATE TABLE "guard_verdicts" (
  id        INTEGER PRIMARY KEY,
  scope     INTEGER NOT NULL,               -- as in counters; -2: suppressions
  direction TEXT NOT NULL CHECK (direction IN ('exits', 'joins', 'conversions', 'suppressions')),
  unit      TEXT NOT NULL DEFAULT '',       -- '': rows; else the currency of an amount, in hundredths
  run       INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  fresh     INTEGER NOT NULL,               -- how many were judged, beside what is held already
  base      INTEGER NOT NULL,               -- compared with: people told true, a daily average, or people known
  held      INTEGER NOT NULL,               -- 0: let through
  exempt    INTEGER NOT NULL DEFAULT 0,     -- 1: a first sync
  reason    TEXT NOT NULL DEFAULT ''        -- the guard's words
);

CREATE TABLE host_quotas (
  host         TEXT PRIMARY KEY,            -- tracking, api
  quota        INTEGER,                     -- requests per window; NULL: never told
  remaining    INTEGER,                     -- of them, when seen
  reset_at     INTEGER,                     -- when the window starts anew
  paused_until INTEGER,                     -- it answered 429 and wants quiet until then
  pace         REAL,                        -- requests per second that it bore since; NULL: no 429 so far
  seen_at      INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE newcomers (
  id           INTEGER PRIMARY KEY,         -- as in profiles
  user_id      TEXT,                        -- the key, else
  anonymous_id TEXT,                        -- the key, else
  email_sha1   TEXT                         -- the key
);

CREATE TABLE notices (
  webhook   TEXT NOT NULL,                  -- its name in the configuration
  condition TEXT NOT NULL,                  -- failed, held, refused, stale, money
  since     INTEGER NOT NULL,               -- when it began
  told_at   INTEGER NOT NULL,
  PRIMARY KEY (webhook, condition)
) WITHOUT ROWID;

CREATE TABLE objects (
  id         INTEGER PRIMARY KEY,
  source     TEXT NOT NULL,
  name       TEXT NOT NULL,
  etag       TEXT NOT NULL,
  size       INTEGER NOT NULL,
  mod_time   INTEGER NOT NULL,
  read_bytes INTEGER NOT NULL DEFAULT 0,    -- decoded bytes
  read_lines INTEGER NOT NULL DEFAULT 0,
  read_hash  BLOB,                          -- hash of those bytes: proves that the old part of a grown object is unchanged
  done       INTEGER NOT NULL DEFAULT 0,
  problem    TEXT,                          -- why it was not read to its end
  read_at    INTEGER NOT NULL, counted_lines INTEGER NOT NULL DEFAULT 0,
  UNIQUE (source, name)
);

CREATE TABLE order_changes (
  id              INTEGER PRIMARY KEY,
  order_id        TEXT NOT NULL UNIQUE,
  event_type      TEXT,                     -- as in deliveries; NULL: not known
  status          INTEGER NOT NULL,         -- as in deliveries; 4: a person has to look
  class           TEXT,                     -- more about the status
  reason          TEXT,
  stale           INTEGER NOT NULL DEFAULT 1, -- 1: to be computed anew
  wanted          TEXT NOT NULL DEFAULT '', -- '': as sold; 'reversed'; or JSON of what is left of each item that changed
  told            TEXT NOT NULL DEFAULT '', -- likewise: what impact.com took
  prior           TEXT NOT NULL DEFAULT '', -- told, before the last attempt
  sent            TEXT,                     -- what the last attempt said
  carried         TEXT,                     -- what the conversion says when it is sent
  doubt           INTEGER NOT NULL DEFAULT 0, -- 1: no answer came
  amount_left     INTEGER,                  -- by what is wanted
  amount_back     INTEGER,
  currency        TEXT,
  action_id       TEXT,
  amount_before   INTEGER,                  -- the action's, before the last attempt
  amount_seen     INTEGER,                  -- and after it
  attempt         INTEGER,
  attempts        INTEGER NOT NULL DEFAULT 0,
  attempted_at    INTEGER,
  next_attempt_at INTEGER,
  looks           INTEGER NOT NULL DEFAULT 0,
  queued_uri      TEXT,
  first_at        INTEGER NOT NULL,         -- the first message was read
  rules           TEXT NOT NULL DEFAULT '', -- a fingerprint of the configuration that decided
  held_at         INTEGER,
  passed          TEXT,                     -- what is wanted, when the guard let it through
  passed_at       INTEGER,
  told_at         INTEGER,
  changed_at      INTEGER NOT NULL
);

CREATE TABLE order_items (
  delivery_id INTEGER NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
  line        INTEGER NOT NULL,             -- from 1; 0 has what the customer paid, with tax and shipping
  sku         TEXT,
  category    TEXT,
  quantity    INTEGER NOT NULL,
  amount      INTEGER NOT NULL,             -- of all units
  PRIMARY KEY (delivery_id, line)
) WITHOUT ROWID;

CREATE TABLE profiles (
  id            INTEGER PRIMARY KEY,
  user_id       TEXT,                       -- the key, else
  anonymous_id  TEXT,                       -- the key, or the latest one of the user, else
  email_sha1    TEXT,                       -- the key, or the latest one of the user
  click_id      TEXT,                       -- impact.com's last click id of this person
  click_at      INTEGER,
  seen_at       INTEGER,
  absorbed_into INTEGER                     -- an anonymous id that turned out to be this user
, click_sure INTEGER);

CREATE TABLE reconcile_reads (
  id         INTEGER PRIMARY KEY,
  since_at   INTEGER NOT NULL,
  started_at INTEGER NOT NULL,              -- what is submitted later is not in it
  ended_at   INTEGER,                       -- NULL: it is to be resumed
  judged_at  INTEGER,                       -- when each order got its verdict from it
  missed     INTEGER NOT NULL DEFAULT 0,    -- actions that moved between pages while they were read, and were not seen
  requests   INTEGER NOT NULL DEFAULT 0,
  actions    INTEGER NOT NULL DEFAULT 0     -- that were read, repeated ones too
);

CREATE TABLE reconcile_windows (
  read_id  INTEGER NOT NULL REFERENCES reconcile_reads (id) ON DELETE CASCADE,
  kind     TEXT NOT NULL CHECK (kind IN ('actions', 'changes')),
  from_at  INTEGER NOT NULL,
  to_at    INTEGER NOT NULL,
  pass     INTEGER NOT NULL,                -- numbers the passes over windows
  tries    INTEGER NOT NULL DEFAULT 0,      -- passes over this one that were begun anew
  page     INTEGER NOT NULL DEFAULT 0,      -- read to its end
  total    INTEGER NOT NULL DEFAULT 0,      -- the most that impact.com said to be in it, in this pass
  distinct_rows INTEGER NOT NULL DEFAULT 0, -- seen in this pass
  done     INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (read_id, kind, from_at)
) WITHOUT ROWID;

CREATE TABLE reconciliation_counts (
  verdict TEXT PRIMARY KEY,
  orders  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE reconciliations (
  order_id        TEXT NOT NULL,
  event_type      TEXT NOT NULL,
  verdict         TEXT NOT NULL CHECK (verdict IN ('matched', 'waiting', 'no_action', 'refused', 'differs', 'double', 'reversed', 'reversed_elsewhere', 'reattributed', 'not_ours', 'refund_owed')),
  reason          TEXT,                     -- more about it
  ours            INTEGER NOT NULL,         -- 1: we know the order
  amount_sent     INTEGER,                  -- of all products
  currency_sent   TEXT,
  amount_wanted   INTEGER,                  -- what is left of it after refunds; NULL: there are none
  event_at        INTEGER,
  sent_at         INTEGER,                  -- impact.com took it; NULL: not so far
  action_id       TEXT,                     -- the action that counts: the newest that is not reversed, else the newest
  actions         INTEGER NOT NULL DEFAULT 0,
  live_actions    INTEGER NOT NULL DEFAULT 0, -- that are not reversed
  state           TEXT,
  amount_there    INTEGER,                  -- of all live actions, else of action_id
  intended_there  INTEGER,
  currency_there  TEXT,
  payout          INTEGER,                  -- of all live actions
  client_cost     INTEGER,
  partner_id      TEXT,
  locking_at      INTEGER,
  cleared_at      INTEGER,
  disposition     TEXT,                     -- of the last reversal
  seen_at         INTEGER,                  -- when an action was seen last
  judged_at       INTEGER NOT NULL,
  changed_at      INTEGER NOT NULL,         -- when it got this verdict
  PRIMARY KEY (order_id, event_type)
) WITHOUT ROWID;

CREATE TABLE refunds (
  key         TEXT PRIMARY KEY,             -- of the message
  order_id    TEXT NOT NULL,
  refund_id   TEXT NOT NULL,                -- the sender's, else the key: the latest with one id counts
  source      TEXT NOT NULL,
  event       TEXT NOT NULL,
  at          INTEGER NOT NULL,
  read_at     INTEGER NOT NULL,
  kind        TEXT NOT NULL CHECK (kind IN ('whole', 'returned', 'part', 'left', 'unclear')),
  items       TEXT,                         -- JSON: of returned, what is taken back; of left, what is left
  amount      INTEGER,                      -- likewise
  net         INTEGER NOT NULL DEFAULT 0,   -- 1: without tax and shipping
  currency    TEXT,
  cumulative  INTEGER NOT NULL DEFAULT 0,   -- 1: the sum of all refunds so far
  tentative   INTEGER NOT NULL DEFAULT 0,   -- 1: it is not configured to count
  reason      TEXT,                         -- of unclear
  payload     TEXT NOT NULL,                -- the message without anything of the person
  fingerprint TEXT NOT NULL                 -- of the settings that it was read with
) WITHOUT ROWID;

CREATE TABLE rejected (
  id      INTEGER PRIMARY KEY,
  run     INTEGER NOT NULL,
  source  TEXT NOT NULL,
  object  TEXT NOT NULL,
  line    INTEGER NOT NULL,
  reason  TEXT NOT NULL,
  seen_at INTEGER NOT NULL
);

CREATE TABLE requests_sent (
  host   TEXT NOT NULL,                     -- tracking, api; api_lookups: those of api that asked for a verdict
  minute INTEGER NOT NULL,                  -- minutes since 1970
  count  INTEGER NOT NULL,
  PRIMARY KEY (host, minute)
) WITHOUT ROWID;

CREATE TABLE routes (
  type    TEXT NOT NULL,                    -- track, page, screen, identify
  name    TEXT NOT NULL,                    -- of a track event; '' for the others
  becomes TEXT NOT NULL,                    -- conversion, install, page_load
  PRIMARY KEY (type, name)
) WITHOUT ROWID;

CREATE TABLE run_counters (
  run   INTEGER NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
  name  TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (run, name)
) WITHOUT ROWID;

CREATE TABLE runs (
  run          INTEGER PRIMARY KEY,
  kind         TEXT NOT NULL,               -- run, adopt, resync
  started_at   INTEGER NOT NULL,
  ended_at     INTEGER,
  heartbeat_at INTEGER NOT NULL,
  exit_code    INTEGER,
  pid          INTEGER NOT NULL,
  host         TEXT NOT NULL,
  version      TEXT NOT NULL,
  pending      INTEGER NOT NULL DEFAULT 0,  -- still due when the run ended
  held         INTEGER NOT NULL DEFAULT 0,
  note         TEXT NOT NULL DEFAULT ''
, next_run_at INTEGER);

CREATE TABLE segment_catalogue (
  class     TEXT NOT NULL CHECK (class IN ('audience', 'computed')),
  key       TEXT NOT NULL,
  id        TEXT NOT NULL,
  name      TEXT NOT NULL,
  enabled   INTEGER NOT NULL,
  status    TEXT NOT NULL,                  -- Segment's word
  size      INTEGER,                        -- profiles, not ids; NULL: Segment does not say
  PRIMARY KEY (class, key)
) WITHOUT ROWID;

CREATE TABLE segment_reads (
  what    TEXT PRIMARY KEY,                 -- audience, computed or suppressions
  read_at INTEGER,                          -- when it was read to its end; NULL: it never was
  error   TEXT                              -- why the newest attempt failed; NULL: it did not
) WITHOUT ROWID;

CREATE TABLE segment_refused (
  key    TEXT PRIMARY KEY,
  reason TEXT NOT NULL,
  since  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE segment_suppressed (hash BLOB PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE sightings (
  id           INTEGER PRIMARY KEY,         -- in the order of reading
  profile_id   INTEGER,                     -- of the user id, or of an address without any other id
  visitor_id   INTEGER,                     -- of the anonymous id
  user_id      TEXT,
  anonymous_id TEXT,
  email_sha1   TEXT,
  seen_at      INTEGER NOT NULL,            -- and when the click id was
  seen_until   INTEGER NOT NULL,            -- the last time before anything else was seen of them
  event_id     INTEGER NOT NULL,            -- events from this one on were read later
  click_id     TEXT,
  click_sure   INTEGER
, mailed_until INTEGER);

CREATE TABLE source_reads (
  name      TEXT PRIMARY KEY,
  newest_at INTEGER,                        -- time of its newest input
  read_at   INTEGER,                        -- when it was listed; NULL: it never could be
  missing   TEXT NOT NULL DEFAULT '',       -- configured lists that have no file, one a line
  max_age   INTEGER,                        -- as configured, in nanoseconds; NULL: none
  stale     TEXT NOT NULL DEFAULT '',       -- why it is stale, one reason a line
  error     TEXT                            -- why it could not be read to its end
, whole_at INTEGER, whole_of TEXT, whole_day INTEGER) WITHOUT ROWID;

CREATE TABLE store (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  store_id     TEXT NOT NULL,               -- random, made with the file: tells two state files apart
  created_at   INTEGER NOT NULL,            -- all times in tables: nanoseconds since 1970, UTC
  account_sid  TEXT NOT NULL,               -- the destination this state vouches for
  campaign_id  TEXT NOT NULL,
  official     INTEGER NOT NULL,            -- 1: impact.com's own hosts; 0: a sandbox or proxy
  hosts        TEXT NOT NULL,               -- the two bases, for the message when they differ
  commits      INTEGER NOT NULL DEFAULT 0   -- transactions so far: shows a write-ahead log that lost what the file has
, placeholders TEXT NOT NULL DEFAULT '', refusals_of TEXT NOT NULL DEFAULT '', events_applied INTEGER NOT NULL DEFAULT 0);

CREATE TABLE suppressions (
  profile_id INTEGER PRIMARY KEY,
  person     INTEGER NOT NULL,              -- profiles.id of whom the list names; the others are more ids of theirs
  run        INTEGER NOT NULL,              -- whose list named them last
  held       INTEGER NOT NULL DEFAULT 0     -- 1: the guard holds it, and all that is due of the person with it
);

CREATE TABLE told_calls (anonymous_id TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE told_differs (
  trait_id   INTEGER NOT NULL,
  profile_id INTEGER NOT NULL,
  PRIMARY KEY (trait_id, profile_id)
) WITHOUT ROWID;

CREATE TABLE told_gone (
  kind     TEXT NOT NULL CHECK (kind IN ('user_id', 'anonymous_id', 'email_sha1')),
  id       TEXT NOT NULL,
  trait_id INTEGER NOT NULL,                -- 0: of all traits, since the person is forgotten
  PRIMARY KEY (kind, id, trait_id)
) WITHOUT ROWID;

CREATE TABLE told_traits (
  trait_id INTEGER PRIMARY KEY,
  place    TEXT NOT NULL,                   -- the schema with the table, as the configuration names it
  ids      TEXT NOT NULL DEFAULT ''         -- a fingerprint of what were people's ids when a list was last compared with it
);

CREATE TABLE trait_due (
  trait_id        INTEGER NOT NULL,
  profile_id      INTEGER NOT NULL,
  status          INTEGER NOT NULL,
  is_exit         INTEGER NOT NULL DEFAULT 0, -- 1: what is due is a false
  doubt           INTEGER NOT NULL DEFAULT 0, -- 1: something was sent and the answer never came
  wanted,                                   -- this and the following as in trait_values
  wanted_at       INTEGER NOT NULL,
  delivered,
  delivered_at    INTEGER,
  origin          INTEGER,
  message         TEXT,
  sent,                                     -- as wanted: the value of the open or the doubtful attempt
  attempt         INTEGER,                  -- its number
  attempts        INTEGER NOT NULL DEFAULT 0, -- that failed
  next_attempt_at INTEGER,
  last_error      TEXT,
  class           TEXT,                     -- of a held row: exits, joins, computation, suppressions, NULL before the verdict; of a refusal: parameter, identifier, order, time, program, other
  value           TEXT,                     -- the refused value
  fingerprint     TEXT,                     -- of mapping and configuration then: another one tries again
  at              INTEGER,                  -- when it failed, or became held
  PRIMARY KEY (trait_id, profile_id)
) WITHOUT ROWID;

CREATE TABLE trait_runs (
  trait_id  INTEGER NOT NULL REFERENCES traits (id) ON DELETE CASCADE,
  run       INTEGER NOT NULL,
  at        INTEGER,                        -- NULL until the run ends, as what follows
  wanted    INTEGER,
  delivered INTEGER,
  pending   INTEGER,
  held      INTEGER,
  refused   INTEGER,
  joins     INTEGER NOT NULL DEFAULT 0,     -- people of whom it became wanted in this run
  leaves    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (trait_id, run)
) WITHOUT ROWID;

CREATE TABLE trait_values (
  trait_id     INTEGER NOT NULL,
  profile_id   INTEGER NOT NULL,
  wanted,                                   -- 1: true, 0: false, else a text; NULL: nothing to say (cleared)
  delivered,                                -- as wanted; NULL: never answered with 2xx
  delivered_at INTEGER,                     -- in seconds
  wanted_at    INTEGER,                     -- NULL: when its list was listed
  origin       INTEGER,                     -- objects.id it came from; negative: -generations.id
  message      TEXT,                        -- JSON, of what a message said: id, received_at, and ordered_at, the time of the newest message that said the same
  PRIMARY KEY (trait_id, profile_id)
) WITHOUT ROWID;

CREATE TABLE traits (
  id             INTEGER PRIMARY KEY,
  key            TEXT NOT NULL UNIQUE,      -- what impact.com sees; the identity
  name           TEXT NOT NULL DEFAULT '',  -- a label
  class          TEXT NOT NULL CHECK (class IN ('audience', 'computed')),
  list_source    TEXT,                      -- the source whose full lists feed it
  changes_source TEXT,                      -- the source whose messages last fed it
  authority      TEXT NOT NULL DEFAULT '',  -- list, changes, latest; '' while only one of them feeds it
  space_id       TEXT NOT NULL DEFAULT '',
  computation_id TEXT NOT NULL DEFAULT '',
  generation     INTEGER,                   -- the last applied list
  last_change_at INTEGER,
  last_list_at   INTEGER,
  created_at     INTEGER NOT NULL
, list_gone_at INTEGER);

CREATE TABLE unlisted (
  kind    TEXT NOT NULL CHECK (kind IN ('event', 'trait')),
  name    TEXT NOT NULL,
  count   INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;

CREATE TABLE verdicts (
  delivery_id  INTEGER PRIMARY KEY REFERENCES deliveries (id) ON DELETE CASCADE,
  looks        INTEGER NOT NULL,            -- how often it was looked up
  looked_at    INTEGER NOT NULL,            -- the last time
  status       TEXT NOT NULL,               -- impact.com's word: Queued, In Progress, Complete
  completed_at INTEGER,
  error_type   TEXT,                        -- impact.com's word, such as Validation
  reasons      TEXT,                        -- impact.com's codes, with blanks between them
  verdict      TEXT NOT NULL                -- our reading of them: waiting, counted, no_partner, no_credit, duplicate, fault, gone
);

CREATE TABLE warnings (
  kind    TEXT NOT NULL,                    -- page_load, conversion, trait_update
  field   TEXT NOT NULL,
  level   TEXT NOT NULL,
  message TEXT NOT NULL,
  count   INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (kind, field, level, message)
) WITHOUT ROWID;

CREATE INDEX action_changes_action ON action_changes (action_id, updated_at);

CREATE INDEX actions_order ON actions (order_id, event_type) WHERE order_id IS NOT NULL;

CREATE INDEX approvals_open ON approvals_given (scope, direction) WHERE used IS NULL;

CREATE INDEX attempts_at ON "failed_attempts" (at);

CREATE INDEX attempts_profile ON "failed_attempts" (profile_id);

CREATE TRIGGER deliveries_deleted AFTER DELETE ON deliveries BEGIN
  DELETE FROM events_by_person WHERE profile_id = OLD.profile_id AND delivery_id = OLD.id;
END;

CREATE INDEX deliveries_done ON deliveries (delivered_at) WHERE status = 0;

CREATE INDEX deliveries_due ON deliveries (kind, status, has_click, event_at) WHERE status > 0;

CREATE INDEX deliveries_file ON deliveries (file, status) WHERE file IS NOT NULL;

CREATE INDEX deliveries_look ON deliveries (delivered_at, look_at) WHERE look_at IS NOT NULL;

CREATE TRIGGER deliveries_moved AFTER UPDATE OF profile_id ON deliveries WHEN NEW.profile_id <> OLD.profile_id BEGIN
  DELETE FROM events_by_person WHERE profile_id = OLD.profile_id AND delivery_id = OLD.id;
  INSERT INTO events_by_person (profile_id, delivery_id) VALUES (NEW.profile_id, NEW.id) ON CONFLICT DO NOTHING;
END;

CREATE INDEX deliveries_next ON deliveries (next_attempt_at) WHERE status IN (3, 5);

CREATE UNIQUE INDEX deliveries_order ON deliveries (order_id, event_type) WHERE order_id IS NOT NULL;

CREATE INDEX deliveries_sold ON deliveries (delivered_at) WHERE kind = 'conversion' AND status = 0;

CREATE INDEX file_errors_file ON file_errors (file_id);

CREATE INDEX generations_trait ON generations (trait_id, listed_at);

CREATE INDEX guard_verdicts_scope ON guard_verdicts (scope, direction, unit, id);

CREATE INDEX objects_problem ON objects (read_at) WHERE problem IS NOT NULL;

CREATE INDEX order_changes_due ON order_changes (status, next_attempt_at) WHERE status > 0;

CREATE INDEX order_changes_passed ON order_changes (passed_at) WHERE passed_at IS NOT NULL;

CREATE INDEX order_changes_stale ON order_changes (stale) WHERE stale = 1;

CREATE INDEX profiles_absorbed ON profiles (absorbed_into) WHERE absorbed_into IS NOT NULL;

CREATE INDEX reconciliations_verdict ON reconciliations (verdict, event_at);

CREATE INDEX refunds_order ON refunds (order_id);

CREATE INDEX rejected_object ON rejected (source, object, line);

CREATE INDEX suppressions_person ON suppressions (person);

CREATE INDEX trait_due_next ON trait_due (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

CREATE INDEX trait_due_status ON trait_due (status, is_exit, wanted_at);

CREATE INDEX trait_values_untold ON trait_values (trait_id) WHERE delivered IS NULL;

CREATE INDEX verdicts_verdict ON verdicts (verdict);

CREATE VIEW answer_warnings AS
SELECT kind, field, level, message, count,
       strftime('%Y-%m-%dT%H:%M:%S', seen_at / 1000000000, 'unixepoch') || printf('.%03dZ', seen_at / 1000000 % 1000) AS last_seen_at
  FROM warnings ORDER BY count DESC;

CREATE VIEW approvals AS
SELECT a.id, t.key AS trait_key, a.direction, a.computation, a.amount, a.used,
       strftime('%Y-%m-%dT%H:%M:%S', a.created_at / 1000000000, 'unixepoch') || printf('.%03dZ', a.created_at / 1000000 % 1000) AS approved_at,
       strftime('%Y-%m-%dT%H:%M:%S', a.expires_at / 1000000000, 'unixepoch') || printf('.%03dZ', a.expires_at / 1000000 % 1000) AS expires_at,
       a.run AS used_by_run, a.os_user, a.host, a.given_as AS approved_as
  FROM approvals_given a LEFT JOIN traits t ON t.id = a.scope;

CREATE VIEW attempts AS
SELECT a.id, a.run, strftime('%Y-%m-%dT%H:%M:%S', a.at / 1000000000, 'unixepoch') || printf('.%03dZ', a.at / 1000000 % 1000) AS at,
       coalesce(d.kind, 'trait_update') AS kind, 'e' || a.delivery_id AS delivery, coalesce(p.user_id, n.user_id) AS user_id, coalesce(p.anonymous_id, n.anonymous_id) AS anonymous_id, coalesce(p.email_sha1, n.email_sha1) AS email_sha1,
       a.detail, a.outcome, a.error, a.attempt, coalesce(p.id, n.id) AS profile_id
  FROM failed_attempts a LEFT JOIN deliveries d ON d.id = a.delivery_id LEFT JOIN profiles o ON o.id = a.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id) LEFT JOIN newcomers n ON n.id = a.profile_id;

CREATE VIEW audiences AS
SELECT t.key, t.name, coalesce(t.list_source, t.changes_source, '') AS source,
       coalesce((SELECT value FROM counters WHERE scope = t.id AND name = 'wanted'), 0)    AS members_wanted,
       coalesce((SELECT value FROM counters WHERE scope = t.id AND name = 'delivered'), 0) AS members_delivered,
       coalesce((SELECT sum(value) FROM counters WHERE scope = t.id
                 AND name IN ('pending', 'in_flight', 'retry_later', 'unknown')), 0)       AS pending,
       coalesce((SELECT value FROM counters WHERE scope = t.id AND name = 'held'), 0)      AS held,
       coalesce((SELECT value FROM counters WHERE scope = t.id AND name = 'refused'), 0)   AS refused,
       strftime('%Y-%m-%dT%H:%M:%S', t.last_change_at / 1000000000, 'unixepoch') || printf('.%03dZ', t.last_change_at / 1000000 % 1000) AS last_change_at,
       strftime('%Y-%m-%dT%H:%M:%S', t.last_list_at / 1000000000, 'unixepoch') || printf('.%03dZ', t.last_list_at / 1000000 % 1000)     AS last_list_at,
       t.class, t.authority, t.space_id, t.computation_id,
       strftime('%Y-%m-%dT%H:%M:%S', t.list_gone_at / 1000000000, 'unixepoch') || printf('.%03dZ', t.list_gone_at / 1000000 % 1000)     AS list_gone_at
  FROM traits t;

CREATE VIEW conversion_file_errors AS
SELECT f.name AS file, e.order_id, e.event_type, nullif(e.sku, '') AS sku, e.error_type, e.reasons, e.verdict
  FROM file_errors e JOIN files f ON f.id = e.file_id;

CREATE VIEW conversion_files AS
SELECT f.name AS file, f.status, f.level, f.place, f.orders, f.lines, f.bytes,
       (SELECT count(*) FROM deliveries d WHERE d.file = f.id AND d.status IN (2, 5)) AS open_orders,
       (SELECT count(*) FROM deliveries d WHERE d.file = f.id AND d.status = 4)       AS refused_orders,
       strftime('%Y-%m-%dT%H:%M:%S', f.claimed_at / 1000000000, 'unixepoch') || printf('.%03dZ', f.claimed_at / 1000000 % 1000)     AS claimed_at,
       strftime('%Y-%m-%dT%H:%M:%S', f.sent_at / 1000000000, 'unixepoch') || printf('.%03dZ', f.sent_at / 1000000 % 1000)           AS sent_at,
       strftime('%Y-%m-%dT%H:%M:%S', f.shown_at / 1000000000, 'unixepoch') || printf('.%03dZ', f.shown_at / 1000000 % 1000)         AS shown_at,
       strftime('%Y-%m-%dT%H:%M:%S', f.completed_at / 1000000000, 'unixepoch') || printf('.%03dZ', f.completed_at / 1000000 % 1000) AS completed_at,
       f.impact_status, f.records, f.errors, f.batch_id, f.problem, f.run, f.id
  FROM files f;

CREATE VIEW conversion_verdicts AS
SELECT d.event_type, d.order_id, d.message_id, coalesce(p.user_id, n.user_id) AS user_id, coalesce(p.anonymous_id, n.anonymous_id) AS anonymous_id,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000)         AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at,
       v.status, v.verdict, v.error_type, v.reasons,
       strftime('%Y-%m-%dT%H:%M:%S', v.completed_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.completed_at / 1000000 % 1000) AS completed_at,
       strftime('%Y-%m-%dT%H:%M:%S', v.looked_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.looked_at / 1000000 % 1000)       AS looked_at,
       v.looks, d.queued_uri
  FROM verdicts v JOIN deliveries d ON d.id = v.delivery_id LEFT JOIN profiles o ON o.id = d.profile_id
  LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id) LEFT JOIN newcomers n ON n.id = d.profile_id;

CREATE VIEW delivered_conversions AS
SELECT d.event_type, d.order_id, d.message_id,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000)         AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at,
       d.queued_uri, coalesce(p.user_id, n.user_id) AS user_id, coalesce(p.anonymous_id, n.anonymous_id) AS anonymous_id, coalesce(p.email_sha1, n.email_sha1) AS email_sha1, d.event, round(d.amount / 10000.0, 4) AS amount, d.currency, 'e' || d.id AS id
  FROM deliveries d LEFT JOIN profiles o ON o.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id) LEFT JOIN newcomers n ON n.id = d.profile_id
 WHERE d.kind = 'conversion' AND d.status = 0 AND d.outcome = 'delivered';

CREATE VIEW delivered_page_loads AS
SELECT 'e' || d.id AS id, d.event, coalesce(p.user_id, n.user_id) AS user_id, coalesce(p.anonymous_id, n.anonymous_id) AS anonymous_id, coalesce(p.email_sha1, n.email_sha1) AS email_sha1, d.message_id,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000) AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at
  FROM deliveries d LEFT JOIN profiles o ON o.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id) LEFT JOIN newcomers n ON n.id = d.profile_id
 WHERE d.kind = 'page_load' AND d.status = 0 AND d.outcome = 'delivered';

CREATE VIEW held_changes AS
SELECT t.key AS trait_key, h.direction, h.held, coalesce(h.reason, g.reason) AS reason,
       strftime('%Y-%m-%dT%H:%M:%S', coalesce(h.since, g.at) / 1000000000, 'unixepoch') || printf('.%03dZ', coalesce(h.since, g.at) / 1000000 % 1000) AS held_at,
       CASE h.direction WHEN 'unknown' THEN 'set delivery.unknown.' || CASE h.kind WHEN 'conversion' THEN 'conversions' ELSE 'pageLoads' END || ': resend or drop'
         WHEN 'segment' THEN 'add ' || t.key || ' to segment.unchecked'
         WHEN 'conversions' THEN 'approve --conversions ' || h.held WHEN 'reversals' THEN 'approve --reversals ' || h.held WHEN 'suppressions' THEN 'approve --suppressions ' || h.held
         WHEN 'computation' THEN 'approve ' || t.key || ' --computation ' || h.computation ELSE 'approve ' || t.key || ' --' || h.direction || ' ' || h.held END AS command,
       h.kind
  FROM (SELECT v.trait_id AS scope, v.class AS direction, CASE v.class WHEN 'computation' THEN v.value END AS computation, count(*) AS held,
               max(v.last_error) AS reason, CASE WHEN v.class IN ('computation', 'segment') THEN min(v.at) END AS since, 'trait_update' AS kind
          FROM trait_due v WHERE v.status = 6 AND v.class <> 'suppressions' GROUP BY 1, 2, 3
        UNION ALL
        SELECT -1, 'conversions', NULL, count(*), NULL, NULL, 'conversion' FROM deliveries
         WHERE kind = 'conversion' AND status = 6 AND status > 0 AND class = 'conversions' HAVING count(*) > 0
        UNION ALL
        SELECT -2, 'suppressions', NULL, count(*), NULL, NULL, NULL FROM suppressions
         WHERE held = 1 AND person = profile_id HAVING count(*) > 0
        UNION ALL
        SELECT -3, 'reversals', NULL, count(*), max(reason), max(held_at), NULL FROM order_changes
         WHERE status = 6 AND status > 0 AND class = 'reversals' HAVING count(*) > 0
        UNION ALL
        SELECT CASE kind WHEN 'conversion' THEN -1 ELSE 0 END, 'unknown', NULL, count(*), 'no answer came, so impact.com may have them or not', NULL, kind FROM deliveries
         WHERE status = 6 AND status > 0 AND class IS NULL AND attempts > 0 GROUP BY kind) h
  LEFT JOIN guard_verdicts g ON g.id = (SELECT max(id) FROM guard_verdicts w WHERE w.scope = h.scope AND w.direction = h.direction AND w.held = 1)
  LEFT JOIN traits t ON t.id = h.scope;

CREATE VIEW host_rates AS
SELECT h.host, (SELECT coalesce(sum(r.count), 0) FROM requests_sent r WHERE r.host = h.host AND r.minute > unixepoch('now') / 60 - 60) AS sent_last_hour,
       q.quota, q.remaining,
       strftime('%Y-%m-%dT%H:%M:%S', q.reset_at / 1000000000, 'unixepoch') || printf('.%03dZ', q.reset_at / 1000000 % 1000)         AS reset_at,
       strftime('%Y-%m-%dT%H:%M:%S', q.paused_until / 1000000000, 'unixepoch') || printf('.%03dZ', q.paused_until / 1000000 % 1000) AS paused_until,
       q.pace AS pace_per_second,
       strftime('%Y-%m-%dT%H:%M:%S', q.seen_at / 1000000000, 'unixepoch') || printf('.%03dZ', q.seen_at / 1000000 % 1000)           AS seen_at
  FROM (SELECT 'api' AS host UNION ALL VALUES ('tracking')) h LEFT JOIN host_quotas q ON q.host = h.host;

CREATE VIEW list_history AS
SELECT g.id, t.key, g.source, g.objects, g.state, g.members, g.joins, g.exits, g.told, g.unchanged, g.verdict,
       strftime('%Y-%m-%dT%H:%M:%S', g.listed_at / 1000000000, 'unixepoch') || printf('.%03dZ', g.listed_at / 1000000 % 1000)   AS listed_at,
       strftime('%Y-%m-%dT%H:%M:%S', g.applied_at / 1000000000, 'unixepoch') || printf('.%03dZ', g.applied_at / 1000000 % 1000) AS applied_at,
       g.run
  FROM generations g JOIN traits t ON t.id = g.trait_id;

CREATE VIEW notifications AS
SELECT webhook, condition,
       strftime('%Y-%m-%dT%H:%M:%S', since / 1000000000, 'unixepoch') || printf('.%03dZ', since / 1000000 % 1000)     AS since,
       strftime('%Y-%m-%dT%H:%M:%S', told_at / 1000000000, 'unixepoch') || printf('.%03dZ', told_at / 1000000 % 1000) AS told_at
  FROM notices;

CREATE VIEW order_reconciliation AS
SELECT order_id, event_type, verdict, action_id, round(amount_sent / 10000.0, 4) AS amount_sent, round(amount_there / 10000.0, 4) AS amount_there,
       coalesce(currency_there, currency_sent) AS currency,
       strftime('%Y-%m-%dT%H:%M:%S', locking_at / 1000000000, 'unixepoch') || printf('.%03dZ', locking_at / 1000000 % 1000) AS locking_at,
       strftime('%Y-%m-%dT%H:%M:%S', seen_at / 1000000000, 'unixepoch') || printf('.%03dZ', seen_at / 1000000 % 1000)       AS seen_at,
       reason, currency_sent, round(amount_wanted / 10000.0, 4) AS amount_wanted, state, coalesce(state = 'APPROVED' OR locking_at / 1000000000 <= unixepoch('now'), 0) AS locked,
       round((locking_at / 1000000000 - unixepoch('now')) / 86400.0, 1) AS days_until_locking,
       actions, live_actions, partner_id, round(payout / 10000.0, 4) AS payout, round(client_cost / 10000.0, 4) AS client_cost, disposition,
       strftime('%Y-%m-%dT%H:%M:%S', event_at / 1000000000, 'unixepoch') || printf('.%03dZ', event_at / 1000000 % 1000)     AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', sent_at / 1000000000, 'unixepoch') || printf('.%03dZ', sent_at / 1000000 % 1000)       AS sent_at,
       strftime('%Y-%m-%dT%H:%M:%S', cleared_at / 1000000000, 'unixepoch') || printf('.%03dZ', cleared_at / 1000000 % 1000) AS cleared_at,
       strftime('%Y-%m-%dT%H:%M:%S', changed_at / 1000000000, 'unixepoch') || printf('.%03dZ', changed_at / 1000000 % 1000) AS verdict_since
  FROM reconciliations;

CREATE VIEW order_refunds AS
SELECT c.order_id, c.event_type,
       CASE c.status WHEN 0 THEN coalesce(c.class, 'done') WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'waiting' WHEN 4 THEN 'reported' WHEN 5 THEN 'unknown' ELSE 'held' END AS status,
       CASE WHEN c.status > 0 THEN c.class END AS class, c.reason,
       CASE c.wanted WHEN '' THEN 'as sold' WHEN 'reversed' THEN 'reversed' ELSE 'reduced' END AS wanted,
       CASE c.told WHEN '' THEN 'as sold' WHEN 'reversed' THEN 'reversed' ELSE 'reduced' END AS told,
       round(c.amount_left / 10000.0, 4) AS amount_left, round(c.amount_back / 10000.0, 4) AS amount_back, c.currency, c.action_id,
       (SELECT count(*) FROM refunds r WHERE r.order_id = c.order_id) AS refunds, c.attempts,
       strftime('%Y-%m-%dT%H:%M:%S', c.first_at / 1000000000, 'unixepoch') || printf('.%03dZ', c.first_at / 1000000 % 1000) AS first_refund_at,
       strftime('%Y-%m-%dT%H:%M:%S', c.told_at / 1000000000, 'unixepoch') || printf('.%03dZ', c.told_at / 1000000 % 1000) AS told_at,
       strftime('%Y-%m-%dT%H:%M:%S', c.next_attempt_at / 1000000000, 'unixepoch') || printf('.%03dZ', c.next_attempt_at / 1000000 % 1000) AS next_attempt_at,
       strftime('%Y-%m-%dT%H:%M:%S', c.changed_at / 1000000000, 'unixepoch') || printf('.%03dZ', c.changed_at / 1000000 % 1000) AS changed_at
  FROM order_changes c;

CREATE VIEW orders AS
SELECT d.order_id, d.event, d.event_type, CASE d.status WHEN 0 THEN d.outcome WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later' WHEN 4 THEN 'refused' WHEN 5 THEN 'unknown' ELSE 'held' END AS status,
       round(d.amount / 10000.0, 4) AS amount, d.currency, coalesce(p.user_id, n.user_id) AS user_id, coalesce(p.anonymous_id, n.anonymous_id) AS anonymous_id, coalesce(p.email_sha1, n.email_sha1) AS email_sha1,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000) AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at,
       d.attempts, d.class, d.last_error, v.verdict, v.error_type, v.reasons, d.queued_uri, d.message_id, 'e' || d.id AS id
  FROM deliveries d LEFT JOIN profiles o ON o.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id) LEFT JOIN newcomers n ON n.id = d.profile_id
  LEFT JOIN verdicts v ON v.delivery_id = d.id
 WHERE d.kind = 'conversion';

CREATE VIEW pending_deliveries AS
SELECT 'e' || d.id AS id, d.kind, d.payload ->> '$.userId' AS user_id, d.payload ->> '$.anonymousId' AS anonymous_id,
       d.event || coalesce(' ' || d.order_id, '') AS detail,
       strftime('%Y-%m-%dT%H:%M:%S', d.created_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.created_at / 1000000 % 1000) AS created_at,
       d.attempts,
       strftime('%Y-%m-%dT%H:%M:%S', d.next_attempt_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.next_attempt_at / 1000000 % 1000) AS next_attempt_at,
       coalesce(d.last_error, CASE d.class WHEN 'conversions' THEN (SELECT reason FROM guard_verdicts g WHERE g.scope = -1 AND g.held = 1 ORDER BY g.id DESC LIMIT 1) END) AS last_error,
       CASE d.status WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later' WHEN 5 THEN 'unknown' ELSE 'held' END AS status
  FROM deliveries d WHERE d.status > 0 AND d.status <> 4
UNION ALL
SELECT 't' || v.trait_id || '-' || v.profile_id, 'trait_update', coalesce(p.user_id, n.user_id), coalesce(p.anonymous_id, n.anonymous_id),
       t.key || '=' || CASE v.wanted WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE coalesce(v.wanted, 'false') END,
       strftime('%Y-%m-%dT%H:%M:%S', v.wanted_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.wanted_at / 1000000 % 1000),
       v.attempts,
       strftime('%Y-%m-%dT%H:%M:%S', v.next_attempt_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.next_attempt_at / 1000000 % 1000),
       coalesce(v.last_error, (SELECT reason FROM guard_verdicts g WHERE g.scope = v.trait_id AND g.direction = v.class AND g.held = 1 ORDER BY g.id DESC LIMIT 1)),
       CASE v.status WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later' WHEN 5 THEN 'unknown' ELSE 'held' END
  FROM trait_due v
  JOIN traits t ON t.id = v.trait_id
  LEFT JOIN profiles p ON p.id = v.profile_id LEFT JOIN newcomers n ON n.id = v.profile_id
 WHERE v.status > 0 AND v.status <> 4;

CREATE VIEW people AS
SELECT id, user_id, anonymous_id, email_sha1, click_id, click_at, click_sure, seen_at, absorbed_into, CAST(0 AS INTEGER) AS newcomer
  FROM profiles
UNION ALL
SELECT id, user_id, anonymous_id, email_sha1, CAST(NULL AS TEXT), CAST(NULL AS INTEGER), CAST(NULL AS INTEGER), CAST(NULL AS INTEGER), CAST(NULL AS INTEGER), CAST(1 AS INTEGER)
  FROM newcomers;

CREATE VIEW profile_traits AS
SELECT coalesce(p.user_id, n.user_id) AS user_id, coalesce(p.anonymous_id, n.anonymous_id) AS anonymous_id, t.key AS trait_key,
       CASE v.wanted WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE v.wanted END AS wanted,
       CASE v.delivered WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE v.delivered END AS delivered, v.doubt,
       strftime('%Y-%m-%dT%H:%M:%S', v.wanted_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.wanted_at / 1000000 % 1000) AS changed_at,
       strftime('%Y-%m-%dT%H:%M:%S.000Z', v.delivered_at, 'unixepoch') AS delivered_at,
       coalesce(v.last_error, (SELECT reason FROM guard_verdicts g WHERE g.scope = v.trait_id AND g.direction = v.class AND g.held = 1 ORDER BY g.id DESC LIMIT 1)) AS last_error,
       CASE v.status WHEN 0 THEN 'settled' WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later'
                     WHEN 4 THEN 'refused' WHEN 5 THEN 'unknown' ELSE 'held' END AS status,
       coalesce(p.email_sha1, n.email_sha1) AS email_sha1, v.message ->> '$.id' AS message_id, v.profile_id
  FROM trait_rows v
  JOIN traits t ON t.id = v.trait_id
  LEFT JOIN profiles p ON p.id = v.profile_id LEFT JOIN newcomers n ON n.id = v.profile_id;

CREATE VIEW recent_runs AS
SELECT r.run,
       strftime('%Y-%m-%dT%H:%M:%S', r.started_at / 1000000000, 'unixepoch') || printf('.%03dZ', r.started_at / 1000000 % 1000) AS started_at,
       strftime('%Y-%m-%dT%H:%M:%S', r.ended_at / 1000000000, 'unixepoch') || printf('.%03dZ', r.ended_at / 1000000 % 1000)     AS ended_at,
       r.exit_code,
       coalesce((SELECT value FROM run_counters WHERE run = r.run AND name = 'found'), 0)     AS found,
       coalesce((SELECT value FROM run_counters WHERE run = r.run AND name = 'delivered'), 0) AS delivered,
       coalesce((SELECT value FROM run_counters WHERE run = r.run AND name = 'refused'), 0)   AS refused,
       coalesce((SELECT value FROM run_counters WHERE run = r.run AND name = 'rejected'), 0)  AS rejected,
       r.held, r.pending, r.note, r.kind, r.host, r.pid,
       (r.ended_at - r.started_at) / 1000000 / 1000.0 AS duration_seconds,
       coalesce((SELECT value FROM run_counters WHERE run = r.run AND name = 'requests'), 0)  AS requests,
       coalesce((SELECT value FROM run_counters WHERE run = r.run AND name = 'unknown'), 0)   AS unknown,
       coalesce((SELECT value FROM run_counters WHERE run = r.run AND name = 'too_old'), 0)   AS too_old,
       coalesce((SELECT value FROM run_counters WHERE run = r.run AND name = 'dropped'), 0)   AS dropped,
       r.version,
       strftime('%Y-%m-%dT%H:%M:%S', r.heartbeat_at / 1000000000, 'unixepoch') || printf('.%03dZ', r.heartbeat_at / 1000000 % 1000) AS last_seen_at,
       strftime('%Y-%m-%dT%H:%M:%S', r.next_run_at / 1000000000, 'unixepoch') || printf('.%03dZ', r.next_run_at / 1000000 % 1000) AS next_run_at
  FROM runs r;

CREATE VIEW reconciliation_totals AS
SELECT verdict, partner_id, date(event_at / 1000000000, 'unixepoch') AS day, currency_sent, currency_there,
       coalesce(state = 'APPROVED' OR locking_at / 1000000000 <= unixepoch('now'), 0) AS locked, count(*) AS orders,
       round(sum(amount_sent) / 10000.0, 4) AS amount_sent, round(sum(amount_wanted) / 10000.0, 4) AS amount_wanted, round(sum(amount_there) / 10000.0, 4) AS amount_there,
       round(sum(payout) / 10000.0, 4) AS payout, round(sum(client_cost) / 10000.0, 4) AS client_cost
  FROM reconciliations GROUP BY 1, 2, 3, 4, 5, 6;

CREATE VIEW refund_messages AS
SELECT r.order_id, r.event, r.source, r.kind, r.items, round(r.amount / 10000.0, 4) AS amount, r.currency, r.reason, r.refund_id, r.key AS message_id,
       strftime('%Y-%m-%dT%H:%M:%S', r.at / 1000000000, 'unixepoch') || printf('.%03dZ', r.at / 1000000 % 1000) AS at, strftime('%Y-%m-%dT%H:%M:%S', r.read_at / 1000000000, 'unixepoch') || printf('.%03dZ', r.read_at / 1000000 % 1000) AS read_at, r.tentative
  FROM refunds r;

CREATE VIEW refused_deliveries AS
SELECT 'e' || d.id AS id, d.kind, d.payload ->> '$.userId' AS user_id, d.payload ->> '$.anonymousId' AS anonymous_id,
       d.event || coalesce(' ' || d.order_id, '') AS detail, d.class, d.last_error AS reason,
       strftime('%Y-%m-%dT%H:%M:%S', d.refused_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.refused_at / 1000000 % 1000) AS refused_at,
       coalesce(p.email_sha1, n.email_sha1, d.payload ->> '$.traits.email', d.payload ->> '$.context.traits.email', d.payload ->> '$.properties.email') AS email_sha1
  FROM deliveries d LEFT JOIN profiles o ON o.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id) LEFT JOIN newcomers n ON n.id = d.profile_id
 WHERE d.kind IN ('page_load', 'conversion') AND d.status = 4 AND d.status > 0
UNION ALL
SELECT 't' || v.trait_id || '-' || v.profile_id, 'trait_update', coalesce(p.user_id, n.user_id), coalesce(p.anonymous_id, n.anonymous_id),
       t.key || '=' || coalesce(v.value, ''), v.class, v.last_error,
       strftime('%Y-%m-%dT%H:%M:%S', v.at / 1000000000, 'unixepoch') || printf('.%03dZ', v.at / 1000000 % 1000),
       coalesce(p.email_sha1, n.email_sha1)
  FROM trait_due v
  JOIN traits t ON t.id = v.trait_id
  LEFT JOIN profiles p ON p.id = v.profile_id LEFT JOIN newcomers n ON n.id = v.profile_id
 WHERE v.status = 4;

CREATE VIEW rejected_input AS
SELECT source, object, line, reason,
       strftime('%Y-%m-%dT%H:%M:%S', seen_at / 1000000000, 'unixepoch') || printf('.%03dZ', seen_at / 1000000 % 1000) AS seen_at,
       run, id
  FROM rejected;

CREATE VIEW requests_by_minute AS
SELECT CASE host WHEN 'tracking' THEN host ELSE 'api' END AS host, strftime('%Y-%m-%dT%H:%M:00.000Z', minute * 60, 'unixepoch') AS minute,
       coalesce(sum(count) FILTER (WHERE host IN ('tracking', 'api')), 0) AS requests,
       coalesce(sum(count) FILTER (WHERE host = 'api_lookups'), 0) AS lookups,
       coalesce(sum(count) FILTER (WHERE host = 'api_actions'), 0) AS action_lists
  FROM requests_sent GROUP BY 1, 2;

CREATE VIEW run_counts AS
SELECT run, name, value AS count FROM run_counters;

CREATE VIEW segment_audiences AS
SELECT c.key, c.class, c.name, c.id, c.enabled, c.status, c.size, r.reason AS refused,
       strftime('%Y-%m-%dT%H:%M:%S', s.read_at / 1000000000, 'unixepoch') || printf('.%03dZ', s.read_at / 1000000 % 1000) AS read_at
  FROM segment_catalogue c LEFT JOIN segment_refused r ON r.key = c.key LEFT JOIN segment_reads s ON s.what = c.class
 UNION ALL
SELECT r.key, t.class, t.name, NULL, NULL, NULL, NULL, r.reason, NULL
  FROM segment_refused r LEFT JOIN traits t ON t.key = r.key WHERE NOT EXISTS (SELECT 1 FROM segment_catalogue c WHERE c.key = r.key);

CREATE VIEW sources AS
SELECT s.name AS source, strftime('%Y-%m-%dT%H:%M:%S', s.newest_at / 1000000000, 'unixepoch') || printf('.%03dZ', s.newest_at / 1000000 % 1000) AS newest_input_at,
       strftime('%Y-%m-%dT%H:%M:%S', s.read_at / 1000000000, 'unixepoch') || printf('.%03dZ', s.read_at / 1000000 % 1000) AS read_at,
       s.max_age / 1000000000 AS max_age_seconds,
       s.stale <> '' OR s.error IS NOT NULL OR coalesce(unixepoch('now') - s.newest_at / 1000000000 > s.max_age / 1000000000, 0) AS stale,
       nullif(s.stale, '') AS stale_reason, s.error AS last_error,
       (SELECT count(*) FROM objects o WHERE o.source = s.name) AS objects,
       (SELECT count(*) FROM objects o WHERE o.source = s.name AND o.problem IS NOT NULL) AS problems,
       nullif(s.missing, '') AS missing_lists
  FROM source_reads s;

CREATE VIEW trait_history AS
SELECT t.key AS trait_key, h.run, strftime('%Y-%m-%dT%H:%M:%S', h.at / 1000000000, 'unixepoch') || printf('.%03dZ', h.at / 1000000 % 1000) AS at,
       h.wanted AS members_wanted, h.delivered AS members_delivered, h.joins, h.leaves, h.pending, h.held, h.refused
  FROM trait_runs h JOIN traits t ON t.id = h.trait_id;

CREATE VIEW trait_rows AS
SELECT trait_id, profile_id, status, is_exit, doubt, wanted, wanted_at, delivered, delivered_at, origin, message, sent, attempt,
       attempts, next_attempt_at, last_error, class, value, fingerprint, at
  FROM trait_due
UNION ALL
SELECT v.trait_id, v.profile_id, CAST(0 AS INTEGER), CAST(0 AS INTEGER), CAST(0 AS INTEGER), v.wanted,
       CAST(coalesce(v.wanted_at, (SELECT g.listed_at FROM generations g WHERE g.id = -v.origin)) AS INTEGER), v.delivered, v.delivered_at, v.origin, v.message,
       CAST(NULL AS BLOB), CAST(NULL AS INTEGER), CAST(0 AS INTEGER), CAST(NULL AS INTEGER), CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS INTEGER)
  FROM trait_values v WHERE NOT EXISTS (SELECT 1 FROM trait_due d WHERE d.trait_id = v.trait_id AND d.profile_id = v.profile_id);

CREATE VIEW unlisted_names AS
SELECT kind, name, count,
       strftime('%Y-%m-%dT%H:%M:%S', seen_at / 1000000000, 'unixepoch') || printf('.%03dZ', seen_at / 1000000 % 1000) AS last_seen_at
  FROM unlisted;
