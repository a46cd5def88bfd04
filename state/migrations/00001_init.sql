-- +goose Up

-- What this file is for, and whom it belongs to. One row.
CREATE TABLE store (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  store_id     TEXT NOT NULL,               -- random, made with the file: tells two state files apart
  created_at   INTEGER NOT NULL,            -- all times in tables: nanoseconds since 1970, UTC
  account_sid  TEXT NOT NULL,               -- the destination this state vouches for
  campaign_id  TEXT NOT NULL,
  official     INTEGER NOT NULL,            -- 1: impact.com's own hosts; 0: a sandbox or proxy
  hosts        TEXT NOT NULL,               -- the two bases, for the message when they differ
  shard_index  INTEGER NOT NULL DEFAULT 0,
  shard_count  INTEGER NOT NULL DEFAULT 1,
  commits      INTEGER NOT NULL DEFAULT 0   -- transactions so far: shows a write-ahead log that lost what the file has
);

-- One pass of the job.
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
);

-- What one run counted: found, delivered, superseded, refused, rejected, too_old, ...
CREATE TABLE run_counters (
  run   INTEGER NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
  name  TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (run, name)
) WITHOUT ROWID;

-- How many rows are in which status, kept in the transactions that move them.
-- scope: a trait's id, or 0 for page loads of events, -1 for conversions.
CREATE TABLE counters (
  scope INTEGER NOT NULL,
  name  TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (scope, name)
) WITHOUT ROWID;

-- How far each object of each source was read. It moves in the transaction
-- that stores what was read.
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
  read_at    INTEGER NOT NULL,
  UNIQUE (source, name)
);

CREATE INDEX objects_problem ON objects (read_at) WHERE problem IS NOT NULL;

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
  list_digest    BLOB,                      -- of the last list, while nothing else has moved the trait
  created_at     INTEGER NOT NULL
);

-- One full list of one trait, read and merged.
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
CREATE INDEX generations_trait ON generations (trait_id, listed_at);

-- One row for each person we have to remember. The id is made from the
-- profile's key (SHA-256, first 63 bits), so that lists, shards and this table
-- share one order: shard = (id >> 31) % shard_count. On a clash the next free
-- number is taken, which leaves the shard as it is.
CREATE TABLE profiles (
  id            INTEGER PRIMARY KEY,
  user_id       TEXT,                       -- the key, else
  anonymous_id  TEXT,                       -- the key, or the latest one of the user, else
  email_sha1    TEXT,                       -- the key, or the latest one of the user
  click_id      TEXT,                       -- impact.com's last click id of this person
  click_at      INTEGER,
  seen_at       INTEGER,
  absorbed_into INTEGER                     -- an anonymous id that turned out to be this user
);
CREATE INDEX profiles_absorbed ON profiles (absorbed_into) WHERE absorbed_into IS NOT NULL;

-- The heart: what we want impact.com to know of a person, and what it answered to.
-- status: 0 settled, 1 pending, 2 in flight, 3 retry later, 4 refused, 5 unknown, 6 held.
-- The diff is "status > 0".
CREATE TABLE trait_values (
  trait_id     INTEGER NOT NULL,
  profile_id   INTEGER NOT NULL,
  status       INTEGER NOT NULL,
  is_exit      INTEGER NOT NULL DEFAULT 0,  -- 1: what is due is a false
  doubt        INTEGER NOT NULL DEFAULT 0,  -- 1: something was sent and the answer never came
  wanted       TEXT,                        -- NULL: nothing to say (cleared)
  wanted_at    INTEGER NOT NULL,
  delivered    TEXT,                        -- NULL: never answered with 2xx
  delivered_at INTEGER,
  sent         TEXT,                        -- the value of the open or the doubtful attempt
  attempt      INTEGER,                     -- its number
  origin       INTEGER,                     -- objects.id it came from; negative: -generations.id
  received_at  INTEGER,                     -- second and third key of order among messages
  message_id   TEXT,
  ordered_at   INTEGER,                     -- of the newest message that said the same, where later than wanted_at
  PRIMARY KEY (trait_id, profile_id)
) WITHOUT ROWID;
CREATE INDEX trait_values_due ON trait_values (status, is_exit, wanted_at) WHERE status > 0;

-- The exceptions among trait_values: what went wrong last.
CREATE TABLE trait_faults (
  trait_id        INTEGER NOT NULL,
  profile_id      INTEGER NOT NULL,
  attempts        INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER,
  last_error      TEXT,
  class           TEXT,                     -- of a held row: exits, joins, computation, NULL before the verdict; of a refusal: parameter, identifier, order, time, program, other
  value           TEXT,                     -- the refused value
  fingerprint     TEXT,                     -- of mapping and configuration then: another one tries again
  at              INTEGER NOT NULL,
  PRIMARY KEY (trait_id, profile_id)
) WITHOUT ROWID;
CREATE INDEX trait_faults_next ON trait_faults (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- The outbox of events. The payload is the message reduced to what the mapping
-- reads; it goes once delivered.
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
);
CREATE INDEX deliveries_due ON deliveries (kind, status, has_click, event_at) WHERE status > 0;
CREATE INDEX deliveries_profile ON deliveries (profile_id, status);
CREATE INDEX deliveries_next ON deliveries (next_attempt_at) WHERE status IN (3, 5);
CREATE INDEX deliveries_done ON deliveries (delivered_at) WHERE status = 0;
CREATE INDEX deliveries_sold ON deliveries (delivered_at) WHERE kind = 'conversion' AND status = 0;
CREATE INDEX deliveries_look ON deliveries (delivered_at, look_at) WHERE look_at IS NOT NULL;
CREATE UNIQUE INDEX deliveries_order ON deliveries (event_type, order_id) WHERE order_id IS NOT NULL;

-- Every event ever put into the outbox, for as long as it may come again.
CREATE TABLE event_keys (
  key     BLOB PRIMARY KEY,                 -- first 16 bytes of the SHA-256 of the messageId
  seen_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX event_keys_seen ON event_keys (seen_at);

-- Attempts that did not end well, for "explain". Good ones show as delivered_at.
CREATE TABLE attempts (
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
CREATE INDEX attempts_profile ON attempts (profile_id);
CREATE INDEX attempts_at ON attempts (at);

CREATE TABLE rejected (
  id      INTEGER PRIMARY KEY,
  run     INTEGER NOT NULL,
  source  TEXT NOT NULL,
  object  TEXT NOT NULL,
  line    INTEGER NOT NULL,
  reason  TEXT NOT NULL,
  seen_at INTEGER NOT NULL
);
CREATE INDEX rejected_object ON rejected (source, object, line);

-- The guard's verdicts on sets of due rows: of one scope, in one direction. Of
-- lists only those that held something.
CREATE TABLE guard_verdicts (
  id        INTEGER PRIMARY KEY,
  scope     INTEGER NOT NULL,               -- as in counters
  direction TEXT NOT NULL CHECK (direction IN ('exits', 'joins', 'conversions')),
  unit      TEXT NOT NULL DEFAULT '',       -- '': rows; else the currency of an amount, in hundredths
  run       INTEGER NOT NULL,
  at        INTEGER NOT NULL,
  fresh     INTEGER NOT NULL,               -- how many were judged, beside what is held already
  base      INTEGER NOT NULL,               -- compared with: people told true, or a daily average
  held      INTEGER NOT NULL,               -- 0: let through
  exempt    INTEGER NOT NULL DEFAULT 0,     -- 1: a first sync
  reason    TEXT NOT NULL DEFAULT ''        -- the guard's words
);
CREATE INDEX guard_verdicts_scope ON guard_verdicts (scope, direction, unit, id);

-- Held rows that somebody let through. Written without the lock.
CREATE TABLE approvals (
  id         INTEGER PRIMARY KEY,
  scope      INTEGER NOT NULL,              -- as in counters
  direction  TEXT NOT NULL CHECK (direction IN ('exits', 'joins', 'conversions')),
  amount     INTEGER NOT NULL,
  used       INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);

-- What Segment computes each trait by, as its messages say. Changes from one
-- that is not approved are held.
CREATE TABLE computations (
  trait_id       INTEGER NOT NULL REFERENCES traits (id) ON DELETE CASCADE,
  space_id       TEXT NOT NULL,
  computation_id TEXT NOT NULL,
  seen_at        INTEGER NOT NULL,
  approved_at    INTEGER,                   -- the first one is, when it is seen
  PRIMARY KEY (trait_id, space_id, computation_id)
) WITHOUT ROWID;

-- Track events that no setting names, and trait keys that no source includes.
CREATE TABLE unlisted (
  kind    TEXT NOT NULL CHECK (kind IN ('event', 'trait')),
  name    TEXT NOT NULL,
  count   INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;

-- Who must not be taken in again: HMAC-SHA-256 (first 16 bytes) of each id the person
-- had, by a key that is not in this file. The hash of the empty text tells the key.
CREATE TABLE forgotten (
  hash   BLOB PRIMARY KEY,
  person BLOB NOT NULL,                     -- the hash that the person was named by
  at     INTEGER NOT NULL
) WITHOUT ROWID;

-- What impact.com remarked on requests that it took.
CREATE TABLE warnings (
  kind    TEXT NOT NULL,                    -- page_load, conversion, trait_update
  field   TEXT NOT NULL,
  level   TEXT NOT NULL,
  message TEXT NOT NULL,
  count   INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (kind, field, level, message)
) WITHOUT ROWID;

-- What impact.com made of a conversion that it had taken, as far as it was looked up.
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
CREATE INDEX verdicts_verdict ON verdicts (verdict);

-- What each host said last of the requests that it takes, so that the next
-- process sends none that must be refused.
CREATE TABLE host_quotas (
  host         TEXT PRIMARY KEY,            -- tracking, api
  quota        INTEGER,                     -- requests per window; NULL: never told
  remaining    INTEGER,                     -- of them, when seen
  reset_at     INTEGER,                     -- when the window starts anew
  paused_until INTEGER,                     -- it answered 429 and wants quiet until then
  pace         REAL,                        -- requests per second that it bore since; NULL: no 429 so far
  seen_at      INTEGER NOT NULL
) WITHOUT ROWID;

-- Requests sent, by host and minute: what is left of an hour's quota survives the process.
CREATE TABLE requests_sent (
  host   TEXT NOT NULL,                     -- tracking, api; api_lookups: those of api that asked for a verdict
  minute INTEGER NOT NULL,                  -- minutes since 1970
  count  INTEGER NOT NULL,
  PRIMARY KEY (host, minute)
) WITHOUT ROWID;

-- How stale each source is.
CREATE TABLE sources (
  name      TEXT PRIMARY KEY,
  newest_at INTEGER,                        -- time of its newest input
  read_at   INTEGER NOT NULL,
  missing   TEXT NOT NULL DEFAULT ''        -- configured lists that have no file, one a line
) WITHOUT ROWID;

-- ---------------------------------------------------------------------------
-- Views: a promise. Columns are only ever added. Times are ISO-8601, UTC.

-- One line for each audience and computed trait.
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
       t.class, t.authority, t.space_id, t.computation_id
  FROM traits t;

-- One line for each person and trait: what is wanted, and what impact.com took.
CREATE VIEW profile_traits AS
SELECT p.user_id, p.anonymous_id, t.key AS trait_key, v.wanted, v.delivered, v.doubt,
       strftime('%Y-%m-%dT%H:%M:%S', v.wanted_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.wanted_at / 1000000 % 1000)       AS changed_at,
       strftime('%Y-%m-%dT%H:%M:%S', v.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.delivered_at / 1000000 % 1000) AS delivered_at,
       coalesce(f.last_error, (SELECT reason FROM guard_verdicts g WHERE g.scope = v.trait_id AND g.direction = f.class AND g.held = 1 ORDER BY g.id DESC LIMIT 1)) AS last_error,
       CASE v.status WHEN 0 THEN 'settled' WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later'
                     WHEN 4 THEN 'refused' WHEN 5 THEN 'unknown' ELSE 'held' END AS status,
       p.email_sha1, v.message_id, v.profile_id
  FROM trait_values v
  JOIN profiles p ON p.id = v.profile_id
  JOIN traits t ON t.id = v.trait_id
  LEFT JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id;

-- What is due: events as page loads or conversions, trait values as trait updates.
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
SELECT 't' || v.trait_id || '-' || v.profile_id, 'trait_update', p.user_id, p.anonymous_id,
       t.key || '=' || coalesce(v.wanted, 'false'),
       strftime('%Y-%m-%dT%H:%M:%S', v.wanted_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.wanted_at / 1000000 % 1000),
       coalesce(f.attempts, 0),
       strftime('%Y-%m-%dT%H:%M:%S', f.next_attempt_at / 1000000000, 'unixepoch') || printf('.%03dZ', f.next_attempt_at / 1000000 % 1000),
       coalesce(f.last_error, (SELECT reason FROM guard_verdicts g WHERE g.scope = v.trait_id AND g.direction = f.class AND g.held = 1 ORDER BY g.id DESC LIMIT 1)),
       CASE v.status WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later' WHEN 5 THEN 'unknown' ELSE 'held' END
  FROM trait_values v
  JOIN profiles p ON p.id = v.profile_id
  JOIN traits t ON t.id = v.trait_id
  LEFT JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id
 WHERE v.status > 0 AND v.status <> 4;

-- What impact.com, or its documented rules, said no to.
CREATE VIEW refused_deliveries AS
SELECT 'e' || d.id AS id, d.kind, d.payload ->> '$.userId' AS user_id, d.payload ->> '$.anonymousId' AS anonymous_id,
       d.event || coalesce(' ' || d.order_id, '') AS detail, d.class, d.last_error AS reason,
       strftime('%Y-%m-%dT%H:%M:%S', d.refused_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.refused_at / 1000000 % 1000) AS refused_at
  FROM deliveries d WHERE d.status = 4
UNION ALL
SELECT 't' || v.trait_id || '-' || v.profile_id, 'trait_update', p.user_id, p.anonymous_id,
       t.key || '=' || coalesce(f.value, ''), f.class, f.last_error,
       strftime('%Y-%m-%dT%H:%M:%S', f.at / 1000000000, 'unixepoch') || printf('.%03dZ', f.at / 1000000 % 1000)
  FROM trait_values v
  JOIN profiles p ON p.id = v.profile_id
  JOIN traits t ON t.id = v.trait_id
  JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id
 WHERE v.status = 4;

-- Input lines and objects that could not be used.
CREATE VIEW rejected_input AS
SELECT source, object, line, reason,
       strftime('%Y-%m-%dT%H:%M:%S', seen_at / 1000000000, 'unixepoch') || printf('.%03dZ', seen_at / 1000000 % 1000) AS seen_at,
       run, id
  FROM rejected;

-- The history.
CREATE VIEW recent_runs AS
SELECT r.run,
       strftime('%Y-%m-%dT%H:%M:%S', r.started_at / 1000000000, 'unixepoch') || printf('.%03dZ', r.started_at / 1000000 % 1000) AS started_at,
       strftime('%Y-%m-%dT%H:%M:%S', r.ended_at / 1000000000, 'unixepoch') || printf('.%03dZ', r.ended_at / 1000000 % 1000)     AS ended_at,
       r.exit_code,
       coalesce((SELECT value FROM run_counters WHERE run = r.run AND name = 'found'), 0)     AS found,
       coalesce((SELECT value FROM run_counters WHERE run = r.run AND name = 'delivered'), 0) AS delivered,
       coalesce((SELECT value FROM run_counters WHERE run = r.run AND name = 'refused'), 0)   AS refused,
       coalesce((SELECT value FROM run_counters WHERE run = r.run AND name = 'rejected'), 0)  AS rejected,
       r.held, r.pending, r.note, r.kind, r.host, r.pid
  FROM runs r;

-- The full lists that were read, and what the guard said of each.
CREATE VIEW list_history AS
SELECT g.id, t.key, g.source, g.objects, g.state, g.members, g.joins, g.exits, g.told, g.unchanged, g.verdict,
       strftime('%Y-%m-%dT%H:%M:%S', g.listed_at / 1000000000, 'unixepoch') || printf('.%03dZ', g.listed_at / 1000000 % 1000)   AS listed_at,
       strftime('%Y-%m-%dT%H:%M:%S', g.applied_at / 1000000000, 'unixepoch') || printf('.%03dZ', g.applied_at / 1000000 % 1000) AS applied_at,
       g.run
  FROM generations g JOIN traits t ON t.id = g.trait_id;

-- What the guard holds, with its words and the command that lets it through.
CREATE VIEW held_changes AS
SELECT t.key AS trait_key, h.direction, h.held, coalesce(h.reason, g.reason) AS reason,
       strftime('%Y-%m-%dT%H:%M:%S', coalesce(h.since, g.at) / 1000000000, 'unixepoch') || printf('.%03dZ', coalesce(h.since, g.at) / 1000000 % 1000) AS held_at,
       'approve ' || CASE h.direction WHEN 'conversions' THEN '--conversions ' || h.held
         WHEN 'computation' THEN t.key || ' --computation ' || h.computation ELSE t.key || ' --' || h.direction || ' ' || h.held END AS command
  FROM (SELECT v.trait_id AS scope, f.class AS direction, CASE f.class WHEN 'computation' THEN f.value END AS computation, count(*) AS held,
               max(f.last_error) AS reason, CASE f.class WHEN 'computation' THEN min(f.at) END AS since
          FROM trait_values v JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id
         WHERE v.status = 6 AND v.status > 0 GROUP BY 1, 2, 3
        UNION ALL
        SELECT -1, 'conversions', NULL, count(*), NULL, NULL FROM deliveries
         WHERE kind = 'conversion' AND status = 6 AND status > 0 AND class = 'conversions' HAVING count(*) > 0) h
  LEFT JOIN guard_verdicts g ON g.id = (SELECT max(id) FROM guard_verdicts w WHERE w.scope = h.scope AND w.direction = h.direction AND w.held = 1)
  LEFT JOIN traits t ON t.id = h.scope;

-- What impact.com remarked on requests that it took, most frequent first.
CREATE VIEW answer_warnings AS
SELECT kind, field, level, message, count,
       strftime('%Y-%m-%dT%H:%M:%S', seen_at / 1000000000, 'unixepoch') || printf('.%03dZ', seen_at / 1000000 % 1000) AS last_seen_at
  FROM warnings ORDER BY count DESC;

-- Conversions that impact.com took; its verdict is at queued_uri.
CREATE VIEW delivered_conversions AS
SELECT d.event_type, d.order_id, d.message_id,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000)         AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at,
       d.queued_uri
  FROM deliveries d WHERE d.kind = 'conversion' AND d.status = 0 AND d.outcome = 'delivered';

-- What impact.com made of conversions that it had taken, as far as that was looked up.
-- verdict is our reading of error_type and reasons; impact.com does not say which codes are faults.
CREATE VIEW conversion_verdicts AS
SELECT d.event_type, d.order_id, d.message_id, p.user_id, p.anonymous_id,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000)         AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at,
       v.status, v.verdict, v.error_type, v.reasons,
       strftime('%Y-%m-%dT%H:%M:%S', v.completed_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.completed_at / 1000000 % 1000) AS completed_at,
       strftime('%Y-%m-%dT%H:%M:%S', v.looked_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.looked_at / 1000000 % 1000)       AS looked_at,
       v.looks, d.queued_uri
  FROM verdicts v JOIN deliveries d ON d.id = v.delivery_id LEFT JOIN profiles p ON p.id = d.profile_id;

-- What was sent to each host in the last hour, and what it said of its limits.
CREATE VIEW host_rates AS
SELECT h.host, (SELECT coalesce(sum(r.count), 0) FROM requests_sent r WHERE r.host = h.host AND r.minute > unixepoch('now') / 60 - 60) AS sent_last_hour,
       q.quota, q.remaining,
       strftime('%Y-%m-%dT%H:%M:%S', q.reset_at / 1000000000, 'unixepoch') || printf('.%03dZ', q.reset_at / 1000000 % 1000)         AS reset_at,
       strftime('%Y-%m-%dT%H:%M:%S', q.paused_until / 1000000000, 'unixepoch') || printf('.%03dZ', q.paused_until / 1000000 % 1000) AS paused_until,
       q.pace AS pace_per_second,
       strftime('%Y-%m-%dT%H:%M:%S', q.seen_at / 1000000000, 'unixepoch') || printf('.%03dZ', q.seen_at / 1000000 % 1000)           AS seen_at
  FROM (SELECT 'api' AS host UNION ALL VALUES ('tracking')) h LEFT JOIN host_quotas q ON q.host = h.host;
