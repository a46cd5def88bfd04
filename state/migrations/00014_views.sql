-- +goose Up

-- What a page about the state shows: more views, and what they need to be recorded.
-- Three tables give their names to views.

-- How stale each source is, as the last run that read it saw it.
CREATE TABLE source_reads (
  name      TEXT PRIMARY KEY,
  newest_at INTEGER,                        -- time of its newest input
  read_at   INTEGER,                        -- when it was listed; NULL: it never could be
  missing   TEXT NOT NULL DEFAULT '',       -- configured lists that have no file, one a line
  max_age   INTEGER,                        -- as configured, in nanoseconds; NULL: none
  stale     TEXT NOT NULL DEFAULT '',       -- why it is stale, one reason a line
  error     TEXT                            -- why it could not be read to its end
) WITHOUT ROWID;
INSERT INTO source_reads (name, newest_at, read_at, missing) SELECT name, newest_at, read_at, missing FROM sources;
DROP TABLE sources;

-- Attempts that did not end well. Good ones show as delivered_at.
ALTER TABLE attempts RENAME TO failed_attempts;

-- Held changes that somebody let through. Written without the lock.
CREATE TABLE approvals_given (
  id          INTEGER PRIMARY KEY,
  scope       INTEGER NOT NULL,             -- as in counters; -2: suppressions
  direction   TEXT NOT NULL CHECK (direction IN ('exits', 'joins', 'computation', 'conversions', 'suppressions')),
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
INSERT INTO approvals_given (id, scope, direction, amount, created_at, expires_at) SELECT id, scope, direction, amount, created_at, expires_at FROM approvals;
DROP TABLE approvals;
CREATE INDEX approvals_open ON approvals_given (scope, direction) WHERE used IS NULL;

-- How each trait stood when a run ended that changed something of it.
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

-- Since when no file of the trait's list is there.
ALTER TABLE traits ADD COLUMN list_gone_at INTEGER;

-- When the daemon's schedule starts the next run.
ALTER TABLE runs ADD COLUMN next_run_at INTEGER;

-- Lines up to this one have been counted in unlisted, however often they are read.
ALTER TABLE objects ADD COLUMN counted_lines INTEGER NOT NULL DEFAULT 0;
UPDATE objects SET counted_lines = read_lines;

-- The same, and found by the order alone.
DROP INDEX deliveries_order;
CREATE UNIQUE INDEX deliveries_order ON deliveries (order_id, event_type) WHERE order_id IS NOT NULL;

-- One line for each source that was ever read.
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

-- Track events that no setting names, and trait keys that no source includes.
CREATE VIEW unlisted_names AS
SELECT kind, name, count,
       strftime('%Y-%m-%dT%H:%M:%S', seen_at / 1000000000, 'unixepoch') || printf('.%03dZ', seen_at / 1000000 % 1000) AS last_seen_at
  FROM unlisted;

-- What each run counted.
CREATE VIEW run_counts AS
SELECT run, name, value AS count FROM run_counters;

-- What was sent to each host in the last 24 hours, by minute. A minute without
-- requests has no line.
CREATE VIEW requests_by_minute AS
SELECT CASE host WHEN 'tracking' THEN host ELSE 'api' END AS host, strftime('%Y-%m-%dT%H:%M:00.000Z', minute * 60, 'unixepoch') AS minute,
       sum(count) FILTER (WHERE host <> 'api_lookups') AS requests,
       coalesce(sum(count) FILTER (WHERE host = 'api_lookups'), 0) AS lookups
  FROM requests_sent GROUP BY 1, 2;

-- Who let through what the guard held. used is NULL while an approval is open.
CREATE VIEW approvals AS
SELECT a.id, t.key AS trait_key, a.direction, a.computation, a.amount, a.used,
       strftime('%Y-%m-%dT%H:%M:%S', a.created_at / 1000000000, 'unixepoch') || printf('.%03dZ', a.created_at / 1000000 % 1000) AS approved_at,
       strftime('%Y-%m-%dT%H:%M:%S', a.expires_at / 1000000000, 'unixepoch') || printf('.%03dZ', a.expires_at / 1000000 % 1000) AS expires_at,
       a.run AS used_by_run, a.os_user, a.host, a.given_as AS approved_as
  FROM approvals_given a LEFT JOIN traits t ON t.id = a.scope;

-- Attempts that did not end well.
CREATE VIEW attempts AS
SELECT a.id, a.run, strftime('%Y-%m-%dT%H:%M:%S', a.at / 1000000000, 'unixepoch') || printf('.%03dZ', a.at / 1000000 % 1000) AS at,
       coalesce(d.kind, 'trait_update') AS kind, 'e' || a.delivery_id AS delivery, p.user_id, p.anonymous_id, p.email_sha1,
       a.detail, a.outcome, a.error, a.attempt, p.id AS profile_id
  FROM failed_attempts a LEFT JOIN deliveries d ON d.id = a.delivery_id LEFT JOIN profiles o ON o.id = a.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id);

-- How each audience and computed trait stood at the end of each run that changed
-- something of it. joins and leaves are of what is wanted.
CREATE VIEW trait_history AS
SELECT t.key AS trait_key, h.run, strftime('%Y-%m-%dT%H:%M:%S', h.at / 1000000000, 'unixepoch') || printf('.%03dZ', h.at / 1000000 % 1000) AS at,
       h.wanted AS members_wanted, h.delivered AS members_delivered, h.joins, h.leaves, h.pending, h.held, h.refused
  FROM trait_runs h JOIN traits t ON t.id = h.trait_id;

-- Page loads of events that impact.com took.
CREATE VIEW delivered_page_loads AS
SELECT 'e' || d.id AS id, d.event, p.user_id, p.anonymous_id, p.email_sha1, d.message_id,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000) AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at
  FROM deliveries d LEFT JOIN profiles o ON o.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id)
 WHERE d.kind = 'page_load' AND d.status = 0 AND d.outcome = 'delivered';

-- Every conversion, whatever became of it.
CREATE VIEW orders AS
SELECT d.order_id, d.event, d.event_type, CASE d.status WHEN 0 THEN d.outcome WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later' WHEN 4 THEN 'refused' WHEN 5 THEN 'unknown' ELSE 'held' END AS status,
       round(d.amount / 100.0, 2) AS amount, d.currency, p.user_id, p.anonymous_id, p.email_sha1,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000) AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at,
       d.attempts, d.class, d.last_error, v.verdict, v.error_type, v.reasons, d.queued_uri, d.message_id, 'e' || d.id AS id
  FROM deliveries d LEFT JOIN profiles o ON o.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id)
  LEFT JOIN verdicts v ON v.delivery_id = d.id
 WHERE d.kind = 'conversion';

-- Old views with more columns.
DROP VIEW audiences;
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

DROP VIEW recent_runs;
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

DROP VIEW delivered_conversions;
CREATE VIEW delivered_conversions AS
SELECT d.event_type, d.order_id, d.message_id,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000)         AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at,
       d.queued_uri, p.user_id, p.anonymous_id, p.email_sha1, d.event, round(d.amount / 100.0, 2) AS amount, d.currency, 'e' || d.id AS id
  FROM deliveries d LEFT JOIN profiles o ON o.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id)
 WHERE d.kind = 'conversion' AND d.status = 0 AND d.outcome = 'delivered';
