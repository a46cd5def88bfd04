-- Refunds. Amounts are in ten-thousandths of the currency's unit. Nothing of a person
-- is kept.

-- What an order was sold with, as it was to be sent.
CREATE TABLE order_items (
  delivery_id INTEGER NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
  line        INTEGER NOT NULL,             -- from 1; 0 has what the customer paid, with tax and shipping
  sku         TEXT,
  category    TEXT,
  quantity    INTEGER NOT NULL,
  amount      INTEGER NOT NULL,             -- of all units
  PRIMARY KEY (delivery_id, line)
) WITHOUT ROWID;

-- Messages about refunds, each once.
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
CREATE INDEX refunds_order ON refunds (order_id);

-- Orders of which something was taken back: what impact.com is to know, and what it was
-- told.
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
CREATE INDEX order_changes_due ON order_changes (status, next_attempt_at) WHERE status > 0;
CREATE INDEX order_changes_stale ON order_changes (stale) WHERE stale = 1;
CREATE INDEX order_changes_passed ON order_changes (passed_at) WHERE passed_at IS NOT NULL;

-- What became of refunds.
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

-- The messages about refunds.
CREATE VIEW refund_messages AS
SELECT r.order_id, r.event, r.source, r.kind, r.items, round(r.amount / 10000.0, 4) AS amount, r.currency, r.reason, r.refund_id, r.key AS message_id,
       strftime('%Y-%m-%dT%H:%M:%S', r.at / 1000000000, 'unixepoch') || printf('.%03dZ', r.at / 1000000 % 1000) AS at, strftime('%Y-%m-%dT%H:%M:%S', r.read_at / 1000000000, 'unixepoch') || printf('.%03dZ', r.read_at / 1000000 % 1000) AS read_at, r.tentative
  FROM refunds r;

-- Reversals can be approved.
DROP VIEW approvals;
CREATE TABLE approvals_new (
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
INSERT INTO approvals_new SELECT * FROM approvals_given;
DROP TABLE approvals_given;
ALTER TABLE approvals_new RENAME TO approvals_given;
CREATE INDEX approvals_open ON approvals_given (scope, direction) WHERE used IS NULL;
CREATE VIEW approvals AS
SELECT a.id, t.key AS trait_key, a.direction, a.computation, a.amount, a.used,
       strftime('%Y-%m-%dT%H:%M:%S', a.created_at / 1000000000, 'unixepoch') || printf('.%03dZ', a.created_at / 1000000 % 1000) AS approved_at,
       strftime('%Y-%m-%dT%H:%M:%S', a.expires_at / 1000000000, 'unixepoch') || printf('.%03dZ', a.expires_at / 1000000 % 1000) AS expires_at,
       a.run AS used_by_run, a.os_user, a.host, a.given_as AS approved_as
  FROM approvals_given a LEFT JOIN traits t ON t.id = a.scope;

DROP VIEW held_changes;
CREATE VIEW held_changes AS
SELECT t.key AS trait_key, h.direction, h.held, coalesce(h.reason, g.reason) AS reason,
       strftime('%Y-%m-%dT%H:%M:%S', coalesce(h.since, g.at) / 1000000000, 'unixepoch') || printf('.%03dZ', coalesce(h.since, g.at) / 1000000 % 1000) AS held_at,
       CASE h.direction WHEN 'unknown' THEN 'set delivery.unknown.' || CASE h.kind WHEN 'conversion' THEN 'conversions' ELSE 'pageLoads' END || ': resend or drop'
         WHEN 'conversions' THEN 'approve --conversions ' || h.held WHEN 'reversals' THEN 'approve --reversals ' || h.held WHEN 'suppressions' THEN 'approve --suppressions ' || h.held
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
        SELECT -3, 'reversals', NULL, count(*), max(reason), max(held_at), NULL FROM order_changes
         WHERE status = 6 AND status > 0 AND class = 'reversals' HAVING count(*) > 0
        UNION ALL
        SELECT CASE kind WHEN 'conversion' THEN -1 ELSE 0 END, 'unknown', NULL, count(*), 'no answer came, so impact.com may have them or not', NULL, kind FROM deliveries
         WHERE status = 6 AND status > 0 AND class IS NULL AND attempts > 0 GROUP BY kind) h
  LEFT JOIN guard_verdicts g ON g.id = (SELECT max(id) FROM guard_verdicts w WHERE w.scope = h.scope AND w.direction = h.direction AND w.held = 1)
  LEFT JOIN traits t ON t.id = h.scope;
