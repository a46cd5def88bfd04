-- +goose Up

-- What is settled and what is due stand apart: what is due is little and moves, what
-- is settled is much and stays. The rows are moved after this script, a part in each
-- commit: until trait_values_before is gone, the file counts as of the schema before.
DROP VIEW profile_traits;
DROP VIEW pending_deliveries;
DROP VIEW refused_deliveries;
DROP VIEW held_changes;
DROP INDEX trait_values_due;
DROP INDEX trait_faults_next;
ALTER TABLE trait_values RENAME TO trait_values_before;
ALTER TABLE trait_faults RENAME TO trait_faults_before;

-- What we want impact.com to know of a person, and what it answered to, where these
-- agree. If trait_due has a row of the same key, that one counts: this one is of before.
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

-- What is due, whole: with what was delivered before, and what is the matter. Also
-- what is in doubt without being due: a computed trait that was cleared.
-- status: 0 not due, 1 pending, 2 in flight, 3 retry later, 4 refused, 5 unknown, 6 held.
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
CREATE INDEX trait_due_status ON trait_due (status, is_exit, wanted_at);
CREATE INDEX trait_due_next ON trait_due (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- Both together: one row for each person and trait, as the tables hold it. Without
-- the casts SQLite would not use the tables' keys.
CREATE VIEW trait_rows AS
SELECT trait_id, profile_id, status, is_exit, doubt, wanted, wanted_at, delivered, delivered_at, origin, message, sent, attempt,
       attempts, next_attempt_at, last_error, class, value, fingerprint, at
  FROM trait_due
UNION ALL
SELECT v.trait_id, v.profile_id, CAST(0 AS INTEGER), CAST(0 AS INTEGER), CAST(0 AS INTEGER), v.wanted,
       CAST(coalesce(v.wanted_at, (SELECT g.listed_at FROM generations g WHERE g.id = -v.origin)) AS INTEGER), v.delivered, v.delivered_at, v.origin, v.message,
       CAST(NULL AS BLOB), CAST(NULL AS INTEGER), CAST(0 AS INTEGER), CAST(NULL AS INTEGER), CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS INTEGER)
  FROM trait_values v WHERE NOT EXISTS (SELECT 1 FROM trait_due d WHERE d.trait_id = v.trait_id AND d.profile_id = v.profile_id);

-- The same views as before.
CREATE VIEW profile_traits AS
SELECT p.user_id, p.anonymous_id, t.key AS trait_key,
       CASE v.wanted WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE v.wanted END AS wanted,
       CASE v.delivered WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE v.delivered END AS delivered, v.doubt,
       strftime('%Y-%m-%dT%H:%M:%S', v.wanted_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.wanted_at / 1000000 % 1000) AS changed_at,
       strftime('%Y-%m-%dT%H:%M:%S.000Z', v.delivered_at, 'unixepoch') AS delivered_at,
       coalesce(v.last_error, (SELECT reason FROM guard_verdicts g WHERE g.scope = v.trait_id AND g.direction = v.class AND g.held = 1 ORDER BY g.id DESC LIMIT 1)) AS last_error,
       CASE v.status WHEN 0 THEN 'settled' WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later'
                     WHEN 4 THEN 'refused' WHEN 5 THEN 'unknown' ELSE 'held' END AS status,
       p.email_sha1, v.message ->> '$.id' AS message_id, v.profile_id
  FROM trait_rows v
  JOIN profiles p ON p.id = v.profile_id
  JOIN traits t ON t.id = v.trait_id;

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
       t.key || '=' || CASE v.wanted WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE coalesce(v.wanted, 'false') END,
       strftime('%Y-%m-%dT%H:%M:%S', v.wanted_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.wanted_at / 1000000 % 1000),
       v.attempts,
       strftime('%Y-%m-%dT%H:%M:%S', v.next_attempt_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.next_attempt_at / 1000000 % 1000),
       coalesce(v.last_error, (SELECT reason FROM guard_verdicts g WHERE g.scope = v.trait_id AND g.direction = v.class AND g.held = 1 ORDER BY g.id DESC LIMIT 1)),
       CASE v.status WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later' WHEN 5 THEN 'unknown' ELSE 'held' END
  FROM trait_due v
  JOIN profiles p ON p.id = v.profile_id
  JOIN traits t ON t.id = v.trait_id
 WHERE v.status > 0 AND v.status <> 4;

CREATE VIEW refused_deliveries AS
SELECT 'e' || d.id AS id, d.kind, d.payload ->> '$.userId' AS user_id, d.payload ->> '$.anonymousId' AS anonymous_id,
       d.event || coalesce(' ' || d.order_id, '') AS detail, d.class, d.last_error AS reason,
       strftime('%Y-%m-%dT%H:%M:%S', d.refused_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.refused_at / 1000000 % 1000) AS refused_at,
       coalesce(p.email_sha1, d.payload ->> '$.traits.email', d.payload ->> '$.context.traits.email', d.payload ->> '$.properties.email') AS email_sha1
  FROM deliveries d LEFT JOIN profiles o ON o.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id)
 WHERE d.kind IN ('page_load', 'conversion') AND d.status = 4 AND d.status > 0
UNION ALL
SELECT 't' || v.trait_id || '-' || v.profile_id, 'trait_update', p.user_id, p.anonymous_id,
       t.key || '=' || coalesce(v.value, ''), v.class, v.last_error,
       strftime('%Y-%m-%dT%H:%M:%S', v.at / 1000000000, 'unixepoch') || printf('.%03dZ', v.at / 1000000 % 1000),
       p.email_sha1
  FROM trait_due v
  JOIN profiles p ON p.id = v.profile_id
  JOIN traits t ON t.id = v.trait_id
 WHERE v.status = 4;

CREATE VIEW held_changes AS
SELECT t.key AS trait_key, h.direction, h.held, coalesce(h.reason, g.reason) AS reason,
       strftime('%Y-%m-%dT%H:%M:%S', coalesce(h.since, g.at) / 1000000000, 'unixepoch') || printf('.%03dZ', coalesce(h.since, g.at) / 1000000 % 1000) AS held_at,
       CASE h.direction WHEN 'unknown' THEN 'set delivery.unknown.' || CASE h.kind WHEN 'conversion' THEN 'conversions' ELSE 'pageLoads' END || ': resend or drop'
         WHEN 'conversions' THEN 'approve --conversions ' || h.held WHEN 'suppressions' THEN 'approve --suppressions ' || h.held
         WHEN 'computation' THEN 'approve ' || t.key || ' --computation ' || h.computation ELSE 'approve ' || t.key || ' --' || h.direction || ' ' || h.held END AS command,
       h.kind
  FROM (SELECT v.trait_id AS scope, v.class AS direction, CASE v.class WHEN 'computation' THEN v.value END AS computation, count(*) AS held,
               max(v.last_error) AS reason, CASE v.class WHEN 'computation' THEN min(v.at) END AS since, 'trait_update' AS kind
          FROM trait_due v WHERE v.status = 6 AND v.class <> 'suppressions' GROUP BY 1, 2, 3
        UNION ALL
        SELECT -1, 'conversions', NULL, count(*), NULL, NULL, 'conversion' FROM deliveries
         WHERE kind = 'conversion' AND status = 6 AND status > 0 AND class = 'conversions' HAVING count(*) > 0
        UNION ALL
        SELECT -2, 'suppressions', NULL, count(*), NULL, NULL, NULL FROM suppressions
         WHERE held = 1 AND person = profile_id HAVING count(*) > 0
        UNION ALL
        SELECT CASE kind WHEN 'conversion' THEN -1 ELSE 0 END, 'unknown', NULL, count(*), 'no answer came, so impact.com may have them or not', NULL, kind FROM deliveries
         WHERE status = 6 AND status > 0 AND class IS NULL AND attempts > 0 GROUP BY kind) h
  LEFT JOIN guard_verdicts g ON g.id = (SELECT max(id) FROM guard_verdicts w WHERE w.scope = h.scope AND w.direction = h.direction AND w.held = 1)
  LEFT JOIN traits t ON t.id = h.scope;
