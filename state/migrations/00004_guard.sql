-- +goose Up

-- Who left or joined a trait by messages and was let through in the last 24
-- hours: the guard counts people, however often each of them moves.
CREATE TABLE guard_passed (
  profile_id INTEGER NOT NULL,
  trait_id   INTEGER NOT NULL REFERENCES traits (id) ON DELETE CASCADE,
  is_exit    INTEGER NOT NULL,
  at         INTEGER NOT NULL,              -- the last time
  PRIMARY KEY (profile_id, trait_id, is_exit)
) WITHOUT ROWID;

-- Whom a list of suppressed people names, where that would take something from
-- them: until the guard has let it through and it is done.
CREATE TABLE suppressions (
  profile_id INTEGER PRIMARY KEY,
  person     INTEGER NOT NULL,              -- profiles.id of whom the list names; the others are more ids of theirs
  run        INTEGER NOT NULL,              -- whose list named them last
  held       INTEGER NOT NULL DEFAULT 0     -- 1: the guard holds it, and all that is due of the person with it
);
CREATE INDEX suppressions_person ON suppressions (person);

-- Verdicts and approvals of suppressions, too: scope -2. SQLite cannot change a
-- CHECK, and it would look for the table in the views while it is away.
PRAGMA legacy_alter_table = ON;

CREATE TABLE guard_verdicts_new (
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
INSERT INTO guard_verdicts_new SELECT id, scope, direction, unit, run, at, fresh, base, held, exempt, reason FROM guard_verdicts;
DROP TABLE guard_verdicts;
ALTER TABLE guard_verdicts_new RENAME TO guard_verdicts;
CREATE INDEX guard_verdicts_scope ON guard_verdicts (scope, direction, unit, id);

CREATE TABLE approvals_new (
  id         INTEGER PRIMARY KEY,
  scope      INTEGER NOT NULL,              -- as in counters; -2: suppressions
  direction  TEXT NOT NULL CHECK (direction IN ('exits', 'joins', 'conversions', 'suppressions')),
  amount     INTEGER NOT NULL,
  used       INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
INSERT INTO approvals_new SELECT id, scope, direction, amount, used, created_at, expires_at FROM approvals;
DROP TABLE approvals;
ALTER TABLE approvals_new RENAME TO approvals;

PRAGMA legacy_alter_table = OFF;

-- What the guard holds, with its words and the command that lets it through; and
-- the events without an answer that delivery.unknown: hold keeps, with what to set.
DROP VIEW held_changes;
CREATE VIEW held_changes AS
SELECT t.key AS trait_key, h.direction, h.held, coalesce(h.reason, g.reason) AS reason,
       strftime('%Y-%m-%dT%H:%M:%S', coalesce(h.since, g.at) / 1000000000, 'unixepoch') || printf('.%03dZ', coalesce(h.since, g.at) / 1000000 % 1000) AS held_at,
       CASE h.direction WHEN 'unknown' THEN 'set delivery.unknown.' || CASE h.kind WHEN 'conversion' THEN 'conversions' ELSE 'pageLoads' END || ': resend or drop'
         WHEN 'conversions' THEN 'approve --conversions ' || h.held WHEN 'suppressions' THEN 'approve --suppressions ' || h.held
         WHEN 'computation' THEN 'approve ' || t.key || ' --computation ' || h.computation ELSE 'approve ' || t.key || ' --' || h.direction || ' ' || h.held END AS command,
       h.kind
  FROM (SELECT v.trait_id AS scope, f.class AS direction, CASE f.class WHEN 'computation' THEN f.value END AS computation, count(*) AS held,
               max(f.last_error) AS reason, CASE f.class WHEN 'computation' THEN min(f.at) END AS since, 'trait_update' AS kind
          FROM trait_values v JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id
         WHERE v.status = 6 AND v.status > 0 AND f.class IS NOT 'suppressions' GROUP BY 1, 2, 3
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

-- What impact.com, or its documented rules, said no to. New: email_sha1, which is
-- all that is known of some people.
DROP VIEW refused_deliveries;
CREATE VIEW refused_deliveries AS
SELECT 'e' || d.id AS id, d.kind, d.payload ->> '$.userId' AS user_id, d.payload ->> '$.anonymousId' AS anonymous_id,
       d.event || coalesce(' ' || d.order_id, '') AS detail, d.class, d.last_error AS reason,
       strftime('%Y-%m-%dT%H:%M:%S', d.refused_at / 1000000000, 'unixepoch') || printf('.%03dZ', d.refused_at / 1000000 % 1000) AS refused_at,
       coalesce(p.email_sha1, d.payload ->> '$.traits.email', d.payload ->> '$.context.traits.email', d.payload ->> '$.properties.email') AS email_sha1
  FROM deliveries d LEFT JOIN profiles p ON p.id = d.profile_id WHERE d.status = 4
UNION ALL
SELECT 't' || v.trait_id || '-' || v.profile_id, 'trait_update', p.user_id, p.anonymous_id,
       t.key || '=' || coalesce(f.value, ''), f.class, f.last_error,
       strftime('%Y-%m-%dT%H:%M:%S', f.at / 1000000000, 'unixepoch') || printf('.%03dZ', f.at / 1000000 % 1000),
       p.email_sha1
  FROM trait_values v
  JOIN profiles p ON p.id = v.profile_id
  JOIN traits t ON t.id = v.trait_id
  JOIN trait_faults f ON f.trait_id = v.trait_id AND f.profile_id = v.profile_id
 WHERE v.status = 4;
