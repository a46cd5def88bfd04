-- +goose Up

-- True and false as 1 and 0, and the time of delivery in milliseconds, which is
-- all that the views show: a member of a list takes a sixth less room, and nearly
-- every row is one. What is wanted, delivered and sent must keep its type, so
-- these columns have none.
PRAGMA legacy_alter_table = ON; -- else SQLite looks for the table in the views while it is away

-- The heart: what we want impact.com to know of a person, and what it answered to.
-- status: 0 settled, 1 pending, 2 in flight, 3 retry later, 4 refused, 5 unknown, 6 held.
-- The diff is "status > 0".
CREATE TABLE trait_values_new (
  trait_id     INTEGER NOT NULL,
  profile_id   INTEGER NOT NULL,
  status       INTEGER NOT NULL,
  is_exit      INTEGER NOT NULL DEFAULT 0,  -- 1: what is due is a false
  doubt        INTEGER NOT NULL DEFAULT 0,  -- 1: something was sent and the answer never came
  wanted,                                   -- 1: true, 0: false, else a text; NULL: nothing to say (cleared)
  wanted_at    INTEGER NOT NULL,
  delivered,                                -- as wanted; NULL: never answered with 2xx
  delivered_at INTEGER,                     -- in milliseconds
  sent,                                     -- as wanted: the value of the open or the doubtful attempt
  attempt      INTEGER,                     -- its number
  origin       INTEGER,                     -- objects.id it came from; negative: -generations.id
  received_at  INTEGER,                     -- second and third key of order among messages
  message_id   TEXT,
  ordered_at   INTEGER,                     -- of the newest message that said the same, where later than wanted_at
  PRIMARY KEY (trait_id, profile_id)
) WITHOUT ROWID;
INSERT INTO trait_values_new
SELECT trait_id, profile_id, status, is_exit, doubt,
       CASE wanted WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE wanted END, wanted_at,
       CASE delivered WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE delivered END, delivered_at / 1000000,
       CASE sent WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE sent END,
       attempt, origin, received_at, message_id, ordered_at
  FROM trait_values ORDER BY trait_id, profile_id;
DROP TABLE trait_values;
ALTER TABLE trait_values_new RENAME TO trait_values;
CREATE INDEX trait_values_due ON trait_values (status, is_exit, wanted_at) WHERE status > 0;

PRAGMA legacy_alter_table = OFF;

-- One line for each person and trait: what is wanted, and what impact.com took.
DROP VIEW profile_traits;
CREATE VIEW profile_traits AS
SELECT p.user_id, p.anonymous_id, t.key AS trait_key,
       CASE v.wanted WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE v.wanted END AS wanted,
       CASE v.delivered WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE v.delivered END AS delivered, v.doubt,
       strftime('%Y-%m-%dT%H:%M:%S', v.wanted_at / 1000000000, 'unixepoch') || printf('.%03dZ', v.wanted_at / 1000000 % 1000) AS changed_at,
       strftime('%Y-%m-%dT%H:%M:%S', v.delivered_at / 1000, 'unixepoch') || printf('.%03dZ', v.delivered_at % 1000)             AS delivered_at,
       coalesce(f.last_error, (SELECT reason FROM guard_verdicts g WHERE g.scope = v.trait_id AND g.direction = f.class AND g.held = 1 ORDER BY g.id DESC LIMIT 1)) AS last_error,
       CASE v.status WHEN 0 THEN 'settled' WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later'
                     WHEN 4 THEN 'refused' WHEN 5 THEN 'unknown' ELSE 'held' END AS status,
       p.email_sha1, v.message_id, v.profile_id
  FROM trait_values v
  JOIN profiles p ON p.id = v.profile_id
  JOIN traits t ON t.id = v.trait_id
  LEFT JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id;

-- What is due: events as page loads or conversions, trait values as trait updates.
DROP VIEW pending_deliveries;
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
       coalesce(f.attempts, 0),
       strftime('%Y-%m-%dT%H:%M:%S', f.next_attempt_at / 1000000000, 'unixepoch') || printf('.%03dZ', f.next_attempt_at / 1000000 % 1000),
       coalesce(f.last_error, (SELECT reason FROM guard_verdicts g WHERE g.scope = v.trait_id AND g.direction = f.class AND g.held = 1 ORDER BY g.id DESC LIMIT 1)),
       CASE v.status WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later' WHEN 5 THEN 'unknown' ELSE 'held' END
  FROM trait_values v
  JOIN profiles p ON p.id = v.profile_id
  JOIN traits t ON t.id = v.trait_id
  LEFT JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id
 WHERE v.status > 0 AND v.status <> 4;
