-- +goose Up

-- People whom only lists have named so far: nothing but their key is known. Somebody is
-- either here or in profiles. They move there once more is known of them, or all together
-- once there are many: one by one, they would change nearly every page of profiles.
CREATE TABLE newcomers (
  id           INTEGER PRIMARY KEY,         -- as in profiles
  user_id      TEXT,                        -- the key, else
  anonymous_id TEXT,                        -- the key, else
  email_sha1   TEXT                         -- the key
);

-- Both together.
CREATE VIEW people AS
SELECT id, user_id, anonymous_id, email_sha1, click_id, click_at, click_sure, seen_at, absorbed_into, CAST(0 AS INTEGER) AS newcomer
  FROM profiles
UNION ALL
SELECT id, user_id, anonymous_id, email_sha1, CAST(NULL AS TEXT), CAST(NULL AS INTEGER), CAST(NULL AS INTEGER), CAST(NULL AS INTEGER), CAST(NULL AS INTEGER), CAST(1 AS INTEGER)
  FROM newcomers;

-- The same views as before. SQLite would read all people to join one with the view people.
DROP VIEW conversion_verdicts;
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

DROP VIEW profile_traits;
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

DROP VIEW refused_deliveries;
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

DROP VIEW attempts;
CREATE VIEW attempts AS
SELECT a.id, a.run, strftime('%Y-%m-%dT%H:%M:%S', a.at / 1000000000, 'unixepoch') || printf('.%03dZ', a.at / 1000000 % 1000) AS at,
       coalesce(d.kind, 'trait_update') AS kind, 'e' || a.delivery_id AS delivery, coalesce(p.user_id, n.user_id) AS user_id, coalesce(p.anonymous_id, n.anonymous_id) AS anonymous_id, coalesce(p.email_sha1, n.email_sha1) AS email_sha1,
       a.detail, a.outcome, a.error, a.attempt, coalesce(p.id, n.id) AS profile_id
  FROM failed_attempts a LEFT JOIN deliveries d ON d.id = a.delivery_id LEFT JOIN profiles o ON o.id = a.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id) LEFT JOIN newcomers n ON n.id = a.profile_id;

DROP VIEW delivered_page_loads;
CREATE VIEW delivered_page_loads AS
SELECT 'e' || d.id AS id, d.event, coalesce(p.user_id, n.user_id) AS user_id, coalesce(p.anonymous_id, n.anonymous_id) AS anonymous_id, coalesce(p.email_sha1, n.email_sha1) AS email_sha1, d.message_id,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000) AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at
  FROM deliveries d LEFT JOIN profiles o ON o.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id) LEFT JOIN newcomers n ON n.id = d.profile_id
 WHERE d.kind = 'page_load' AND d.status = 0 AND d.outcome = 'delivered';

DROP VIEW orders;
CREATE VIEW orders AS
SELECT d.order_id, d.event, d.event_type, CASE d.status WHEN 0 THEN d.outcome WHEN 1 THEN 'pending' WHEN 2 THEN 'in flight' WHEN 3 THEN 'retry later' WHEN 4 THEN 'refused' WHEN 5 THEN 'unknown' ELSE 'held' END AS status,
       round(d.amount / 10000.0, 4) AS amount, d.currency, coalesce(p.user_id, n.user_id) AS user_id, coalesce(p.anonymous_id, n.anonymous_id) AS anonymous_id, coalesce(p.email_sha1, n.email_sha1) AS email_sha1,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000) AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at,
       d.attempts, d.class, d.last_error, v.verdict, v.error_type, v.reasons, d.queued_uri, d.message_id, 'e' || d.id AS id
  FROM deliveries d LEFT JOIN profiles o ON o.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id) LEFT JOIN newcomers n ON n.id = d.profile_id
  LEFT JOIN verdicts v ON v.delivery_id = d.id
 WHERE d.kind = 'conversion';

DROP VIEW delivered_conversions;
CREATE VIEW delivered_conversions AS
SELECT d.event_type, d.order_id, d.message_id,
       strftime('%Y-%m-%dT%H:%M:%S', d.event_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.event_at / 1000000 % 1000)         AS event_at,
       strftime('%Y-%m-%dT%H:%M:%S', d.delivered_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.delivered_at / 1000000 % 1000) AS delivered_at,
       d.queued_uri, coalesce(p.user_id, n.user_id) AS user_id, coalesce(p.anonymous_id, n.anonymous_id) AS anonymous_id, coalesce(p.email_sha1, n.email_sha1) AS email_sha1, d.event, round(d.amount / 10000.0, 4) AS amount, d.currency, 'e' || d.id AS id
  FROM deliveries d LEFT JOIN profiles o ON o.id = d.profile_id LEFT JOIN profiles p ON p.id = coalesce(o.absorbed_into, o.id) LEFT JOIN newcomers n ON n.id = d.profile_id
 WHERE d.kind = 'conversion' AND d.status = 0 AND d.outcome = 'delivered';
