-- +goose Up

-- What Segment's Public API said last of a space's audiences and computed traits, and
-- of suppressed people.

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

-- Traits that the last run did not send anything of, because of what Segment says.
CREATE TABLE segment_refused (
  key    TEXT PRIMARY KEY,
  reason TEXT NOT NULL,
  since  INTEGER NOT NULL
) WITHOUT ROWID;

-- SHA-256 of the user ids that Segment suppresses, cut to 16 bytes.
CREATE TABLE segment_suppressed (hash BLOB PRIMARY KEY) WITHOUT ROWID;

CREATE VIEW segment_audiences AS
SELECT c.key, c.class, c.name, c.id, c.enabled, c.status, c.size, r.reason AS refused,
       strftime('%Y-%m-%dT%H:%M:%S', s.read_at / 1000000000, 'unixepoch') || printf('.%03dZ', s.read_at / 1000000 % 1000) AS read_at
  FROM segment_catalogue c LEFT JOIN segment_refused r ON r.key = c.key LEFT JOIN segment_reads s ON s.what = c.class
 UNION ALL
SELECT r.key, t.class, t.name, NULL, NULL, NULL, NULL, r.reason, NULL
  FROM segment_refused r LEFT JOIN traits t ON t.key = r.key WHERE NOT EXISTS (SELECT 1 FROM segment_catalogue c WHERE c.key = r.key);

DROP VIEW held_changes;
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
